"""The messenger on a real client against the stand-in, with a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.domain.generation import Generation, LiveStatus, Place, Posting, State, Target, TargetKind
from bot.domain.ids import ChannelId, GuildId, UserId, message_nonce
from bot.domain.media import FitStep
from bot.ui.messenger.messenger import DiscordMessenger
from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import STUDIO, TOM, VIDEOS
from tests.fakes.services import CATALOGUE, generation, video_file

# Fixtures of the stand-in, shared with the tests of flows.
from tests.integration.conftest import bot, clock, standin, start, validator  # noqa: F401
from tests.integration.discord_client import Bot

Json = dict[str, Any]
WORKING = LiveStatus(progress=40)


class SteppedClock:
    """Time that passes only by ``step``; who waits is woken when it is due."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self.ahead = 0.0
        self._moved = asyncio.Condition()
        self.waiting = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds() + self.ahead, UTC)

    def monotonic(self) -> float:
        return self.ahead

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        due = None if seconds is None else self.ahead + seconds
        watch = asyncio.ensure_future(self._watch(event))
        try:
            async with self._moved:
                self.waiting += 1
                self._moved.notify_all()
                await self._moved.wait_for(
                    lambda: event.is_set() or (due is not None and self.ahead >= due)
                )
        finally:
            self.waiting -= 1
            watch.cancel()
        return event.is_set()

    async def step(self, seconds: float) -> None:
        async with self._moved:
            self.ahead += seconds
            self._moved.notify_all()

    async def idle(self, waiters: int = 1) -> None:
        """Until so many wait on this clock, so that nothing happens but by time."""
        async with asyncio.timeout(10), self._moved:
            await self._moved.wait_for(lambda: self.waiting >= waiters)

    async def _watch(self, event: asyncio.Event) -> None:
        await event.wait()
        async with self._moved:
            self._moved.notify_all()


@dataclass
class MessengerHarness:
    """The messenger, and what is behind it."""

    messenger: DiscordMessenger
    client: discord.Client
    standin: DiscordStandIn
    clock: SteppedClock
    folder: Path
    numbers: list[int] = field(default_factory=lambda: list(range(100, 0, -1)))

    def generation(self, **changes: Any) -> Generation:
        """A fresh one, asked for by Tom in #videos."""
        place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(VIDEOS)))
        now = self.clock.now()
        given = {"place": place, "created_at": now, "requester_id": UserId(int(TOM))} | changes
        return generation(self.numbers.pop(), **given)

    async def opened(self, **changes: Any) -> Generation:
        """One with its status message and thread."""
        asked = self.generation(**changes)
        place = await self.messenger.open_status(asked, LiveStatus(position=2), again=False)
        return replace(asked, place=place, revision=1)

    def file(self, data: bytes = b"film") -> Path:
        path = self.folder / "film.mp4"
        path.write_bytes(data)
        return path

    def posting(self, asked: Generation, target: Target | None = None) -> Posting:
        target = target or Target(
            kind=TargetKind.THREAD if asked.place.thread_id else TargetKind.CHANNEL,
            id=asked.place.thread_id or asked.place.channel_id,
        )
        return Posting(
            target=target, nonce=message_nonce(asked.id, "video"), started_at=self.clock.now()
        )

    async def post(
        self,
        asked: Generation,
        posting: Posting | None = None,
        *,
        data: bytes = b"film",
        step: FitStep = FitStep.ORIGINAL,
        original_url: str | None = None,
    ) -> Posting:
        return await self.messenger.post_video(
            replace(asked, state=State.POSTING, file=video_file()),
            posting or self.posting(asked),
            self.file(data),
            step=step,
            original_url=original_url,
        )

    def message(self, message_id: int | None) -> Json:
        """A message as people see it."""
        return self.standin.render.message(self.standin.world.messages[str(message_id)])

    def calls(self, method: str, path: str) -> list[Json]:
        """The REST calls whose path ends so."""
        return [
            exchange
            for exchange in self.standin.exchanges
            if exchange["method"] == method and exchange["path"].split("?")[0].endswith(path)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With status messages being kept up to date."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.messenger.run())
            await self.clock.idle()
            try:
                yield
            finally:
                task.cancel()


@pytest.fixture
def harness(bot: Bot, tmp_path: Path) -> MessengerHarness:  # noqa: F811 - fixtures by name
    stepped = SteppedClock(bot.standin.clock)
    messenger = DiscordMessenger(client=bot.client, clock=stepped, catalogue=CATALOGUE)
    return MessengerHarness(messenger, bot.client, bot.standin, stepped, tmp_path)
