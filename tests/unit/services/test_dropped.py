"""Dropped: not bought any more, not posted, and counted by what was made."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import State
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from bot.domain.request import VideoRequest
from tests.fakes.providers import refusal, silence
from tests.unit.services.conftest import Worker, World


@pytest.fixture(autouse=True)
def one_provider(world: World) -> None:
    """Nobody takes over."""
    world.only_evolink = True


async def drop(world: World, worker: Worker, receipt: Any, *, by_admin: bool = False) -> None:
    viewer = world.viewer(99, moderator=True) if by_admin else world.viewer()
    await worker.cancel.drop(receipt.generation.id, viewer=viewer)


def during(
    world: World, owner: Any, name: str, then: Callable[[], Awaitable[None]], *, at: int = 1
) -> None:
    """Do something in the middle of a call outside: the ``at``-th one."""
    call, calls = getattr(owner, name), []

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == at:
            await then()
        return await call(*args, **kwargs)

    setattr(owner, name, wrapped)


@pytest.mark.parametrize("by_admin", [False, True])
async def test_one_that_goes_back_to_the_queue_is_not_bought_any_more(
    world: World, by_admin: bool
) -> None:
    worker = world.start()
    busy = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=60)
    world.evolink.submit_faults.append(("before", busy))
    receipts: list[Any] = []
    during(
        world, world.evolink, "submit", lambda: drop(world, worker, receipts[0], by_admin=by_admin)
    )
    receipts.append(await world.ask(worker))
    await world.until_over()
    row = await world.row(receipts[0].generation.id)
    assert row.state is State.CANCELLED
    assert world.evolink.tasks == {}
    assert world.evolink.posts == 1
    used = await world.usage()
    assert (used.videos, used.seconds, used.concurrent) == (0, 0, 0)


async def test_dropped_while_it_is_handed_over_it_is_not_bought(world: World) -> None:
    worker = world.start()
    receipts: list[Any] = []
    during(world, world.evolink, "prepare", lambda: drop(world, worker, receipts[0]))
    receipts.append(await world.ask(worker))
    await world.until_over()
    assert (await world.row(receipts[0].generation.id)).state is State.CANCELLED
    assert world.evolink.posts == 0


async def test_dropped_while_it_waits_for_a_pause_it_ends_at_once(world: World) -> None:
    worker = world.start()
    busy = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=600)
    world.evolink.submit_faults.append(("before", busy))
    receipt = await world.ask(worker)
    await world.settle()
    assert await world.state(receipt.generation.id) is State.QUEUED
    await drop(world, worker, receipt)
    await world.until_over()
    assert world.clock.seconds < 5
    assert (await world.row(receipt.generation.id)).state is State.CANCELLED
    assert world.evolink.posts == 1


async def test_an_unconfirmed_one_is_not_sent_again_once_it_is_dropped(world: World) -> None:
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    receipts: list[Any] = []
    during(world, world.evolink, "submit", lambda: drop(world, worker, receipts[0]))
    receipts.append(await world.ask(worker))
    await world.until_over()
    row = await world.row(receipts[0].generation.id)
    assert row.state is State.CANCELLED
    assert world.evolink.posts == 1
    assert world.evolink.tasks == {}
    assert (await world.usage()).videos == 0


async def test_an_unconfirmed_one_that_cannot_be_found_ends_cancelled_in_time(world: World) -> None:
    world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.SUBMIT_UNKNOWN)
    await drop(world, worker, receipt)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.CANCELLED
    assert world.clock.seconds >= world.policy.unknown_deadline
    assert world.evolink.posts == 1
    assert (await world.usage()).videos == 0


async def test_one_that_was_dropped_and_is_kept_after_all_is_bought(world: World) -> None:
    busy = refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=60)
    world.evolink.submit_faults.append(("before", busy))
    worker = world.start()
    receipts: list[Any] = []

    async def twice() -> None:
        await drop(world, worker, receipts[0])
        await worker.cancel.keep(receipts[0].generation.id, viewer=world.viewer())

    during(world, world.evolink, "submit", twice)
    receipts.append(await world.ask(worker))
    await world.until_over()
    assert await world.state(receipts[0].generation.id) is State.DELIVERED


async def test_dropped_during_the_conversion_it_is_not_posted(world: World) -> None:
    worker = world.start()
    receipts: list[Any] = []
    during(world, world.media, "fit", lambda: drop(world, worker, receipts[0]))
    receipts.append(await world.ask(worker))
    await world.until_over()
    row = await world.row(receipts[0].generation.id)
    assert row.state is State.CANCELLED
    assert world.messenger.videos == []
    assert (await world.usage()).seconds == 5


async def test_dropped_by_another_process_during_the_conversion_it_is_not_posted(
    world: World,
) -> None:
    worker = world.start()
    receipts: list[Any] = []

    async def elsewhere() -> None:
        cancel = replace(
            worker.cancel, flights=type(worker.flights)(max_running={}), wake=lambda _: None
        )
        await cancel.drop(receipts[0].generation.id, viewer=world.viewer())

    during(world, world.media, "fit", elsewhere)
    receipts.append(await world.ask(worker))
    await world.until_over()
    assert await world.state(receipts[0].generation.id) is State.CANCELLED
    assert world.messenger.videos == []


async def test_dropped_while_discord_is_away_it_is_not_posted(world: World) -> None:
    away = PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=600)
    world.messenger.post_faults.append(("before", away))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.POSTING)
    await world.until(lambda: not world.messenger.post_faults)
    dropped_at = world.clock.seconds
    await drop(world, worker, receipt)
    await world.until_over()
    assert world.clock.seconds < dropped_at + 60
    assert await world.state(receipt.generation.id) is State.CANCELLED
    assert world.messenger.videos == []


async def test_dropped_when_the_post_is_there_already_it_is_delivered(world: World) -> None:
    lost = PostError(Code.POST_UNAVAILABLE, accepted=Accepted.UNKNOWN)
    world.messenger.post_faults.append(("after", lost))
    worker = world.start()
    receipts: list[Any] = []
    during(world, world.messenger, "post_video", lambda: drop(world, worker, receipts[0]))
    receipts.append(await world.ask(worker))
    await world.until_over()
    assert await world.state(receipts[0].generation.id) is State.DELIVERED
    assert len(world.messenger.videos) == 1


@pytest.mark.parametrize("told_ms", [5000, None])
async def test_a_dropped_video_counts_by_what_was_made(world: World, told_ms: int | None) -> None:
    world.evolink.outcomes.append(
        TaskReport(
            task_id=TaskId(""),
            state=TaskState.COMPLETED,
            urls=("https://results.example/1.mp4",),
            duration_ms=told_ms,
        )
    )
    worker = world.start()
    receipt = await world.ask(worker, VideoRequest(prompt="a kite", duration=10))
    assert receipt.generation.plan.seconds == 10
    await world.until_state(receipt.generation.id, State.RUNNING)
    await drop(world, worker, receipt)
    await world.until_over()
    assert await world.state(receipt.generation.id) is State.CANCELLED
    used = await world.usage()
    assert (used.videos, used.seconds) == (1, 5)
    assert world.messenger.videos == []


async def test_a_dropped_one_that_made_no_video_counts_nothing(world: World) -> None:
    world.evolink.outcomes.append(TaskReport(task_id=TaskId(""), state=TaskState.FAILED))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.RUNNING)
    await drop(world, worker, receipt)
    await world.until_over()
    used = await world.usage()
    assert (used.videos, used.seconds, used.concurrent) == (0, 0, 0)


async def test_two_who_decide_at_once_make_no_trouble(world: World) -> None:
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.RUNNING)
    await asyncio.gather(
        drop(world, worker, receipt),
        drop(world, worker, receipt, by_admin=True),
        worker.cancel.request(receipt.generation.id, viewer=world.viewer()),
    )
    await world.until_over()
    assert await world.state(receipt.generation.id) is State.CANCELLED
    assert (await world.usage()).seconds == 5
