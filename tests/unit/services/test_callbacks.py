"""Callbacks that name a task: the name is saved before the provider is answered, and no more often
than it is of use.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, StorageUnavailable, Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, TaskId
from bot.domain.ports.provider import PreparedTask, Submission
from bot.engine.context import Policy
from bot.engine.late_results import LateResults
from bot.services.callbacks import NAMES_AT_MOST, Callbacks
from tests.fakes.providers import APIMART, EVOLINK, FakeDirectory, FakeProvider, refusal, silence
from tests.fakes.telemetry import NoTelemetry
from tests.unit.services.conftest import NOBODY, Worker, World

AWAY = StorageUnavailable("away", accepted=Accepted.UNKNOWN)


async def nothing() -> None:
    """What happens beside a request unless a test says otherwise."""


@dataclass
class Beside(FakeProvider):
    """Something happens between what the provider does and its answer."""

    after_a_post: Callable[[], Awaitable[None]] = nothing
    after_a_list: Callable[[], Awaitable[None]] = nothing

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        try:
            return await super().submit(prepared, key=key)
        finally:
            await self.after_a_post()

    async def proves_absent(self, *args: Any, **kwargs: Any) -> bool:
        absent = await super().proves_absent(*args, **kwargs)
        await self.after_a_list()
        return absent


def callbacks(world: World, worker: Worker) -> Callbacks:
    return Callbacks(
        storage=world.storage,
        clock=world.clock,
        flights=worker.flights,
        scheduler=worker.scheduler,
        late=LateResults(
            storage=world.storage,
            clock=world.clock,
            providers=FakeDirectory(world.evolink, world.apimart),
            telemetry=NoTelemetry(),
        ),
    )


async def unanswered(world: World, worker: Worker) -> tuple[Generation, TaskId]:
    """A generation whose POST arrived and was not answered, and the task that it made."""
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    generation = (await world.ask(worker)).generation
    row = await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    return row, next(iter(world.evolink.tasks))


async def names(world: World, generation_id: GenerationId) -> tuple[TaskId, ...]:
    task = (await world.row(generation_id)).task
    assert task is not None
    return task.named


async def test_the_named_task_is_the_one_to_go_on_with(world: World) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    await callbacks(world, worker).called(EVOLINK, row.id, task_id)
    row = await world.until_state(row.id, State.RUNNING, seconds=1)
    assert row.task is not None
    assert (row.task.task_id, row.task.named) == (task_id, ())
    await world.until_over()
    assert await world.state(row.id) is State.DELIVERED
    assert world.evolink.posts == 1


async def test_a_name_outlives_the_process_that_heard_it(world: World) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    await callbacks(world, worker).called(EVOLINK, row.id, task_id)
    await world.kill(worker)
    assert await world.state(row.id) is State.SUBMIT_UNKNOWN
    world.start()
    await world.until_state(row.id, State.DELIVERED, seconds=200)
    assert world.evolink.posts == 1


async def test_a_name_that_may_not_be_saved_is_an_error_and_is_heard_the_next_time(
    world: World,
) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    called = callbacks(world, worker)
    for moment, kept in (("before", ()), ("after", (task_id,))):
        world.storage.faults = [(moment, AWAY)]
        with pytest.raises(StorageUnavailable):
            await called.called(EVOLINK, row.id, task_id)
        assert await names(world, row.id) == kept
    await called.called(EVOLINK, row.id, task_id)
    await world.until_state(row.id, State.RUNNING, seconds=1)


async def test_a_name_that_comes_before_the_answer_is_lost_counts(world: World) -> None:
    """It is saved while the POST is under way, whose lost answer must not undo that."""
    world.evolink = evolink = Beside(
        EVOLINK, world.clock, supports_idempotency_keys=False, can_list_tasks=False
    )
    worker = world.start()

    async def call_back() -> None:
        (generation_id,) = worker.flights.live
        await callbacks(world, worker).called(EVOLINK, generation_id, next(iter(evolink.tasks)))

    evolink.after_a_post = call_back
    evolink.submit_faults.append(("after", silence()))
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.DELIVERED, seconds=200)
    assert world.evolink.posts == 1


async def test_a_callback_to_another_process_is_heard_by_the_owner(world: World) -> None:
    owner = world.start(alone=False)
    row, task_id = await unanswered(world, owner)
    other = world.start(alone=False)
    await callbacks(world, other).called(EVOLINK, row.id, task_id)
    await world.until_state(row.id, State.DELIVERED, seconds=300)
    assert world.evolink.posts == 1


async def test_a_callback_without_a_name_does_not_use_up_the_one_with_it(world: World) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    called = callbacks(world, worker)
    await called.called(EVOLINK, row.id, None)
    await world.settle()
    await called.called(EVOLINK, row.id, task_id)
    await world.until_state(row.id, State.RUNNING, seconds=1)


async def test_a_wrong_name_does_not_stand_in_the_way_of_the_right_one(world: World) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    called = callbacks(world, worker)
    await called.called(EVOLINK, row.id, TaskId("no-such-task"))
    await world.settle()
    assert await world.state(row.id) is State.SUBMIT_UNKNOWN
    await called.called(EVOLINK, row.id, task_id)
    await world.until_state(row.id, State.RUNNING, seconds=1)


async def test_a_flood_of_names_writes_a_few(world: World) -> None:
    worker = world.start()
    row, _ = await unanswered(world, worker)
    called = callbacks(world, worker)
    for number in range(50):
        await called.called(EVOLINK, row.id, TaskId(f"forged-{number}"))
        await called.called(EVOLINK, row.id, TaskId("forged-0"))
    assert await names(world, row.id) == ("forged-0", "forged-1", "forged-2")
    assert (await world.row(row.id)).revision == row.revision + NAMES_AT_MOST
    # What could be asked about them was asked, and the truth is told in the end.
    await world.until_over()
    assert await world.state(row.id) is State.FAILED


@pytest.mark.parametrize("when", ["running", "delivered", "refused", "dropped", "of another"])
async def test_a_name_that_is_of_no_use_writes_nothing(world: World, when: str) -> None:
    worker = world.start()
    provider, task_id = EVOLINK, TaskId("a-name")
    if when in {"of another", "dropped"}:
        row, _ = await unanswered(world, worker)
        provider = APIMART if when == "of another" else EVOLINK
        if when == "dropped":
            await worker.cancel.drop(row.id, viewer=world.viewer())
            await world.until_over()
    elif when == "refused":
        world.evolink.submit_faults.append(("before", refusal(Code.MODERATED)))
        row = (await world.ask(worker)).generation
        await world.until_over()
    else:
        row = (await world.ask(worker)).generation
        await world.until_state(row.id, State(when))
        await world.settle()
    before = await world.row(row.id)
    # A process that does not watch it looks into the database; one that does need not.
    for process in (worker, world.start(alone=False)):
        await callbacks(world, process).called(provider, row.id, task_id)
    after = await world.row(row.id)
    assert (after.revision, after.task) == (before.revision, before.task)


async def test_a_name_for_nobody_is_nothing(world: World) -> None:
    worker = world.start()
    await callbacks(world, worker).called(
        ProviderName("evolink"), GenerationId("never-made"), TaskId("a-name")
    )
    assert world.evolink.polls == 0


async def test_a_list_proves_nothing_against_a_name_that_could_not_be_checked(
    world: World,
) -> None:
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    world.evolink.query_faults = [silence()] * 3
    await callbacks(world, worker).called(EVOLINK, row.id, task_id)
    # The list does not show the task yet.
    world.evolink.tasks[task_id].made_at = row.created_at.replace(year=2000)
    world.evolink.can_list_tasks = True
    await world.until(lambda: len(world.evolink.query_faults) < 2)
    world.evolink.tasks[task_id].made_at = world.clock.now()
    await world.until_state(row.id, State.DELIVERED, seconds=300)
    assert world.evolink.posts == 1


async def test_a_name_that_comes_while_the_list_is_read_counts_for_more(world: World) -> None:
    world.evolink = evolink = Beside(EVOLINK, world.clock)
    worker = world.start()
    row, task_id = await unanswered(world, worker)
    evolink.tasks[task_id].made_at = row.created_at.replace(year=2000)

    async def call_back() -> None:
        evolink.tasks[task_id].made_at = world.clock.now()
        await callbacks(world, worker).called(EVOLINK, row.id, task_id)

    evolink.after_a_list = call_back
    evolink.can_list_tasks = True
    await world.until_state(row.id, State.DELIVERED, seconds=300)
    assert world.evolink.posts == 1


async def test_what_was_saved_in_between_does_not_undo_a_step(world: World) -> None:
    """A callback or a person's decision is saved between a step's look at the row and its save."""
    world.evolink = evolink = Beside(EVOLINK, world.clock)
    worker = world.start()

    async def save_something_else() -> None:
        world.storage.faults = [("before", Superseded())]

    evolink.after_a_post = save_something_else
    row = (await world.ask(worker)).generation
    await world.until_state(row.id, State.DELIVERED)
    assert world.evolink.posts == 1


async def test_one_name_that_cannot_be_checked_does_not_hide_other_late_results(
    world: World,
) -> None:
    world.policy = Policy(limits=NOBODY, unknown_deadline=30, running_deadline=30)
    world.evolink.seconds = 100.0
    worker = world.start()
    named, task_id = await unanswered(world, worker)
    await world.until_over()
    other = (await world.ask(worker)).generation
    await world.until_over()
    world.evolink.unreadable = {task_id}
    called = callbacks(world, worker)
    await called.called(EVOLINK, named.id, task_id)
    assert await names(world, named.id) == (task_id,)
    world.clock.seconds += 200
    (late,) = await called.late.look()
    assert late.conversation_id == other.conversation_id
