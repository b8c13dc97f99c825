"""Replies that people write, and how a process hears of them: at once, or when it is back.

Behaves as ``bot.ui.inbound.missed_replies`` does, without drawing anything. What people wrote
outlives every process, and so does the time until which the bot was listening.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.errors import Refused, StorageUnavailable
from bot.domain.ids import MessageId
from bot.services.missed import MissedReplies
from tests.fakes.ports import OwnedClock
from tests.reliability.fake_discord import Reply

BEAT_SECONDS = 60.0
TRY_AGAIN_SECONDS = 1.0


@dataclass
class KeptTime:
    """The file with the time until which the bot was listening."""

    at: datetime | None = None

    async def read(self) -> datetime | None:
        return self.at

    async def write(self, at: datetime) -> None:
        self.at = at


@dataclass(kw_only=True)
class Hearing:
    """One process's connection to Discord, as far as it brings replies."""

    discord: Any
    missed: MissedReplies
    clock: Any
    answer: Callable[[Reply], Awaitable[None]]

    async def arrived(self, reply: Reply) -> None:
        """Answer a reply. One who is told that it did not work tries again after a moment."""
        while True:
            with suppress(Refused):
                try:
                    await self.answer(reply)
                except StorageUnavailable:
                    await self.clock.sleep(TRY_AGAIN_SECONDS)
                    continue
            return

    async def connected(self) -> None:
        """A fresh session: answer what was written before it, once."""
        since = await self.missed.since()
        for spot in await self.missed.spots() if since is not None else ():
            replies: list[Reply] = await self.discord.replies(spot.channel_id, since=since)
            waiting = await self.missed.unanswered([MessageId(reply.id) for reply in replies])
            for reply in replies:
                if reply.id in waiting:
                    await self.arrived(reply)
        await self.missed.caught_up()

    async def keep_time(self) -> None:
        """Keep that the bot is listening, again and again."""
        await self.connected()
        while True:
            await self.clock.sleep(BEAT_SECONDS)
            await self.missed.beat()


def written(clock: OwnedClock, replies: list[Reply], channel_id: int) -> Reply:
    """A person writes a reply in a channel."""
    reply = Reply(id=MessageId(9000 + len(replies)), channel_id=channel_id, at=clock.now())
    replies.append(reply)
    return reply
