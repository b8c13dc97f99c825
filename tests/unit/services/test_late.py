"""Results that come after their generation has ended: delivered once, free, without being asked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Code
from bot.domain.generation import Generation, State, TargetKind
from bot.domain.ids import GenerationId, TaskId
from bot.domain.limits import Limits
from bot.domain.ports.provider import TaskReport, TaskState
from bot.engine.context import Policy
from bot.engine.late_results import LOOK_EVERY_SECONDS, LateResults
from bot.engine.steps.repetition import REPLAYS
from bot.engine.timing import kind_of
from bot.services.callbacks import Callbacks
from tests.contract.storage.samples import raw
from tests.fakes.providers import EVOLINK, FakeDirectory, SlowList, refusal, silence
from tests.fakes.telemetry import NoTelemetry
from tests.unit.services.conftest import NOBODY, Worker, World

SHORT, LONG = 120, 200.0
"""A deadline, and a task that outlives it."""


def looker(world: World) -> LateResults:
    return LateResults(
        storage=world.storage,
        clock=world.clock,
        providers=FakeDirectory(world.evolink, world.apimart),
        telemetry=NoTelemetry(),
    )


async def call_back(
    world: World, worker: Worker, late: LateResults, generation_id: GenerationId, named: TaskId
) -> None:
    """EvoLink says that a task is done."""
    callbacks = Callbacks(
        storage=world.storage,
        clock=world.clock,
        flights=worker.flights,
        scheduler=worker.scheduler,
        late=late,
    )
    await callbacks.called(EVOLINK, generation_id, named)


async def pass_time(world: World, seconds: float) -> None:
    """Nothing is under way meanwhile: nobody needs to live through it."""
    world.clock.seconds += seconds
    await world.settle()


@pytest.fixture(autouse=True)
def impatience(world: World) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=SHORT, unknown_deadline=SHORT)


async def expired(world: World, worker: Worker) -> Generation:
    """A request whose task takes longer than the deadline."""
    world.evolink.seconds = LONG
    generation = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(generation.id) is State.EXPIRED
    return await world.row(generation.id)


async def until_delivered(world: World) -> None:
    """The next claim finds it; then it goes its way, until everybody has heard how it ended."""
    limit = world.clock.seconds + 10_000
    untold = raw("SELECT id FROM generations WHERE NOT announced")
    await world.settle()
    while await world.storage.read(untold):
        assert world.clock.seconds <= limit, "nobody brings it to an end"
        assert world.clock.ring_next()
        await world.settle()


async def turns(world: World, generation: Generation) -> list[Generation]:
    who = (generation.place.guild_id, generation.requester_id)
    ended = await world.storage.read(lambda tx: tx.generations.ended_of(*who, limit=100))
    found = [*ended, *await world.storage.read(lambda tx: tx.generations.open_of(*who))]
    about = [each for each in found if each.conversation_id == generation.conversation_id]
    return sorted(about, key=lambda each: each.version)


async def test_what_comes_after_the_deadline_is_delivered_free_in_the_same_place(
    world: World,
) -> None:
    worker = world.start()
    ended = await expired(world, worker)
    await pass_time(world, LONG)

    (late,) = await looker(world).look()
    await until_delivered(world)

    first, second = await turns(world, ended)
    assert (first.state, first.task) == (State.EXPIRED, None)
    assert (second.id, second.state, second.version) == (late.id, State.DELIVERED, 2)
    assert second.late
    assert second.place == ended.place
    assert second.request == ended.request
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.THREAD]
    assert world.evolink.posts == 1
    used = await world.usage()
    assert (used.videos, used.seconds, used.concurrent) == (0, 0, 0)


async def test_it_is_delivered_once_however_often_and_by_whomever_it_is_looked_for(
    world: World,
) -> None:
    worker = world.start()
    ended = await expired(world, worker)
    await pass_time(world, LONG)
    one, other = looker(world), looker(world)
    taken = [*await one.look(), *await other.look()]
    await until_delivered(world)
    await pass_time(world, 2 * LOOK_EVERY_SECONDS)
    taken += [*await one.look(), *await other.look(), *await looker(world).look()]
    await world.until_over()
    assert len(taken) == 1
    assert len(await turns(world, ended)) == 2
    assert len(world.messenger.videos) == 1


async def test_two_processes_that_saw_the_same_row_make_one(world: World) -> None:
    worker = world.start()
    ended = await expired(world, worker)
    await pass_time(world, LONG)
    looking = looker(world)
    assert ended.task is not None
    assert ended.task.task_id is not None
    first = await looking._taken_over(await world.row(ended.id), ended.task.task_id)
    second = await looking._taken_over(ended, ended.task.task_id)
    assert first is not None
    assert second is None
    assert len(await turns(world, ended)) == 2


async def test_what_is_still_being_made_is_asked_for_now_and_then(world: World) -> None:
    worker = world.start()
    world.evolink.seconds = 40_000
    await world.ask(worker)
    await world.until_over()
    looking = looker(world)
    asked = world.evolink.polls
    assert await looking.look() == []
    assert await looking.look() == ()
    assert world.evolink.polls == asked + 1
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert await looking.look() == []
    assert world.evolink.polls == asked + 2


async def test_many_are_asked_about_with_one_question(world: World) -> None:
    world.evolink.batch_size = 50
    worker = world.start()
    world.evolink.seconds = LONG
    for _ in range(4):
        await world.ask(worker)
    await world.until_over()
    await pass_time(world, LONG)
    asked = world.evolink.polls
    assert len(await looker(world).look()) == 4
    assert world.evolink.polls == asked + 1
    await until_delivered(world)
    assert len(world.messenger.videos) == 4


async def test_a_hint_about_an_ended_one_is_looked_at_before_its_time(world: World) -> None:
    worker = world.start()
    ended = await expired(world, worker)
    looking = looker(world)
    await looking.look()
    await pass_time(world, LOOK_EVERY_SECONDS / 10)
    next(iter(world.evolink.tasks.values())).ends_after = 0
    assert await looking.look() == ()
    looking.callback_received(ended.id)
    assert len(await looking.look()) == 1


async def test_a_callback_about_an_unknown_generation_queries_no_provider(world: World) -> None:
    looking = looker(world)
    await looking.look()
    looking.callback_received(GenerationId("never-made"))
    assert await looking.look() == []
    assert world.evolink.polls == 0


async def test_a_task_is_never_guessed_from_the_list(world: World) -> None:
    """The one unexplained task may be another application's, and its video anybody's."""
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(ended.id) is State.FAILED
    world.evolink.can_list_tasks = True
    world.evolink.foreign.append(world.clock.now())
    looking = looker(world)
    assert await looking.look() == []
    assert looking._closed == set()
    assert [row.state for row in await turns(world, ended)] == [State.FAILED]


async def test_a_task_that_the_callback_names_is_delivered_late(world: World) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(ended.id) is State.FAILED
    looking = looker(world)
    assert await looking.look() == []
    await call_back(world, worker, looking, ended.id, next(iter(world.evolink.tasks)))
    assert len(await looking.look()) == 1
    await until_delivered(world)
    assert [row.state for row in await turns(world, ended)] == [State.FAILED, State.DELIVERED]
    assert world.evolink.posts == 1


@pytest.mark.parametrize("wrong", ["unknown", "older", "another model's", "another generation's"])
async def test_a_callback_cannot_name_a_task_that_is_not_ours(world: World, wrong: str) -> None:
    world.evolink.can_list_tasks = False
    worker = world.start()
    other = (await world.ask(worker)).generation
    await world.until_over()
    world.evolink.supports_idempotency_keys = False
    world.evolink.submit_faults.append(("before", silence()))
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert len(world.evolink.tasks) == 1
    task_id, task = next(iter(world.evolink.tasks.items()))
    if wrong != "another generation's":
        forget = "UPDATE generations SET task = NULL, task_id = NULL WHERE id = :id"
        await world.storage.transact(raw(forget, id=other.id))
        task.made_at = world.clock.now()
    if wrong == "older":
        task.made_at = world.clock.now() - timedelta(hours=2)
    if wrong == "another model's":
        task.outcome = TaskReport(
            task_id=task_id,
            state=TaskState.COMPLETED,
            urls=("https://results.example/a.mp4",),
            made_at=world.clock.now(),
            model_id="another-model",
        )
    looking = looker(world)
    await looking.look()
    named = TaskId("no-such-task") if wrong == "unknown" else task_id
    await call_back(world, worker, looking, ended.id, named)
    assert await looking.look() == []
    assert await world.state(ended.id) is State.FAILED


async def test_a_list_proves_nothing_so_soon_after_the_last_repetition(world: World) -> None:
    """The request arrived with its last repetition, whose task is not in the list yet."""
    world.apimart.prepare_faults = [refusal(Code.PROVIDER_MODEL_ACCESS)]
    world.evolink = SlowList(EVOLINK, world.clock, supports_idempotency_keys=True)
    world.evolink.submit_faults = [*[("before", silence())] * REPLAYS, ("after", silence())]
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_over()
    row = await world.row(generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.SUBMIT_UNKNOWN
    assert row.task is not None
    assert row.task.sent_at is not None
    age = (world.clock.now() - row.task.sent_at).total_seconds()
    assert age < world.evolink.settles < world.clock.seconds
    looking = looker(world)
    assert await looking.look() == []
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert await looking.look() == []
    assert looking._closed == set()


async def test_a_task_proven_absent_is_not_looked_for_again(world: World) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    world.evolink.can_list_tasks = True
    looking = looker(world)
    assert await looking.look() == []
    assert len(looking._closed) == 1
    assert world.evolink.posts == 1


async def test_a_bug_does_not_keep_the_video_for_ever(world: World) -> None:
    world.media.adopt_faults.extend([RuntimeError("bug")] * 3)
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(ended.id) is State.FAILED
    assert len(await looker(world).look()) == 1
    await until_delivered(world)
    assert [row.state for row in await turns(world, ended)] == [State.FAILED, State.DELIVERED]


async def test_a_late_one_that_fails_again_is_not_tried_for_ever(world: World) -> None:
    world.media.adopt_faults.extend([RuntimeError("bug")] * 6)
    worker = world.start()
    ended = (await world.ask(worker)).generation
    await world.until_over()
    looking = looker(world)
    assert len(await looking.look()) == 1
    await until_delivered(world)
    for _ in range(3):
        await pass_time(world, LOOK_EVERY_SECONDS)
        assert await looking.look() == []
    assert [row.state for row in await turns(world, ended)] == [State.FAILED, State.FAILED]


async def test_what_a_provider_refused_is_left_alone(world: World) -> None:
    world.evolink.submit_faults.append(("before", refusal(Code.MODERATED)))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    asked = world.evolink.polls
    assert await looker(world).look() == []
    assert world.evolink.polls == asked


async def unfetched(world: World) -> Generation:
    """A video that was finished, and whose link was refused until it expired."""
    world.policy = replace(world.policy, fetch_deadline=60)
    world.evolink.keeps = 60.0
    world.evolink.refuses_links = lambda _: refusal(Code.RESULT_GONE)
    generation = (await world.ask(world.start())).generation
    await world.until_over(seconds=3600)
    assert await world.state(generation.id) is State.FAILED
    world.evolink.refuses_links = lambda _: None
    return await world.row(generation.id)


async def test_what_could_not_be_fetched_is_left_alone_while_nothing_is_new(world: World) -> None:
    ended = await unfetched(world)
    asked = world.evolink.polls
    assert await looker(world).look() == []
    assert world.evolink.polls == asked + 1
    assert len(await turns(world, ended)) == 1


@pytest.mark.parametrize("news", ["another link", "kept longer"])
async def test_what_could_not_be_fetched_is_delivered_when_it_can_be(
    world: World, news: str
) -> None:
    ended = await unfetched(world)
    assert ended.task is not None
    task = world.evolink.tasks[ended.task.task_id or TaskId("")]
    report = replace(world.evolink._report(task), urls_expire_at=None)
    if news == "another link":
        task.outcome = replace(report, urls=("https://mirror.example/1.mp4?signed=yes",))
    else:
        task.outcome = replace(report, urls_expire_at=world.clock.now() + timedelta(hours=1))
    assert len(await looker(world).look()) == 1
    await until_delivered(world)
    assert [row.state for row in await turns(world, ended)] == [State.FAILED, State.DELIVERED]
    assert len(world.messenger.videos) == 1


async def test_done_without_a_link_is_asked_about_for_a_day(world: World) -> None:
    worker = world.start()
    world.evolink.empty_reports = 9
    ended = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(ended.id) is State.FAILED
    looking = looker(world)
    assert await looking.look() == []
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert await looking.look() == []
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert len(await looking.look()) == 1
    await until_delivered(world)


async def test_what_was_dropped_by_its_requester_is_not_delivered_late(world: World) -> None:
    worker = world.start()
    world.evolink.seconds = LONG
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    await worker.cancel.drop(generation.id, viewer=world.viewer())
    await world.until_over()
    await pass_time(world, LONG)
    assert await looker(world).look() == []
    assert world.messenger.videos == []


async def test_after_a_day_nobody_asks_any_more(world: World) -> None:
    worker = world.start()
    await expired(world, worker)
    await pass_time(world, 25 * 3600)
    asked = world.evolink.polls
    assert await looker(world).look() == []
    assert world.evolink.polls == asked


@pytest.mark.parametrize("code", [Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_AUTH])
async def test_a_provider_that_does_not_answer_is_asked_next_time(world: World, code: Code) -> None:
    worker = world.start()
    await expired(world, worker)
    await pass_time(world, LONG)
    world.evolink.query_faults.append(silence(code))
    looking = looker(world)
    assert await looking.look() == []
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert len(await looking.look()) == 1


async def test_a_provider_that_was_switched_off_is_not_asked(world: World) -> None:
    worker = world.start()
    await expired(world, worker)
    looking = replace(looker(world), providers=FakeDirectory(world.apimart))
    assert await looking.look() == []


async def test_it_takes_nobodys_place_and_begins_no_pause(world: World) -> None:
    limits = Limits(videos=1, concurrent=1, cooldown=60)
    world.policy = replace(world.policy, limits=limits)
    worker = world.start()
    await expired(world, worker)
    await pass_time(world, LONG)
    world.evolink.seconds = 60
    assert len(await looker(world).look()) == 1
    # While it is on its way, what its requester may have is all still there.
    await world.ask(worker)
    assert (await world.usage()).concurrent == 1
    await world.until_over()
    assert len(world.messenger.videos) == 2
    assert (await world.usage()).videos == 1


async def test_its_time_teaches_nothing_about_how_long_tasks_take(world: World) -> None:
    worker = world.start()
    await expired(world, worker)
    await pass_time(world, LONG)
    await looker(world).look()
    await until_delivered(world)
    (generation_id, _, _) = world.messenger.videos[0]
    key = kind_of(await world.row(generation_id))
    assert await world.storage.read(lambda tx: tx.durations.recent(key)) == []
    world.evolink.seconds = 60
    await world.ask(worker)
    await world.until_over()
    assert len(await world.storage.read(lambda tx: tx.durations.recent(key))) == 1
