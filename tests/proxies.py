"""A small real proxy on this machine, SOCKS5 and HTTP CONNECT, that brings every name to one place.

It stands for the operator's proxy: names that exist nowhere are resolved here alone, so whatever
arrives at the other end has come through it.
"""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

USER, PASSWORD = "mira", "p@ss:w0rd"


@dataclass
class ProxyServer:
    """``asked`` are the addresses that were asked for, in order; ``target`` where all of them lead.

    ``password_needed`` is true if only USER with PASSWORD is let through.
    """

    target: int
    password_needed: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def url(self, scheme: str, *, secrets: str = "") -> str:
        """Its address, for the configuration."""
        return f"{scheme}://{secrets}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, in whichever protocol it begins."""
        try:
            first = await reader.readexactly(1)
            reached = await (
                self._socks(reader, writer) if first == b"\x05" else self._http(reader, writer)
            )
            if reached:
                await self._through(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        method = 2 if self.password_needed else 0
        if method not in methods:
            writer.write(b"\x05\xff")
            return False
        writer.write(bytes([5, method]))
        if self.password_needed:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = (user, password) == (USER.encode(), PASSWORD.encode())
            writer.write(b"\x01" + (b"\x00" if right else b"\x01"))
            if not right:
                return False
        kind = (await reader.readexactly(4))[3]
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = f"number {(await reader.readexactly(4 if kind == 1 else 16)).hex()}"
        self.asked.append(f"{host}:{int.from_bytes(await reader.readexactly(2))}")
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return True

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, address, _ = head.split(" ", 2)
        secrets = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.password_needed and f"Basic {secrets}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return False
        if method != "ONNECT":  # the first letter was read already
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return False
        self.asked.append(address)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return True

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pour(reader, far_writer))
                group.create_task(_pour(far_reader, writer))
        finally:
            far_writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxying(
    target: int, *, password_needed: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ProxyServer]:
    """A proxy that brings everything to a port of this machine; ``tls`` makes it an https one."""
    proxy = ProxyServer(target=target, password_needed=password_needed)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
