"""Reconciliation: what needs a human is listed, attached, released or settled, and written
down.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Accepted, Code, MediaError, PostError
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, TaskId
from bot.domain.ports.provider import TaskState
from bot.services.cases import Kind
from bot.services.reconcile import CannotReconcile, Obstacle, Reconcile
from tests.contract.storage.samples import raw
from tests.fakes.providers import FakeDirectory, refusal, silence
from tests.unit.services.conftest import Worker, World
from tests.unit.services.test_late import expired, impatience, turns, until_delivered

__all__ = ["impatience"]

MONTH = timedelta(days=30)
DASHBOARD = TaskId("evolink-1")
"""The id under which the provider's own page shows the first task."""


def reconcile(world: World, worker: Worker | None = None) -> Reconcile:
    """In the bot's process if there is a worker, else next to it."""

    def changed(generation: Generation) -> None:
        if worker is not None:
            worker.flights.refresh(generation)
            worker.scheduler.wake(generation.id)

    return Reconcile(
        storage=world.storage,
        clock=world.clock,
        providers=FakeDirectory(world.evolink, world.apimart),
        wake=changed,
    )


async def unconfirmed(world: World, worker: Worker, *, taken: bool = True) -> Generation:
    """A request of which it is unknown whether the provider accepted it."""
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after" if taken else "before", silence()))
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    return generation


async def kinds(world: World) -> list[tuple[GenerationId, Kind]]:
    cases = await reconcile(world).cases(within=MONTH)
    return [(case.generation.id, case.kind) for case in cases]


async def trail(world: World) -> list[tuple[str, str]]:
    return await world.storage.read(raw("SELECT action, subject FROM audit ORDER BY id"))


async def obstacle(attempt: object) -> Obstacle:
    with pytest.raises(CannotReconcile) as refused:
        await attempt  # type: ignore[misc]
    return refused.value.obstacle


async def test_an_unconfirmed_one_is_listed_and_continues_with_the_attached_task(
    world: World,
) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    assert await kinds(world) == [(generation.id, Kind.UNCONFIRMED)]

    attached = await reconcile(world, worker).attach(generation.id, DASHBOARD, by="mira")

    assert (attached.generation.id, attached.late) == (generation.id, False)
    assert attached.state is TaskState.ACTIVE
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED
    assert world.evolink.posts == 1
    assert (await world.usage()).videos == 1
    assert await kinds(world) == []
    assert await trail(world) == [("reconcile.attach", generation.id)]


