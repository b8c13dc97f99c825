"""The control socket: a Unix socket next to the database, on which the command line reaches a bot.

Owns the protocol, one request and one response per connection, each a line of JSON, and who may
connect: only the user who owns the file.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

MAX_LINE = 8 * 2**20
READ_SECONDS = 5.0
RESPONSE_SECONDS = 120.0
_MAX_PATH = 100

Json = dict[str, Any]
Handler = Callable[[Json], Awaitable[Json]]


class ControlSocketClosedError(Exception):
    """No bot responds; the message says why."""


class ControlSocket:
    """Listens between ``start`` and ``stop``. Only this process may use ``path``."""

    def __init__(self, path: Path, handle: Handler) -> None:
        self.path = path
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen. If that is impossible, the bot runs without a socket."""
        try:
            listening = _listening(self.path)
        except OSError as error:
            log.warning(
                "control_socket_unavailable",
                path=str(self.path),
                reason=error.strerror or str(error),
            )
            return
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_LINE)

    async def stop(self) -> None:
        """Stop listening. A request that is cut off can be repeated."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with suppress(OSError):
            self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                request = _parsed(await reader.readline())
            response = {} if request is None else await self._handle(request)
            writer.write(json.dumps(response).encode() + b"\n")
            async with asyncio.timeout(READ_SECONDS):
                await writer.drain()
        except (TimeoutError, OSError, ValueError) as error:
            log.info("control_socket_dropped", error=str(error))
        finally:
            writer.close()


async def send(path: Path, request: Json) -> Json:
    """Send a request to the bot that listens at ``path`` and return its response.

    Raises:
        ControlSocketClosedError: no bot responds.
    """
    try:
        with _short(path) as short:
            async with asyncio.timeout(READ_SECONDS):
                reader, writer = await asyncio.open_unix_connection(short, limit=MAX_LINE)
    except TimeoutError:
        raise ControlSocketClosedError("it does not respond") from None
    except OSError as error:
        raise ControlSocketClosedError(error.strerror or str(error)) from None
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(RESPONSE_SECONDS):
            response = _parsed(await reader.readline())
    except (TimeoutError, OSError, ValueError):
        response = None
    finally:
        writer.close()
    if not response:
        raise ControlSocketClosedError("it did not respond")
    return response


def _parsed(line: bytes) -> Json | None:
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


@contextmanager
def _short(path: Path) -> Iterator[str]:
    # A socket's address is short: a long folder is replaced by its open descriptor.
    path = path.absolute()
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _short(path) as short:
            listening.bind(short)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    listening.setblocking(False)
    return listening
