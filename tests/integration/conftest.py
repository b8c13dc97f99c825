"""A running Discord stand-in, judged by Discord's own document, and a small real client for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
import yarl
from aiohttp import web
from discord import app_commands

from sandbox.discord import DiscordStandIn
from sandbox.discord.judge import VARIABLE, Judge, document


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "expect_violations(text): exchanges whose violation holds this text are part of the test",
    )
    config.addinivalue_line("markers", "expect_unhandled: unknown routes are part of the test")
    config.addinivalue_line("markers", "expect_crashes: a crashing handler is part of the test")


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Discord's OpenAPI document as a judge; without the document the tests cannot be believed."""
    if document() is None:
        sentence = f"Discord's OpenAPI document is not here; name it in {VARIABLE}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return Judge.load()


class OwnedClock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> OwnedClock:
    return OwnedClock()


@asynccontextmanager
async def serving(standin: DiscordStandIn) -> AsyncIterator[DiscordStandIn]:
    """The stand-in on a free port of this machine."""
    app = web.Application()
    standin.mount(app)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        standin.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield standin
    finally:
        await runner.cleanup()
        await standin.close()


def complaints(standin: DiscordStandIn, request: pytest.FixtureRequest) -> list[object]:
    """What a test must not leave behind, without what its markers expect."""
    expected = [
        text for mark in request.node.iter_markers("expect_violations") for text in mark.args
    ]
    left: list[object] = [
        violation
        for violation in standin.violations
        if not any(text in violation for text in expected)
    ]
    left += [
        f"expected a violation with {text!r}"
        for text in expected
        if not any(text in violation for violation in standin.violations)
    ]
    if not request.node.get_closest_marker("expect_unhandled"):
        left += standin.unhandled
    if not request.node.get_closest_marker("expect_crashes"):
        left += standin.crashes
    return left


@pytest.fixture
async def standin(
    judge: Judge, clock: OwnedClock, request: pytest.FixtureRequest
) -> AsyncIterator[DiscordStandIn]:
    """A running stand-in on a clock the test owns; at the end it has nothing to complain about."""
    async with serving(DiscordStandIn(clock=clock, validator=judge)) as running:
        yield running
    assert complaints(running, request) == []


class SmallClient(discord.Client):
    """A discord.py client with a command tree and a list of what it was told."""

    def __init__(self, intents: discord.Intents) -> None:
        super().__init__(
            intents=intents, guild_ready_timeout=0.1, allowed_mentions=discord.AllowedMentions.none()
        )
        self.tree = app_commands.CommandTree(self)
        self.heard: dict[str, list[Any]] = {}
        self.errors: list[BaseException] = []
        self._told = asyncio.Condition()

    async def told(self, event: str, *args: Any) -> None:
        self.heard.setdefault(event, []).append(args)
        async with self._told:
            self._told.notify_all()

    async def hear(self, event: str, count: int = 1) -> Any:
        """The arguments of the count-th event of this kind."""
        async with asyncio.timeout(10), self._told:
            await self._told.wait_for(lambda: len(self.heard.get(event, ())) >= count)
        args = self.heard[event][count - 1]
        return args[0] if len(args) == 1 else args

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        super().dispatch(event, *args, **kwargs)
        self._schedule_event(self.told, "told", event, *args)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        assert error is not None
        self.errors.append(error)


@dataclass
class Bot:
    """A logged-in client and its stand-in."""

    client: SmallClient
    standin: DiscordStandIn
    ended: asyncio.Task[None] = field(repr=False)

    def channel(self, name: str) -> Any:
        channel = self.client.get_channel(int(self.standin.world.channel(name).id))
        assert channel is not None
        return channel


Start = Callable[..., Awaitable[Bot]]


@pytest.fixture
async def start(
    standin: DiscordStandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    """Starts clients against the stand-in; they are closed at the end of the test."""
    monkeypatch.setattr(discord.http.Route, "BASE", f"{standin.base_url}/api/v10")
    monkeypatch.setattr(
        discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url)
    )

    async def no_wait(self: object, shard_id: object, *, initial: bool = False) -> None:
        """A fresh identify waits five seconds for Discord's sake."""

    monkeypatch.setattr(SmallClient, "before_identify_hook", no_wait)
    started: list[Bot] = []

    async def starting(
        *,
        intents: discord.Intents | None = None,
        prepare: Callable[[SmallClient], None] | None = None,
        token: str = standin.token,
    ) -> Bot:
        wanted = intents or discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        client = SmallClient(wanted)
        if prepare:
            prepare(client)
        ended = asyncio.create_task(client.start(token))
        bot = Bot(client, standin, ended)
        started.append(bot)
        ready = asyncio.create_task(client.hear("ready"))
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await ended
        await ready
        if prepare:
            await client.tree.sync()
        return bot

    yield starting
    for bot in started:
        await bot.client.close()
        await asyncio.wait({bot.ended}, timeout=5)
    assert [bot.client.errors for bot in started if bot.client.errors] == []


@pytest.fixture
async def bot(start: Start) -> Bot:
    """A client without commands, ready."""
    return await start()
