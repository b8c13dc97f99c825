"""Leaving while Discord is away: the library's sleep between two tries holds nobody up."""

import asyncio
from typing import Any

import pytest

from bot.app import running


class Sleeper:
    """A client that notices only much later that it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_the_librarys_sleep_is_not_slept_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LEAVING_SECONDS", 0.01)
    client: Any = Sleeper()
    connection = asyncio.create_task(asyncio.Event().wait())
    async with asyncio.timeout(5):
        await running._disconnect(client, connection)  # pyright: ignore[reportArgumentType]
        await asyncio.wait({connection})
    assert client.closed
    assert connection.cancelled()


async def test_a_connection_that_ends_by_itself_is_let_end() -> None:
    client: Any = Sleeper()
    connection = asyncio.create_task(asyncio.sleep(0))
    async with asyncio.timeout(5):
        await running._disconnect(client, connection)
    assert not connection.cancelled()
