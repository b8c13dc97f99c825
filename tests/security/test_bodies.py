"""Hostile responses: endless, slow, or far too large.

The caps on JSON and files are tested with the HTTP client; here are responses that play for time or
memory. None may hold a call beyond its time limit, and none is accepted as an answer.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.domain.errors import MediaError, ProviderError
from bot.providers.addresses import AddressPolicy
from bot.providers.http import JSON_CAP, HttpClient, Timeouts
from tests.security.conftest import Tally

SHORT = Timeouts(connect=0.2, submit=0.2, read=0.2, idle=0.2, transfer=0.2)
GRACE_SECONDS = 15.0
"""A busy machine takes its time over what is poured out; a held call would take for ever."""

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """A piece every few milliseconds, each in time for whoever counts silence only."""
    stop = asyncio.Event()
    while True:
        writer.write(piece)
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.03)


async def pour(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()


def speaking(head: bytes, more: Speak | None = None) -> Speak:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()
        if more is not None:
            await more(reader, writer)

    return speak


def dripping(piece: bytes) -> Speak:
    return lambda _, writer: drip(writer, piece)


def pouring(piece: bytes) -> Speak:
    return lambda _, writer: pour(writer, piece)


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


HOSTILE: dict[str, Speak] = {
    "no answer at all": speaking(b"", silence),
    "half a status line": speaking(b"HTTP/1.1 20", silence),
    "headers one letter at a time": speaking(OK + b"X-Slow: ", dripping(b"a")),
    "headers without an end": speaking(OK, pouring(b"X-Many: " + b"a" * 4000 + b"\r\n")),
    "one header without an end": speaking(OK + b"X-Long: ", pouring(b"a" * 65536)),
    "a body that never begins": speaking(OK + b"Content-Length: 100\r\n\r\n", silence),
    "a body one letter at a time": speaking(
        OK + b"Content-Length: 1000000\r\n\r\n", dripping(b" ")
    ),
    "chunks one letter at a time": speaking(CHUNKED, dripping(b"1\r\n \r\n")),
    "a chunk of a negative size": speaking(CHUNKED + b"-1\r\nx\r\n0\r\n\r\n"),
    "a chunk as large as numbers go": speaking(CHUNKED + b"ffffffffffffffff\r\nx", silence),
    "two lengths": speaking(OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}", silence),
    "a length that is no number": speaking(OK + b"Content-Length: -5\r\n\r\n{}", silence),
    "a hundred informational answers": speaking(b"HTTP/1.1 103 Early\r\n\r\n" * 100, silence),
    "hints without an end": speaking(b"", pouring(b"HTTP/1.1 103 Early\r\n\r\n")),
    "more than any answer needs": speaking(
        OK + f"Content-Length: {JSON_CAP * 100}\r\n\r\n".encode(), pouring(b" " * 65536)
    ),
}


@contextlib.asynccontextmanager
async def server(speak: Speak) -> AsyncIterator[str]:
    talking: set[asyncio.Task[object]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}/"
    finally:
        made.close()
        for task in talking:
            task.cancel()
        await asyncio.wait(talking)
        await asyncio.sleep(0)


@pytest.mark.parametrize("what", HOSTILE)
async def test_no_answer_holds_or_floods_a_call(what: str, tmp_path: Path, tally: Tally) -> None:
    async with (
        server(HOSTILE[what]) as url,
        HttpClient(service="x", policy=AddressPolicy(loopback=True), timeouts=SHORT) as client,
    ):
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "read": lambda: client.get(url, key="k"),
            "buy": lambda: client.post_paid(url, key="k", body={}, headers={}),
            "download": lambda: client.download(url, tmp_path / "a", max_bytes=1_000_000),
        }
        for name, call in calls.items():
            began = time.monotonic()
            try:
                await call()
            except (ProviderError, MediaError):
                in_time = time.monotonic() - began < GRACE_SECONDS
                tally.refused(f"{what}: {name}", ok=in_time)
            else:
                tally.refused(f"{what}: {name} took it for an answer", ok=False)
            assert list(tmp_path.iterdir()) == []
