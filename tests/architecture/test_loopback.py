"""The guard that keeps every test on this machine is itself awake."""

import asyncio
import socket

import aiohttp
import pytest

# A block of addresses reserved for documentation: nobody is there.
ELSEWHERE = "192.0.2.1"


@pytest.mark.parametrize("way", ["connect", "connect_ex"])
def test_a_plain_socket_cannot_leave(way: str, attempts_outside: list[str]) -> None:
    with socket.socket() as plain, pytest.raises(OSError, match="loopback only"):
        getattr(plain, way)((ELSEWHERE, 80))
    assert attempts_outside == [ELSEWHERE]
    attempts_outside.clear()


def test_a_datagram_cannot_leave(attempts_outside: list[str]) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        pytest.raises(OSError, match="loopback only"),
    ):
        datagrams.sendto(b"?", (ELSEWHERE, 53))
    attempts_outside.clear()


async def test_aiohttp_cannot_leave_by_name_or_number(attempts_outside: list[str]) -> None:
    async with aiohttp.ClientSession() as session:
        for url in (f"http://{ELSEWHERE}/", "http://provider.invalid/"):
            with pytest.raises(aiohttp.ClientConnectorError, match="loopback only"):
                await session.get(url)
    assert attempts_outside == [ELSEWHERE, "provider.invalid"]
    attempts_outside.clear()


async def test_this_machine_is_within_reach() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port)
        writer.write(b"here")
        assert await reader.read() == b"here"
        writer.close()
        await writer.wait_closed()
