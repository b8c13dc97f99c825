"""A running Discord stand-in, validated against Discord's own document, and real clients for it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from sandbox.discord import DiscordStandIn
from sandbox.discord.wire.openapi import VARIABLE, OpenApiValidator, document
from tests.integration.discord_client import (
    Bot,
    OwnedClock,
    SmallClient,
    Start,
    complaints,
    serving,
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "expect_violations(text): exchanges whose violation holds this text are part of the test",
    )
    config.addinivalue_line("markers", "expect_unhandled: unknown routes are part of the test")
    config.addinivalue_line("markers", "expect_crashes: a crashing handler is part of the test")


@pytest.fixture(scope="session")
def validator() -> OpenApiValidator:
    """A validator from Discord's OpenAPI document; without the document these tests are skipped."""
    if document() is None:
        sentence = f"Discord's OpenAPI document is not here; name it in {VARIABLE}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return OpenApiValidator.load()


@pytest.fixture
def clock() -> OwnedClock:
    return OwnedClock()


@pytest.fixture
async def standin(
    validator: OpenApiValidator, clock: OwnedClock, request: pytest.FixtureRequest
) -> AsyncIterator[DiscordStandIn]:
    """A running stand-in on a clock the test owns; at the end it has nothing to complain about."""
    async with serving(DiscordStandIn(clock=clock, validator=validator)) as running:
        yield running
    assert complaints(running, request) == []


@pytest.fixture
async def start(standin: DiscordStandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts clients against the stand-in; they are closed at the end of the test."""
    monkeypatch.setattr(Route, "BASE", f"{standin.base_url}/api/v10")
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(standin.gateway_url))

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
