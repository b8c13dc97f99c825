"""Replies that were written while the bot was offline: since when, and where to search.

This module owns the time until which the bot was online, and the choice of channels. Discord does
not resend messages from an absence. The client reads the channels; the request key ensures that a
reply is answered once.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.generation import Generation, TargetKind
from bot.domain.ids import DIRECT, ChannelId, GuildId, MessageId
from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage, Transaction

LONGEST_ABSENCE = timedelta(hours=24)
RECENT = timedelta(days=3)
MARGIN = timedelta(seconds=60)
"""Discord's clock and ours may differ by this much."""

MOST_VIDEOS = 300
MOST_PLACES = 100


def reply_key(message_id: int) -> str:
    """Return the request key of the generation that a reply requests."""
    return f"message:{message_id}"


class Presence(Protocol):
    """The stored time until which the bot was online. It outlives the process."""

    async def read(self) -> datetime | None:
        """Return the time that was written last; None if there is none or it is unreadable."""
        ...

    async def write(self, at: datetime) -> None:
        """Save the time. A failure is not an error, because the next one may succeed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place with a recent video in it: a thread, a channel or a direct message."""

    channel_id: ChannelId
    guild_id: GuildId


@dataclass(kw_only=True)
class MissedReplies:
    """Finds missed replies. ``listening`` is true if the bot receives messages now."""

    storage: Storage
    clock: Clock
    presence: Presence
    listening: bool = field(default=False, init=False)

    async def since(self) -> datetime | None:
        """Return the time since when replies may have been missed; None at the first start."""
        heard_until = await self.presence.read()
        if heard_until is None:
            return None
        return max(heard_until - MARGIN, self.clock.now() - LONGEST_ABSENCE)

    async def spots(self) -> Sequence[Spot]:
        """Return the places of recent videos, the newest first."""
        since = self.clock.now() - RECENT
        videos = await self.storage.read(
            lambda tx: tx.generations.posted(since=since, limit=MOST_VIDEOS)
        )
        return list(dict.fromkeys(spot for video in videos for spot in _spots(video)))[:MOST_PLACES]

    async def unanswered(self, message_ids: Sequence[MessageId]) -> Collection[MessageId]:
        """Return those of the messages that have no generation."""

        async def work(tx: Transaction) -> set[MessageId]:
            generations = tx.generations
            return {
                message_id
                for message_id in message_ids
                if await generations.by_request_key(reply_key(message_id)) is None
            }

        return await self.storage.read(work)

    async def caught_up(self) -> None:
        """Record that the bot receives messages from now on."""
        self.listening = True
        await self.beat()

    def lost(self) -> None:
        """Record that the connection is lost, so that messages do not arrive."""
        self.listening = False

    async def beat(self) -> None:
        """Save the current time if the bot is listening."""
        if self.listening:
            await self.presence.write(self.clock.now())


def _spots(generation: Generation) -> Iterator[Spot]:
    """Yield the places of its video and its status message: users reply to either."""
    posting, place = generation.posting, generation.place
    video_in = posting.channel_id if posting is not None else None
    direct = posting is not None and posting.target.kind is TargetKind.DIRECT
    if posting is not None and video_in is None and not direct:
        # It may be posted but not recorded yet: users can see a video before that.
        video_in = ChannelId(posting.target.id)
    if video_in is not None:
        yield Spot(channel_id=video_in, guild_id=DIRECT if direct else place.guild_id)
    if place.status_channel_id is not None:
        # A private request for which no thread could be made went to a direct message.
        direct = place.private and place.thread_id is None
        guild_id = DIRECT if direct else place.guild_id
        yield Spot(channel_id=place.status_channel_id, guild_id=guild_id)
