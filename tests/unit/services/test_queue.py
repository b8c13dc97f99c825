"""The queue: every free place is used, and no request waits longer than the deadline."""

import asyncio
from typing import Any

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import State
from bot.domain.ids import UserId
from bot.engine.context import Policy
from bot.engine.pools import POOL_SIZES, Pool
from bot.services.generate import Receipt
from tests.fakes.providers import EVOLINK, refusal
from tests.unit.services.conftest import NOBODY, TOM, Worker, World

DEADLINE = 600


def one_place(world: World) -> None:
    """One task at a time, at one provider."""
    world.only_evolink = True
    world.policy = Policy(limits=NOBODY, max_running={EVOLINK: 1}, queue_deadline=DEADLINE)


async def in_line(world: World, worker: Worker, count: int) -> list[Receipt]:
    """One that runs, and others behind it."""
    receipts = []
    for number in range(count):
        receipts.append(await world.ask(worker, by=TOM + number))
        await world.settle()
        world.clock.seconds += 0.01  # two at the same instant have no order
    return receipts


async def test_who_ends_as_soon_as_admitted_leaves_the_place_to_the_next(world: World) -> None:
    one_place(world)
    worker = world.start()
    running, ends, last = await in_line(world, worker, 3)
    world.evolink.prepare_faults.append(refusal(Code.PROVIDER_REJECTED))
    await world.until_state(ends.generation.id, State.FAILED)
    await world.until_state(last.generation.id, State.RUNNING, seconds=200)
    assert world.clock.seconds < 70
    await world.until_over()
    assert await world.state(running.generation.id) is State.DELIVERED


async def test_one_that_ends_when_admitted_holds_no_place_until_it_is_announced(
    world: World,
) -> None:
    one_place(world)
    worker = world.start()
    _, ends, last = await in_line(world, worker, 3)
    world.evolink.prepare_faults.append(refusal(Code.PROVIDER_REJECTED))
    away = PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=5.0)
    world.messenger.end_away = lambda: away if world.clock.seconds < 600 else None
    await world.until_state(ends.generation.id, State.FAILED)
    await world.until_state(last.generation.id, State.RUNNING, seconds=200)
    assert world.clock.seconds < 70
    await world.until_over()


async def test_who_is_cancelled_when_admitted_leaves_the_place_to_the_next(world: World) -> None:
    one_place(world)
    worker = world.start()
    _, cancelled, last = await in_line(world, worker, 3)
    prepare = world.evolink.prepare

    async def slowly(spec: object) -> object:
        if not worker.flights.queue.position(cancelled.generation.id):
            await world.clock.sleep(5)
        return await prepare(spec)  # pyright: ignore[reportArgumentType]

    world.evolink.prepare = slowly  # pyright: ignore[reportAttributeAccessIssue]
    await world.until(lambda: worker.flights.queue.holds(cancelled.generation.id))
    viewer = world.viewer(cancelled.generation.requester_id)
    await worker.cancel.request(cancelled.generation.id, viewer=viewer)
    await world.until_state(last.generation.id, State.RUNNING, seconds=200)
    assert world.clock.seconds < 75
    await world.until_over()


async def test_one_that_meets_a_bug_when_admitted_lets_the_next_one_pass(
    world: World,
) -> None:
    one_place(world)
    worker = world.start()
    _, faulty, last = await in_line(world, worker, 3)
    world.evolink.prepare_faults.extend([ValueError("a fault of ours")] * 3)  # pyright: ignore[reportArgumentType]
    prepare = world.evolink.prepare

    async def only_the_second(spec: object) -> object:
        if spec.generation_id == last.generation.id:  # pyright: ignore[reportAttributeAccessIssue]
            world.evolink.prepare_faults, kept = [], world.evolink.prepare_faults
            try:
                return await prepare(spec)  # pyright: ignore[reportArgumentType]
            finally:
                world.evolink.prepare_faults = kept
        return await prepare(spec)  # pyright: ignore[reportArgumentType]

    world.evolink.prepare = only_the_second  # pyright: ignore[reportAttributeAccessIssue]
    await world.until_state(last.generation.id, State.RUNNING, seconds=200)
    assert world.clock.seconds < 70
    await world.until_over()
    assert await world.state(faulty.generation.id) is State.FAILED


async def test_when_the_only_provider_pauses_the_queue_goes_on_at_its_end(world: World) -> None:
    one_place(world)
    worker = world.start()
    receipts = await in_line(world, worker, 3)
    busy = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=60)
    world.evolink.submit_faults.append(("before", busy))
    await world.until_over()
    for receipt in receipts:
        assert await world.state(receipt.generation.id) is State.DELIVERED
    assert 60 * 4 <= world.clock.seconds < 60 * 4 + 20


async def test_one_that_waits_too_long_ends_when_it_is_too_long(world: World) -> None:
    one_place(world)
    world.evolink.seconds = 2000
    worker = world.start()
    running, waits = await in_line(world, worker, 2)
    await world.until_state(waits.generation.id, State.FAILED)
    assert DEADLINE <= world.clock.seconds < DEADLINE + 5
    row = await world.row(waits.generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.DEADLINE
    assert await world.state(running.generation.id) is State.RUNNING
    used = await world.storage.read(
        lambda tx: tx.ledger.usage(
            row.place.guild_id, UserId(row.requester_id), since=row.created_at
        )
    )
    assert (used.videos, used.concurrent) == (0, 0)
    await world.until_over()


async def test_who_is_admitted_before_the_deadline_goes_on(world: World) -> None:
    one_place(world)
    world.evolink.seconds = DEADLINE - 5
    worker = world.start()
    _, admitted = await in_line(world, worker, 2)
    prepare = world.evolink.prepare

    async def slowly(spec: object) -> object:
        await world.clock.sleep(30)
        return await prepare(spec)  # pyright: ignore[reportArgumentType]

    world.evolink.prepare = slowly  # pyright: ignore[reportAttributeAccessIssue]
    await world.until_over(seconds=3000)
    assert world.clock.seconds > DEADLINE + DEADLINE - 5
    assert await world.state(admitted.generation.id) is State.DELIVERED


async def test_who_is_admitted_before_the_deadline_may_step_after_it(world: World) -> None:
    """Its step waits for others whose messages Discord takes long to show, with the place held."""
    one_place(world)
    world.evolink.seconds = DEADLINE - 50
    worker = world.start()
    _, admitted = await in_line(world, worker, 2)
    shown = asyncio.Event()
    open_status = world.messenger.open_status

    async def when_shown(*args: Any, **kwargs: Any) -> Any:
        await shown.wait()
        return await open_status(*args, **kwargs)

    world.messenger.open_status = when_shown
    others = await in_line(world, worker, POOL_SIZES[Pool.SUBMIT])
    await world.until(lambda: worker.flights.queue.holds(admitted.generation.id))
    assert world.clock.seconds < DEADLINE
    await world.until(lambda: world.clock.seconds > DEADLINE + 30)
    assert await world.state(admitted.generation.id) is State.QUEUED
    for other in others:
        await worker.cancel.request(
            other.generation.id, viewer=world.viewer(other.generation.requester_id)
        )
    shown.set()
    await world.until_over()
    assert await world.state(admitted.generation.id) is State.DELIVERED
