"""An edit that a reply ordered waits a moment, in which it can be undone or said differently."""

from dataclasses import replace

import pytest

from bot.domain.generation import Generation, ParkReason, State
from bot.domain.request import VideoRequest
from bot.services.cancel import CancelResult
from tests.unit.services.conftest import Worker, World

KEY = "message:7"
GRACE = 5


async def ordered(
    world: World, worker: Worker, prompt: str = "at night", *, grace: int = GRACE
) -> Generation:
    request = VideoRequest(prompt=prompt)
    receipt = await world.ask(worker, request, request_key=KEY, grace_seconds=grace)
    await world.settle()
    return receipt.generation


async def test_the_status_stands_at_once_and_the_task_follows_after_the_grace(world: World) -> None:
    worker = world.start()
    generation = await ordered(world, worker)
    row = await world.row(generation.id)
    assert row.place.status_message_id is not None
    assert row.park is not None
    assert row.park.reason is ParkReason.GRACE
    await world.until_over()
    assert world.evolink.posted_at[0] == pytest.approx(GRACE, abs=0.1)
    assert (await world.row(generation.id)).state is State.DELIVERED


async def test_undone_in_the_grace_it_costs_nothing(world: World) -> None:
    worker = world.start()
    generation = await ordered(world, worker)
    result, _ = await worker.cancel.request(generation.id, viewer=world.viewer())
    await world.until_over()
    assert result is CancelResult.CANCELLED
    assert world.evolink.posts == 0
    assert (await world.usage()).videos == 0


async def test_a_reply_that_is_edited_orders_its_last_words(world: World) -> None:
    worker = world.start()
    await ordered(world, worker)
    assert await worker.revise.reword(KEY, "at dawn")
    assert await worker.revise.reword(KEY, "at dusk")
    assert not await worker.revise.reword(KEY, "at dusk"), "nothing changed"
    await world.until_over()
    assert [spec.prompt for spec in world.evolink.specs] == ["at dusk"]


async def test_another_process_takes_the_last_words_too(world: World) -> None:
    """The worker that owns it has the old row in memory: what it makes of it must not count."""
    worker, elsewhere = world.start(alone=False), world.start(alone=False)
    await world.until(lambda: worker.scheduler.ownership.owner() is not None)
    generation = await ordered(world, worker)
    assert worker.flights.live[generation.id].status_opened
    assert await elsewhere.revise.reword(KEY, "at dawn")
    await world.until_state(generation.id, State.RUNNING)
    (task,) = world.evolink.tasks.values()
    assert (world.evolink.posts, task.body) == (1, {"prompt": "at dawn"})


async def test_a_deleted_reply_orders_nothing_while_it_waits_in_the_queue_either(
    world: World,
) -> None:
    world.policy = replace(world.policy, max_running=dict.fromkeys(["evolink", "apimart"], 0))
    worker = world.start()
    generation = await ordered(world, worker)
    assert world.clock.ring_next()
    await world.settle()
    assert await worker.revise.withdraw(KEY)
    assert (await world.row(generation.id)).state is State.CANCELLED


async def test_what_is_submitted_stays_as_it_was_ordered(world: World) -> None:
    worker = world.start()
    generation = await ordered(world, worker)
    await world.until_state(generation.id, State.RUNNING)
    assert not await worker.revise.reword(KEY, "at dawn")
    assert not await worker.revise.withdraw(KEY)
    assert not await worker.revise.withdraw("message:8")
    await world.until_over()
    assert (await world.row(generation.id)).request.prompt == "at night"


async def test_a_restart_keeps_the_rest_of_the_grace(world: World) -> None:
    worker = world.start()
    generation = await ordered(world, worker)
    await world.kill(worker)
    world.start()
    await world.settle()
    assert (await world.row(generation.id)).state is State.QUEUED
    await world.until_over()
    assert (await world.row(generation.id)).state is State.DELIVERED
    assert world.evolink.posts == 1


async def test_a_clock_set_back_does_not_hold_it_for_long(world: World) -> None:
    worker = world.start()
    await ordered(world, worker)
    world.clock.ahead -= 3600
    await world.until_over(seconds=600)
    assert world.evolink.posted_at[0] == pytest.approx(GRACE, abs=0.1)
