"""What providers report is believed within bounds: costs, lengths, estimates, durations."""

from dataclasses import replace

import pytest

from bot.domain.errors import Code
from bot.domain.generation import Generation, State
from bot.domain.ids import TaskId
from bot.domain.plausible import MOST_TIMES
from bot.domain.ports.provider import TaskReport, TaskState
from bot.engine.in_flight import InFlight
from bot.engine.timing import KEPT, MOST_KINDS, Timing, kind_of
from tests.contract.storage.samples import raw
from tests.fakes.providers import silence
from tests.unit.services.conftest import World

ESTIMATE = 5 * 86_000
SPENT = raw("SELECT micro_usd FROM provider_spend ORDER BY at")


def report(**changes: object) -> TaskReport:
    done = TaskReport(
        task_id=TaskId("later"),
        state=TaskState.COMPLETED,
        urls=("https://results.example/1.mp4",),
        duration_ms=5000,
        cost_micro_usd=ESTIMATE,
    )
    return replace(done, **changes)  # pyright: ignore[reportArgumentType]


async def made(world: World) -> Generation:
    worker = world.workers[0] if world.workers else world.start()
    generation = (await world.ask(worker)).generation
    await world.until_over()
    return await world.row(generation.id)


async def durations(world: World, generation: Generation) -> list[float]:
    key = kind_of(generation)
    return list(await world.storage.read(lambda tx: tx.durations.recent(key)))


@pytest.mark.parametrize("cost", [ESTIMATE, MOST_TIMES * ESTIMATE, 0])
async def test_a_cost_within_bounds_is_what_was_spent(world: World, cost: int) -> None:
    world.evolink.outcomes.append(report(cost_micro_usd=cost))
    row = await made(world)
    assert row.result is not None
    assert (row.result.cost_micro_usd, row.result.doubtful_micro_usd) == (cost, None)
    assert [one for (one,) in await world.storage.read(SPENT)] == ([cost] if cost else [])
    assert world.messenger.alerts == []


@pytest.mark.parametrize("cost", [MOST_TIMES * ESTIMATE + 1, 10**15, 2**70, -1])
async def test_an_absurd_cost_is_recorded_and_moves_nothing(world: World, cost: int) -> None:
    world.evolink.outcomes.append(report(cost_micro_usd=cost))
    row = await made(world)
    assert row.state is State.DELIVERED
    assert row.result is not None
    assert (row.result.cost_micro_usd, row.result.doubtful_micro_usd) == (None, cost)
    assert [one for (one,) in await world.storage.read(SPENT)] == [ESTIMATE]
    assert world.messenger.alerts == [Code.DOUBTFUL_REPORT]


async def test_an_absurd_cost_of_a_failure_is_recorded_too(world: World) -> None:
    failed = report(state=TaskState.FAILED, urls=(), cost_micro_usd=10**12)
    world.evolink.outcomes.append(failed)
    row = await made(world)
    assert row.failure is not None
    assert row.failure.facts["doubtful_micro_usd"] == 10**12
    assert world.messenger.alerts == [Code.DOUBTFUL_REPORT]
    assert [one for (one,) in await world.storage.read(SPENT)] == [ESTIMATE]


@pytest.mark.parametrize("length", [24 * 3_600_000, -5000, 0])
async def test_an_absurd_length_moves_nothing(world: World, length: int) -> None:
    world.evolink.outcomes.append(report(duration_ms=length))
    row = await made(world)
    assert row.state is State.DELIVERED
    assert row.result is not None
    assert row.result.duration_ms is None
    assert world.messenger.alerts == [Code.DOUBTFUL_REPORT]
    assert (await world.usage()).seconds == 5


async def test_a_watched_task_teaches_how_long_it_took(world: World) -> None:
    row = await made(world)
    assert await durations(world, row) == pytest.approx([60], abs=10)


async def test_downtime_is_not_learned_as_a_duration(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    await world.kill(worker)
    world.clock.seconds += 3000
    world.start()
    await world.until_over()
    row = await world.row(generation.id)
    assert row.state is State.DELIVERED
    assert await durations(world, row) == []


async def test_a_silent_providers_time_is_not_learned_as_a_duration(world: World) -> None:
    world.evolink.query_faults.extend([silence(Code.PROVIDER_UNAVAILABLE)] * 30)
    row = await made(world)
    assert world.clock.seconds > 500
    assert await durations(world, row) == []


async def test_what_is_learned_is_bounded(world: World) -> None:
    row = await made(world)
    timing = Timing(ports=world.ports())
    for number in range(MOST_KINDS + 50):
        plan = replace(row.plan, model_id=f"model-{number}")
        for _ in range(KEPT + 5 if not number else 1):
            timing.learn(replace(row, plan=plan), 60.0)
    assert len(timing._kinds) == MOST_KINDS
    assert all(len(kind.past) <= KEPT for kind in timing._kinds.values())


@pytest.mark.parametrize("estimate", [10**6, 10**9, -5, 0])
async def test_an_absurd_estimate_moves_no_expected_end(world: World, estimate: int) -> None:
    row = await made(world)
    assert row.task is not None
    task = replace(row.task, estimated_seconds=estimate, submitted_at=world.clock.now())
    live = InFlight(generation=replace(row, task=task, state=State.RUNNING))
    timing = Timing(ports=world.ports())
    assert 0 < await timing.start(live) <= 45
    assert live.eta_at is not None
    left = (live.eta_at - world.clock.now()).total_seconds()
    assert left == row.plan.estimated_seconds


async def test_longer_than_expected_promises_nothing(world: World) -> None:
    world.evolink.seconds = 60.0
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    live = worker.flights.live[generation.id]
    assert worker.flights.live_status(live.generation, now=world.clock.now()).eta_at is not None
    await world.kill(worker)
    world.clock.seconds += 10_000
    world.evolink.tasks[TaskId("evolink-1")].ends_after = 20_000.0
    again = worker.scheduler.steps.timing
    live.reading = None
    again._expect(live)
    assert live.eta_at is None
    assert worker.flights.live_status(live.generation, now=world.clock.now()).eta_at is None