async def test_it_also_works_while_the_bot_runs_and_the_worker_continues_it(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    await reconcile(world).attach(generation.id, DASHBOARD, by="mira")
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED
    assert len(world.messenger.videos) == 1


async def test_one_that_ended_is_delivered_by_a_new_one_that_costs_nothing(world: World) -> None:
    worker = world.start()
    ended = await unconfirmed(world, worker)
    await world.until_over()
    assert await kinds(world) == [(ended.id, Kind.UNKNOWN)]

    attached = await reconcile(world, worker).attach(ended.id, DASHBOARD, by="mira")
    await until_delivered(world)

    assert attached.late
    assert [row.state for row in await turns(world, ended)] == [State.FAILED, State.DELIVERED]
    assert (await world.usage()).videos == 0
    assert await kinds(world) == []
    assert await trail(world) == [("reconcile.attach", ended.id)]
    again = reconcile(world).attach(ended.id, DASHBOARD, by="mira")
    assert await obstacle(again) is Obstacle.DONE_BEFORE
    assert len(await turns(world, ended)) == 2


async def test_without_a_bot_the_next_start_delivers_it(world: World) -> None:
    worker = world.start()
    ended = await unconfirmed(world, worker)
    await world.until_over()
    await world.kill(worker)
    await reconcile(world).attach(ended.id, DASHBOARD, by="mira")
    assert world.messenger.videos == []
    world.start()
    await world.until(lambda: bool(world.messenger.videos))


async def test_released_by_hand_everything_held_goes_back(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    await reconcile(world, worker).release(generation.id, by="mira")
    await world.until_over()
    row = await world.row(generation.id)
    assert row.failure is not None
    assert (row.state, row.failure.code) == (State.FAILED, Code.SUBMIT_UNKNOWN)
    assert (await world.usage()).videos == 0
    assert [reported.id for reported in world.messenger.ended] == [generation.id]
    assert await trail(world) == [("reconcile.release", generation.id)]


async def test_settled_by_hand_it_counts_and_says_so(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    await reconcile(world, worker).settle(generation.id, by="mira")
    await world.until_over()
    row = await world.row(generation.id)
    assert row.failure is not None
    assert (row.state, row.failure.facts["counted"]) == (State.FAILED, True)
    used = await world.usage()
    assert (used.videos, used.seconds) == (1, 5)
    (case,) = await reconcile(world).cases(within=MONTH)
    assert case.counted is True
    assert await trail(world) == [("reconcile.settle", generation.id)]


@pytest.mark.parametrize("action", ["release", "settle"])
async def test_only_an_unconfirmed_one_can_be_ended_by_hand(world: World, action: str) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    assert await obstacle(getattr(reconcile(world), action)(generation.id, by="mira")) is (
        Obstacle.NOT_OPEN
    )
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED
    assert await obstacle(getattr(reconcile(world), action)(generation.id, by="mira")) is (
        Obstacle.NOT_OPEN
    )
    assert await trail(world) == []


async def test_ended_twice_by_hand_is_ended_once(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    await reconcile(world).settle(generation.id, by="mira")
    assert await obstacle(reconcile(world).release(generation.id, by="jon")) is Obstacle.NOT_OPEN
    assert (await world.usage()).videos == 1


async def test_a_task_the_provider_does_not_know_is_not_attached(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    attempt = reconcile(world).attach(generation.id, TaskId("task-of-nobody"), by="mira")
    assert await obstacle(attempt) is Obstacle.TASK_UNKNOWN
    assert await world.state(generation.id) is State.SUBMIT_UNKNOWN
    assert await trail(world) == []


async def test_a_task_of_another_generation_is_not_attached(world: World) -> None:
    worker = world.start()
    other = (await world.ask(worker)).generation
    await world.until_over()
    generation = await unconfirmed(world, worker)
    attempt = reconcile(world).attach(generation.id, DASHBOARD, by="mira")
    assert await obstacle(attempt) is Obstacle.TASK_TAKEN
    assert await world.state(other.id) is State.DELIVERED


async def test_without_an_id_the_known_task_is_meant(world: World) -> None:
    worker = world.start()
    left = await unconfirmed(world, worker)
    assert await obstacle(reconcile(world).attach(left.id, None, by="mira")) is Obstacle.NO_TASK_ID
    await reconcile(world).release(left.id, by="mira")
    ended = await expired(world, worker)
    attached = await reconcile(world, worker).attach(ended.id, None, by="mira")
    await until_delivered(world)
    assert attached.late
    assert await world.state(attached.generation.id) is State.DELIVERED


async def test_a_video_that_nobody_took_can_be_posted_once_more(world: World) -> None:
    gone = PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO)
    world.messenger.post_faults.extend([("before", gone)] * 3)
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await kinds(world) == [(ended.id, Kind.UNDELIVERABLE)]
    await reconcile(world, worker).attach(ended.id, None, by="mira")
    await until_delivered(world)
    assert [row.state for row in await turns(world, ended)] == [
        State.UNDELIVERABLE,
        State.DELIVERED,
    ]
    assert await kinds(world) == []


async def test_a_finished_video_that_could_not_be_saved_is_listed_and_delivered_again_and_again(
    world: World,
) -> None:
    """Until it is delivered: a second full disk is no reason to throw it away either."""
    world.policy = replace(world.policy, fetch_deadline=60)
    world.evolink.keeps = 60.0
    full = MediaError(Code.INTERNAL, reason="disk_full")
    world.media.adopt_faults.extend([full] * 1000)
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await kinds(world) == [(ended.id, Kind.UNFETCHED)]
    second = (await reconcile(world, worker).attach(ended.id, None, by="mira")).generation
    await until_delivered(world)
    assert await kinds(world) == [(second.id, Kind.UNFETCHED)]
    world.media.adopt_faults.clear()
    with pytest.raises(CannotReconcile) as refused:
        await reconcile(world, worker).attach(ended.id, None, by="mira")
    assert refused.value.obstacle is Obstacle.NEVER_SENT
    await reconcile(world, worker).attach(second.id, None, by="mira")
    await until_delivered(world)
    states = [row.state for row in await turns(world, ended)]
    assert states == [State.FAILED, State.FAILED, State.DELIVERED]
    assert await kinds(world) == []
    assert len(world.messenger.videos) == 1


async def test_poison_is_listed_and_what_was_refused_is_not(world: World) -> None:
    world.media.adopt_faults.extend([RuntimeError("bug")] * 3)
    worker = world.start()
    poison = (await world.ask(worker)).generation
    await world.until_over()
    world.evolink.submit_faults.append(("before", refusal(Code.MODERATED)))
    await world.ask(worker)
    await world.until_over()
    assert await kinds(world) == [(poison.id, Kind.POISON)]


async def test_a_failed_task_is_not_delivered_late_but_ends_an_unconfirmed_one(
    world: World,
) -> None:
    worker = world.start()
    left = await unconfirmed(world, worker)
    report = world.evolink._report(world.evolink.tasks[DASHBOARD])
    failed = replace(report, state=TaskState.FAILED, error=refusal(Code.MODERATED))
    world.evolink.tasks[DASHBOARD].outcome = failed
    world.evolink.tasks[DASHBOARD].ends_after = 0
    await reconcile(world, worker).attach(left.id, DASHBOARD, by="mira")
    await world.until_over()
    row = await world.row(left.id)
    assert row.failure is not None
    assert row.failure.code is Code.MODERATED

    ended = await unconfirmed(world, worker)
    await world.until_over()
    second = TaskId("evolink-2")
    world.evolink.tasks[second].outcome = replace(failed, task_id=second)
    attempt = reconcile(world).attach(ended.id, second, by="mira")
    assert await obstacle(attempt) is Obstacle.TASK_FAILED


async def test_a_provider_that_is_silent_or_off_changes_nothing(world: World) -> None:
    worker = world.start()
    generation = await unconfirmed(world, worker)
    world.evolink.query_faults.append(silence(Code.PROVIDER_UNAVAILABLE))
    attempt = reconcile(world).attach(generation.id, DASHBOARD, by="mira")
    assert await obstacle(attempt) is Obstacle.PROVIDER_SILENT
    off = replace(reconcile(world), providers=FakeDirectory(world.apimart))
    attempt = off.attach(generation.id, DASHBOARD, by="mira")
    assert await obstacle(attempt) is Obstacle.PROVIDER_OFF
    assert await world.state(generation.id) is State.SUBMIT_UNKNOWN


async def test_what_its_requester_dropped_is_not_attached(world: World) -> None:
    worker = world.start()
    left = await unconfirmed(world, worker)
    await worker.cancel.drop(left.id, viewer=world.viewer())
    attempt = reconcile(world).attach(left.id, DASHBOARD, by="mira")
    assert await obstacle(attempt) is Obstacle.NOT_WANTED


async def test_what_never_was_sent_and_what_never_was_are_not_attached(world: World) -> None:
    world.evolink.submit_faults.append(("before", refusal(Code.MODERATED)))
    worker = world.start()
    refused = (await world.ask(worker)).generation
    await world.until_over()
    task = (await world.row(refused.id)).task
    assert task is not None, "what was refused keeps the attempt, not a task's id"
    attempt = reconcile(world).attach(refused.id, TaskId("x"), by="mira")
    assert await obstacle(attempt) is Obstacle.TASK_UNKNOWN
    attempt = reconcile(world).attach(GenerationId("never-made"), DASHBOARD, by="mira")
    assert await obstacle(attempt) is Obstacle.NOT_FOUND
    delivered = (await world.ask(worker)).generation
    await world.until_over()
    attempt = reconcile(world).attach(delivered.id, None, by="mira")
    assert await obstacle(attempt) is Obstacle.NOT_A_CASE
