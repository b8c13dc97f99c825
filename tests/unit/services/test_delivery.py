"""Delivering: the fallbacks for a post, what is never posted twice, and what only delays it."""

from bot.domain.errors import Accepted, Code, MediaError, PostError
from bot.domain.generation import State, TargetKind
from tests.unit.services.conftest import CHANNEL, World


async def test_the_ladder_goes_down_to_a_direct_message(world: World) -> None:
    gone = PostError(Code.POST_TARGET_GONE, accepted=Accepted.NO)
    world.messenger.post_faults.extend([("before", gone), ("before", gone)])
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.posting is not None
    assert row.posting.target.kind is TargetKind.DIRECT
    assert (await world.usage()).videos == 1


async def test_a_video_nobody_can_be_given_is_kept_and_not_counted(world: World) -> None:
    gone = PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO)
    world.messenger.post_faults.extend([("before", gone)] * 3)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert row.file is not None
    assert world.media.path_of(row.file).exists()
    assert (await world.usage()).videos == 0


async def test_a_private_video_never_goes_to_the_channel(world: World) -> None:
    gone = PostError(Code.POST_TARGET_GONE, accepted=Accepted.NO)
    world.messenger.post_faults.append(("before", gone))
    worker = world.start()
    await world.ask(worker, private=True)
    await world.until_over()
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.DIRECT]


async def test_too_large_is_fitted_again_to_the_limit_learned(world: World) -> None:
    too_large = PostError(Code.POST_TOO_LARGE, accepted=Accepted.NO)
    world.messenger.post_faults.append(("before", too_large))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    assert len(world.media.sizes) == 2
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.THREAD]


async def test_a_full_disk_only_delays(world: World) -> None:
    world.media.fit_faults.extend([MediaError(Code.INTERNAL, reason="disk_full")] * 5)
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.THREAD]


async def test_a_post_without_an_answer_is_not_posted_twice(world: World) -> None:
    unknown = PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN)
    world.messenger.post_faults.append(("after", unknown))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert len(world.messenger.videos) == 1


async def test_discord_away_for_an_hour_only_delays(world: World) -> None:
    away = PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=120)
    world.messenger.post_faults.extend([("before", away)] * 30)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.clock.seconds > 3600


async def test_a_channel_that_cannot_be_written_to_does_not_stop_the_video(world: World) -> None:
    world.messenger.status_faults.append(PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.place.status_message_id is None
    assert row.place.channel_id == CHANNEL
