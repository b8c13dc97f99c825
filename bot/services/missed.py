"""Replies that were written while the bot was away: since when, and where to look for them.

Owns the time until which the bot was listening, and the choice of places. Discord does not repeat
what was written during an absence. Reading the places is the client's business; that a reply is
answered once is the request key's.
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
    """The request key of the one generation that a reply asks for."""
    return f"message:{message_id}"


class Presence(Protocol):
    """A time that outlives the process: until when the bot was listening."""

    async def read(self) -> datetime | None:
        """The time that was written last; None if there is none, or it cannot be read."""
        ...

    async def write(self, at: datetime) -> None:
        """Keep the time. That it cannot be kept is no error: the next one may be."""
        ...


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place with a recent video in it: a thread, a channel or a direct message."""

    channel_id: ChannelId
    guild_id: GuildId


@dataclass(kw_only=True)
class MissedReplies:
    """Knows the absence. ``listening`` is true if nothing is being missed right now."""

    storage: Storage
    clock: Clock
    presence: Presence
    listening: bool = field(default=False, init=False)

    async def since(self) -> datetime | None:
        """The time from which replies may have been missed; None at the very first start."""
        heard_until = await self.presence.read()
        if heard_until is None:
            return None
        return max(heard_until - MARGIN, self.clock.now() - LONGEST_ABSENCE)

    async def spots(self) -> Sequence[Spot]:
        """The places of recent videos, the newest first."""
        since = self.clock.now() - RECENT
        videos = await self.storage.read(
            lambda tx: tx.generations.posted(since=since, limit=MOST_VIDEOS)
        )
        return list(dict.fromkeys(spot for video in videos for spot in _spots(video)))[:MOST_PLACES]

    async def unanswered(self, message_ids: Sequence[MessageId]) -> Collection[MessageId]:
        """Those of the messages that no generation was made for."""

        async def work(tx: Transaction) -> set[MessageId]:
            generations = tx.generations
            return {
                message_id
                for message_id in message_ids
                if await generations.by_request_key(reply_key(message_id)) is None
            }

        return await self.storage.read(work)

    async def caught_up(self) -> None:
        """From now on nothing is missed."""
        self.listening = True
        await self.beat()

    def lost(self) -> None:
        """The connection is gone: what is written now does not arrive."""
        self.listening = False

    async def beat(self) -> None:
        """Keep that the bot is listening now, if it is."""
        if self.listening:
            await self.presence.write(self.clock.now())


def _spots(generation: Generation) -> Iterator[Spot]:
    """Where its video and its status message stand: people reply to either."""
    posting, place = generation.posting, generation.place
    video_in = posting.channel_id if posting is not None else None
    direct = posting is not None and posting.target.kind is TargetKind.DIRECT
    if posting is not None and video_in is None and not direct:
        # Posted, perhaps, and not written down yet: people see a video before that.
        video_in = ChannelId(posting.target.id)
    if video_in is not None:
        yield Spot(channel_id=video_in, guild_id=DIRECT if direct else place.guild_id)
    if place.status_channel_id is not None:
        # A private request for which no thread could be made went to a direct message.
        direct = place.private and place.thread_id is None
        guild_id = DIRECT if direct else place.guild_id
        yield Spot(channel_id=place.status_channel_id, guild_id=guild_id)
