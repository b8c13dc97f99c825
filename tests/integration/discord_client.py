"""What the fixtures here hand out: an owned clock, a served stand-in, a small real client."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from aiohttp import web
from discord import app_commands

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.models import Thread


class OwnedClock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


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


class SmallClient(discord.Client):
    """A discord.py client with a command tree and a list of what it was told."""

    def __init__(self, intents: discord.Intents) -> None:
        super().__init__(
            intents=intents,
            guild_ready_timeout=0.1,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)
        self.heard: dict[str, list[Any]] = {}
        self.errors: list[BaseException] = []
        self._changed = asyncio.Condition()

    async def note(self, event: str, *args: Any) -> None:
        self.heard.setdefault(event, []).append(args)
        async with self._changed:
            self._changed.notify_all()

    async def hear(self, event: str, count: int = 1) -> Any:
        """The arguments of the count-th event of this kind."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.heard.get(event, ())) >= count)
        args = self.heard[event][count - 1]
        return args[0] if len(args) == 1 else args

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        super().dispatch(event, *args, **kwargs)
        self._schedule_event(self.note, "note", event, *args)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        self.errors.append(error)


@dataclass
class Bot:
    """A logged-in client and its stand-in."""

    client: SmallClient
    standin: DiscordStandIn
    ended: asyncio.Task[None] = field(repr=False)

    @property
    def user(self) -> discord.ClientUser:
        assert self.client.user is not None
        return self.client.user

    def thread(self, thread_id: int) -> Thread:
        """The stand-in's own view of a thread."""
        thread = self.standin.world.channels[str(thread_id)].thread
        assert thread is not None
        return thread

    def channel(self, name: str) -> Any:
        channel = self.client.get_channel(int(self.standin.world.channel(name).id))
        assert channel is not None
        return channel


Start = Callable[..., Awaitable[Bot]]
