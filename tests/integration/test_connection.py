"""The way to Discord when Discord says wait, says nothing, or hangs up: waited for, and said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.app.connection import FIRST_WAIT, DiscordLink
from bot.app.errors import CannotRunError
from sandbox.discord import DiscordStandIn
from tests.fakes.services import NOON

ME = {"method": "GET", "route": "/users/@me"}
GATEWAY = {"method": "GET", "route": "/gateway/bot"}


class Waits:
    """A clock on which every wait is over at once, and kept."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.at: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        self.waited.append(seconds or 0.0)
        self.at()
        return event.is_set()


@dataclass
class Connection:
    link: DiscordLink
    clock: Waits
    standin: DiscordStandIn
    stop: asyncio.Event

    async def log_in(self) -> bool:
        return await self.link.log_in(self.standin.token, self.stop)


@pytest.fixture
async def connection(
    standin: DiscordStandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connection]:
    monkeypatch.setattr(Route, "BASE", f"{standin.base_url}/api/v10")
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url))
    client = discord.Client(
        intents=discord.Intents(guilds=True), max_ratelimit_timeout=30, guild_ready_timeout=0.1
    )
    clock = Waits()
    async with client:
        yield Connection(DiscordLink(client=client, clock=clock), clock, standin, asyncio.Event())


async def test_a_long_limit_at_login_is_waited_for(connection: Connection) -> None:
    connection.standin.faults.order(ME | {"status": 429, "headers": {"Retry-After": "82800"}})
    said: list[str] = []
    connection.clock.at = lambda: said.append(connection.link.detail)
    assert await connection.log_in()
    assert connection.clock.waited == [82800]
    until = NOON + timedelta(seconds=82800)
    assert said == [f"waiting until {until:%Y-%m-%d %H:%M:%S} UTC (login_failed)"]
    assert connection.link.logged_in.is_set()
    assert connection.link.detail == "connecting"


@pytest.mark.parametrize(
    "fault",
    [
        # The HTTP library itself asks once more.
        {"drop": "before", "times": 2},
        {"drop": "after", "times": 2},
        {"status": 503},
        {"status": 403, "body": "<html>not Discord</html>"},
        {"status": 200, "body": "<html>a captive portal</html>"},
        {"status": 200, "body": {"hello": "world"}},
    ],
)
async def test_trouble_at_login_ends_nothing(connection: Connection, fault: dict[str, Any]) -> None:
    connection.standin.faults.order(ME | fault)
    assert await connection.log_in()
    assert connection.clock.waited == [FIRST_WAIT]


async def test_the_distance_grows(connection: Connection) -> None:
    connection.standin.faults.order(ME | {"status": 503, "times": 4})
    assert await connection.log_in()
    assert connection.clock.waited == [15, 30, 60, 120]


async def test_a_stop_while_waiting(connection: Connection) -> None:
    connection.standin.faults.order(ME | {"status": 503, "times": 100})
    connection.clock.at = connection.stop.set
    assert not await connection.log_in()


async def test_a_wrong_token_is_for_the_operator(connection: Connection) -> None:
    with pytest.raises(CannotRunError, match="doesn't accept the token"):
        await connection.link.log_in("wrong", connection.stop)


async def connected(connection: Connection) -> Awaitable[None]:
    """Stays connected until the bot is online, then stops."""
    assert await connection.log_in()
    staying = asyncio.create_task(connection.link.stay(connection.stop))
    await connection.standin.wait("BOT", {"online": True}, timeout=20)
    connection.stop.set()
    await connection.link.client.close()
    async with asyncio.timeout(10):
        await staying
    return staying


async def test_no_sessions_for_23_hours_are_waited_for(connection: Connection) -> None:
    connection.standin.faults.order(GATEWAY | {"status": 429, "headers": {"Retry-After": "82800"}})
    await connected(connection)
    assert connection.clock.waited == [82800]


async def test_without_a_session_start_left_none_is_tried(connection: Connection) -> None:
    limit = {"total": 1000, "remaining": 0, "reset_after": 3_600_000, "max_concurrency": 1}
    body = {"url": connection.standin.gateway_url, "shards": 1, "session_start_limit": limit}
    connection.standin.faults.order(GATEWAY | {"status": 200, "body": body})
    await connected(connection)
    assert connection.clock.waited == [3600]


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "before"}, {"status": 404}])
async def test_a_question_without_an_answer_keeps_nobody_from_connecting(
    connection: Connection, fault: dict[str, Any]
) -> None:
    connection.standin.faults.order(GATEWAY | fault)
    await connected(connection)
    assert connection.clock.waited == []
