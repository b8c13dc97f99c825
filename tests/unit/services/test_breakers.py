"""Providers down, busy or out of money are left alone, by everybody, and tried again by one."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import ParkReason, State
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.request import VideoRequest
from bot.engine.context import Policy
from tests.fakes.providers import EVOLINK, refusal, silence
from tests.unit.services.conftest import NOBODY, World

BUSY = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=60)
DOWN = refusal(Code.PROVIDER_UNAVAILABLE, retryable=True)


async def test_a_provider_without_money_is_asked_once_not_by_everybody(world: World) -> None:
    world.evolink.micro_usd = 0
    world.evolink.submit_faults.extend([("before", refusal(Code.PROVIDER_BALANCE))] * 9)
    worker = world.start()
    for _ in range(4):
        await world.ask(worker)
    await world.until_over(seconds=300)
    assert world.evolink.posts == 1
    assert world.apimart.posts == 4
    assert len(world.messenger.videos) == 4


async def test_when_nobody_has_money_new_requests_are_refused_at_once(world: World) -> None:
    for provider in (world.evolink, world.apimart):
        provider.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    with pytest.raises(Refused) as refused:
        await world.ask(worker)
    assert refused.value.code is Code.PROVIDER_BALANCE


async def test_a_top_up_works_within_a_minute_without_a_member_as_the_probe(world: World) -> None:
    for provider in (world.evolink, world.apimart):
        provider.micro_usd = 5
        provider.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    worker = world.start()
    await world.ask(worker)
    await world.until(lambda: world.clock.seconds > 600)
    posts = world.evolink.posts
    with pytest.raises(Refused):
        await world.ask(worker)
    assert world.evolink.posts == posts
    assert 10 < world.evolink.balance_questions < 25

    topped_up_at = world.clock.seconds
    world.evolink.micro_usd = 5_000_000
    await world.until(lambda: not worker.flights.queue.breaker(EVOLINK).is_open)
    assert world.clock.seconds - topped_up_at <= 60
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).plan.provider == EVOLINK


async def test_queued_requests_learn_at_once_that_there_is_no_money(world: World) -> None:
    world.only_evolink = True
    world.policy = Policy(limits=NOBODY, max_running={EVOLINK: 1})
    worker = world.start()
    world.evolink.micro_usd = 0
    first = await world.ask(worker)
    await world.until_state(first.generation.id, State.RUNNING)
    second = await world.ask(worker)
    await world.settle()
    assert worker.flights.queue.position(second.generation.id) == 1
    worker.flights.failed(EVOLINK, refusal(Code.PROVIDER_BALANCE), world.clock.seconds)
    await world.until_state(second.generation.id, State.FAILED)
    failure = (await world.row(second.generation.id)).failure
    assert failure is not None
    assert failure.code is Code.PROVIDER_BALANCE
    assert await world.state(first.generation.id) is State.RUNNING
    await world.until_over()


async def test_everything_down_for_an_hour_only_delays(world: World) -> None:
    for provider in (world.evolink, world.apimart):
        provider.submit_faults.extend([("before", DOWN)] * 12)
    worker = world.start()
    receipts = [await world.ask(worker) for _ in range(2)]
    await world.until_over()
    for receipt in receipts:
        assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.clock.seconds > 600


async def test_a_pause_that_was_asked_for_is_kept_by_everybody(world: World) -> None:
    world.only_evolink = True
    worker = world.start()
    running = await world.ask(worker)  # its polls succeed all the time
    lost = await world.ask(worker)
    world.evolink.submit_faults.extend([("", None), ("before", silence())])  # pyright: ignore[reportArgumentType]
    await world.until_state(lost.generation.id, State.SUBMIT_UNKNOWN)
    world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("before", BUSY))
    refused = await world.ask(worker)
    await world.settle()
    throttled_at = world.evolink.posted_at[-1]
    later = [await world.ask(worker) for _ in range(15)]
    await world.until(lambda: world.clock.seconds >= throttled_at + 59)
    assert world.evolink.posted_at[-1] == throttled_at
    live_status = worker.flights.live_status(
        await world.row(later[0].generation.id),
        now=world.clock.now(),
        monotonic=world.clock.monotonic(),
    )
    assert live_status.park is not None
    assert live_status.park.reason is ParkReason.PROVIDER_BUSY
    assert (live_status.park.until - world.clock.now()).total_seconds() <= 1
    await world.until(lambda: world.evolink.posted_at[-1] > throttled_at)
    assert throttled_at + 60 <= world.evolink.posted_at[-1] < throttled_at + 62
    await world.until_over()
    for receipt in (running, lost, refused, *later):
        assert await world.state(receipt.generation.id) is State.DELIVERED


async def test_nobody_who_prepares_submits_into_a_pause(world: World) -> None:
    world.only_evolink = True
    worker = world.start()
    prepare, ready = world.evolink.prepare, []

    async def slowly(spec: object) -> object:
        prepared = await prepare(spec)  # pyright: ignore[reportArgumentType]
        ready.append(spec)
        if len(ready) <= 2:
            await world.clock.sleep(5 * len(ready))
        return prepared

    world.evolink.prepare = slowly  # pyright: ignore[reportAttributeAccessIssue]
    world.evolink.submit_faults.append(("before", BUSY))
    await world.ask(worker)
    await world.ask(worker)
    await world.settle()
    await world.until(lambda: world.clock.seconds >= 59)
    assert world.evolink.posts == 1
    await world.until_over()
    assert len(world.messenger.videos) == 2


async def test_after_a_pause_one_asks_before_all_the_others(world: World) -> None:
    world.only_evolink = True
    world.evolink.submit_faults.extend([("before", BUSY)] * 3)
    worker = world.start()
    for _ in range(6):
        await world.ask(worker)
        await world.settle()
    await world.until(lambda: world.clock.seconds >= 175)
    assert world.evolink.posted_at == [0.0, 60.0, 120.0]
    await world.until_over()
    assert len(world.messenger.videos) == 6


async def test_while_submissions_keep_failing_nobody_new_is_taken_on(world: World) -> None:
    world.only_evolink = True
    worker = world.start()
    world.evolink.submit_faults.extend([("before", DOWN)] * 6)
    first = await world.ask(worker)
    await world.until(lambda: world.evolink.posts == 4)
    before = await world.usage()
    with pytest.raises(Refused) as refused:
        await world.ask(worker)
    assert refused.value.code is Code.PROVIDER_TROUBLE
    assert await world.usage() == before
    await world.until_over()
    assert await world.state(first.generation.id) is State.DELIVERED
    second = await world.ask(worker)
    await world.until_over()
    assert await world.state(second.generation.id) is State.DELIVERED


async def test_while_results_cannot_be_fetched_nobody_new_is_taken_on(world: World) -> None:
    world.only_evolink = True
    worker = world.start()
    world.evolink.download_faults.extend([DOWN] * 30)
    asked = [await world.ask(worker) for _ in range(3)]
    await world.until(lambda: len(world.evolink.download_faults) < 25)
    with pytest.raises(Refused) as refused:
        await world.ask(worker)
    assert refused.value.code is Code.PROVIDER_TROUBLE
    world.evolink.download_faults.clear()
    await world.until_over()
    for receipt in asked:
        assert await world.state(receipt.generation.id) is State.DELIVERED
    await world.ask(worker)
    await world.until_over()


async def test_where_files_cannot_be_uploaded_words_are_still_enough(world: World) -> None:
    world.only_evolink = True
    worker = world.start()
    world.evolink.prepare_faults.extend([DOWN] * 12)
    (world.media.folder / "kite.png").write_bytes(b"a picture")
    picture = StoredMedia(
        kind=MediaKind.IMAGE,
        path="kite.png",
        mime="image/png",
        size=9,
        sha256="0" * 64,
        width=1280,
        height=720,
        duration_ms=0,
    )
    with_picture = VideoRequest(prompt="fly", images=(picture,))
    asked = [await world.ask(worker, with_picture) for _ in range(3)]
    await world.until(lambda: len(world.evolink.prepare_faults) <= 9)
    with pytest.raises(Refused) as refused:
        await world.ask(worker, with_picture)
    assert refused.value.code is Code.PROVIDER_TROUBLE
    world.evolink.prepare_faults.clear()
    asked.append(await world.ask(worker))
    await world.until_over()
    for receipt in asked:
        assert await world.state(receipt.generation.id) is State.DELIVERED
    await world.ask(worker, with_picture)
    await world.until_over()
