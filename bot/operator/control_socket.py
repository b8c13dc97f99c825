"""The control socket: a Unix socket next to the database, through which the command line asks the
running bot.

Owns one question and one answer per connection, a line of JSON each, and who may connect: only the
user who owns the file. What a question means is the handler's business.
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

LONGEST_LINE = 8 * 2**20
READ_SECONDS = 5.0
ANSWER_SECONDS = 120.0
_LONGEST_PATH = 100

Json = dict[str, Any]
Answerer = Callable[[Json], Awaitable[Json]]


class ControlSocketClosedError(Exception):
    """Nobody answers there; the message says why."""


class ControlSocket:
    """Listens between ``start`` and ``stop``. ``path`` must be this process's alone to use."""

    def __init__(self, path: Path, answer: Answerer) -> None:
        self.path = path
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen. Without a socket the bot runs all the same; the log says so."""
        try:
            listening = _listening(self.path)
        except OSError as error:
            log.warning("desk_closed", path=str(self.path), reason=error.strerror or str(error))
            return
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=LONGEST_LINE
        )

    async def stop(self) -> None:
        """Stop listening; what is being answered may be cut off, and can be asked again."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with suppress(OSError):
            self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                question = _parsed(await reader.readline())
            answer = {} if question is None else await self._answer(question)
            writer.write(json.dumps(answer).encode() + b"\n")
            async with asyncio.timeout(READ_SECONDS):
                await writer.drain()
        except (TimeoutError, OSError, ValueError) as error:
            log.info("desk_left", error=str(error))
        finally:
            writer.close()


async def ask(path: Path, question: Json) -> Json:
    """Ask the bot that listens at ``path``.

    Raises:
        DeskClosedError: it does not answer.
    """
    try:
        with _short(path) as short:
            async with asyncio.timeout(READ_SECONDS):
                reader, writer = await asyncio.open_unix_connection(short, limit=LONGEST_LINE)
    except TimeoutError:
        raise ControlSocketClosedError("it does not answer") from None
    except OSError as error:
        raise ControlSocketClosedError(error.strerror or str(error)) from None
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = _parsed(await reader.readline())
    except (TimeoutError, OSError, ValueError):
        answer = None
    finally:
        writer.close()
    if not answer:
        raise ControlSocketClosedError("it did not answer")
    return answer


def _parsed(line: bytes) -> Json | None:
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A path short enough for a socket's address: a long folder is reached through its number."""
    path = path.absolute()
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _listening(path: Path) -> socket.socket:
    """A socket that only this user can open. What an earlier process left there is removed."""
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
