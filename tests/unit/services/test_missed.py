"""Since when replies may have been missed, and where they are looked for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.generation import State
from bot.domain.ids import DIRECT, ChannelId, MessageId
from bot.services.missed import LONGEST_ABSENCE, MARGIN, RECENT, MissedReplies, Spot, reply_key
from tests.unit.services.conftest import CHANNEL, GUILD, World


@dataclass
class Kept:
    """A presence that outlives nothing."""

    times: list[datetime] = field(default_factory=list[datetime])

    async def read(self) -> datetime | None:
        return self.times[-1] if self.times else None

    async def write(self, at: datetime) -> None:
        self.times.append(at)


def missed(world: World, kept: Kept) -> MissedReplies:
    return MissedReplies(storage=world.storage, clock=world.clock, presence=kept)


async def test_the_absence_begins_with_the_last_sign_of_listening(world: World) -> None:
    kept, start = Kept(), world.clock.now()
    replies = missed(world, kept)
    assert await replies.since() is None
    await replies.beat()
    assert kept.times == []
    await replies.caught_up()
    world.clock.seconds += 60
    await replies.beat()
    replies.lost()
    world.clock.seconds += 600
    await replies.beat()
    assert kept.times == [start, start + timedelta(seconds=60)]
    # The next process knows no more than the file.
    assert await missed(world, kept).since() == start + timedelta(seconds=60) - MARGIN


async def test_a_long_absence_is_read_for_one_day(world: World) -> None:
    kept = Kept([world.clock.now() - timedelta(days=9)])
    assert await missed(world, kept).since() == world.clock.now() - LONGEST_ABSENCE


async def test_places_of_recent_videos_are_read_once_each(world: World) -> None:
    worker = world.start()
    for _ in range(3):
        receipt = await world.ask(worker)
        await world.until_state(receipt.generation.id, State.DELIVERED)
    waiting = await world.ask(worker)
    spots = await missed(world, Kept()).spots()
    # The fake's threads are numbered; every status message stands in the one channel.
    assert spots == [
        Spot(channel_id=ChannelId(5003), guild_id=GUILD),
        Spot(channel_id=CHANNEL, guild_id=GUILD),
        Spot(channel_id=ChannelId(5002), guild_id=GUILD),
        Spot(channel_id=ChannelId(5001), guild_id=GUILD),
    ]
    await world.until_state(waiting.generation.id, State.DELIVERED)
    world.clock.ahead += RECENT.total_seconds() + 60
    assert await missed(world, Kept()).spots() == []


async def test_what_went_to_a_direct_message_is_read_there(world: World) -> None:
    world.messenger.threads = False
    worker = world.start()
    receipt = await world.ask(worker, private=True)
    await world.until_state(receipt.generation.id, State.DELIVERED)
    spots = await missed(world, Kept()).spots()
    assert spots
    assert {spot.guild_id for spot in spots} == {DIRECT}
    await world.until_over()


async def test_what_was_answered_is_known_by_its_message(world: World) -> None:
    worker = world.start()
    await world.ask(worker, request_key=reply_key(77))
    ids = [MessageId(77), MessageId(78)]
    assert await missed(world, Kept()).unanswered(ids) == {MessageId(78)}
    await world.until_over()
