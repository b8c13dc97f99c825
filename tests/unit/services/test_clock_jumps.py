"""The calendar is set ahead or back by a day, in every state: nothing hangs, nothing is done twice.

Only the calendar jumps: the monotonic clock, the providers and Discord go on as before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation, State
from bot.domain.limits import Usage
from bot.domain.ports.storage import Transaction
from bot.engine.context import Policy
from bot.engine.lease import Lease
from bot.engine.ownership import CLAIM_SECONDS, DEAD_SECONDS, HEARTBEAT_SECONDS
from bot.engine.timing import kind_of
from bot.engine.transitions import LONGEST_PARK_SECONDS
from bot.storage.transaction import SqlTransaction
from bot.storage.workers import SqlWorkers
from tests.fakes.ports import START, OwnedClock, WatchedStorage
from tests.fakes.providers import EVOLINK, SlowList, refusal, silence
from tests.unit.services.conftest import GUILD, NOBODY, TOM, World

T = TypeVar("T")
DAY = 86_400.0
TAKE_OVER = DEAD_SECONDS + 2 * CLAIM_SECONDS + HEARTBEAT_SECONDS

both_ways = pytest.mark.parametrize("jump", [DAY, -DAY, 600.0, -600.0])


async def usage(world: World) -> Usage:
    """What Tom has used up, on whatever day it was."""
    since = START - timedelta(days=9)
    return await world.storage.read(lambda tx: tx.ledger.usage(GUILD, TOM, since=since))


async def assert_delivered_once(world: World, generation: Generation) -> None:
    """Made once, posted once, counted once, told."""
    row = await world.row(generation.id)
    assert (row.state, row.announced) == (State.DELIVERED, True)
    assert len(world.evolink.tasks) + len(world.apimart.tasks) == 1
    assert [posted for posted, _, _ in world.messenger.videos] == [generation.id]
    used = await usage(world)
    assert (used.videos, used.seconds, used.concurrent) == (1, 5, 0)
    assert await world.faults() == []


def only_evolink(world: World, **changes: object) -> None:
    """The second provider takes nothing, for good."""
    world.apimart.prepare_faults = [refusal(Code.PROVIDER_MODEL_ACCESS)] * 1000
    for name, value in changes.items():
        setattr(world.evolink, name, value)


# -- in each state ----------------------------------------------------------------------------


@both_ways
async def test_while_it_waits_for_a_provider(world: World, jump: float) -> None:
    worker = world.start()
    for provider in (world.evolink, world.apimart):
        provider.prepare_faults = [refusal(Code.PROVIDER_UNAVAILABLE, retryable=True)] * 8
    generation = (await world.ask(worker)).generation
    await world.until(lambda: len(world.evolink.prepare_faults) < 6)
    row = await world.row(generation.id)
    assert (row.state, row.park is not None) == (State.QUEUED, True)
    world.clock.ahead += jump
    await world.until_over(seconds=LONGEST_PARK_SECONDS)
    await assert_delivered_once(world, generation)


@both_ways
async def test_a_request_that_no_provider_takes_ends_after_its_deadline(
    world: World, jump: float
) -> None:
    world.policy = Policy(limits=NOBODY, queue_deadline=1800)
    worker = world.start()
    for provider in (world.evolink, world.apimart):
        provider.prepare_faults = [refusal(Code.PROVIDER_UNAVAILABLE, retryable=True)] * 1000
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.QUEUED)
    world.clock.ahead += jump
    await world.until_over()
    assert 1800 <= world.clock.seconds <= 1800 + LONGEST_PARK_SECONDS
    assert await world.state(generation.id) is State.FAILED
    assert (await usage(world)).videos == 0


@both_ways
async def test_while_it_is_made(world: World, jump: float) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    running = await world.until_state(generation.id, State.RUNNING)
    await world.until(lambda: world.evolink.polls >= 2)
    world.clock.ahead += jump
    await world.until_over(seconds=65)
    await assert_delivered_once(world, generation)
    assert world.evolink.polls <= 14
    learned = await world.storage.read(lambda tx: tx.durations.recent(kind_of(running)))
    assert [60 <= seconds < 65 for seconds in learned] == [True]


@both_ways
async def test_a_task_that_never_ends_expires_in_time(world: World, jump: float) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=1800)
    world.evolink.seconds = 10 * DAY
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    world.clock.ahead += jump
    await world.until_over()
    assert 1800 <= world.clock.seconds <= 1800 + 60
    assert await world.state(generation.id) is State.EXPIRED
    assert (await usage(world)).videos == 0


@both_ways
async def test_a_task_that_its_provider_forgot_is_noticed(world: World, jump: float) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    world.evolink.tasks.clear()
    world.clock.ahead += jump
    await world.until_over(seconds=600)
    assert world.clock.seconds >= 60
    row = await world.row(generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.PROVIDER_TASK_GONE


@both_ways
async def test_a_lost_answer_is_asked_for_again_with_its_key(world: World, jump: float) -> None:
    only_evolink(world, can_list_tasks=False)
    worker = world.start()
    world.evolink.submit_faults = [("after", silence())]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    world.clock.ahead += jump
    await world.until_over(seconds=120)
    await assert_delivered_once(world, generation)


@both_ways
@pytest.mark.parametrize("arrived", ["before", "after"])
async def test_a_list_proves_nothing_before_it_has_settled(
    world: World, jump: float, arrived: str
) -> None:
    world.evolink = SlowList(EVOLINK, world.clock)
    only_evolink(world)
    worker = world.start()
    world.evolink.submit_faults = [(arrived, silence())]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    world.clock.ahead += jump
    await world.until_over(seconds=world.policy.unknown_deadline + 120)
    if arrived == "before":
        await assert_delivered_once(world, generation)
    else:
        assert len(world.evolink.tasks) == 1
        assert await world.state(generation.id) is State.FAILED


@pytest.mark.parametrize("away", [0.0, 200.0])
async def test_a_list_proves_nothing_by_a_calendar_set_back_while_nobody_was_there(
    world: World, away: float
) -> None:
    world.evolink = SlowList(EVOLINK, world.clock)
    only_evolink(world)
    world.clock.ahead = DAY
    worker = world.start()
    world.evolink.submit_faults = [("after", silence())]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    await world.kill(worker)
    world.clock.ahead = 0.0
    world.clock.seconds += away
    world.start()
    await world.until_over(seconds=world.policy.unknown_deadline + 120)
    assert len(world.evolink.tasks) == 1
    assert await world.state(generation.id) is State.FAILED
    assert world.messenger.alerts[-1] is Code.SUBMIT_UNKNOWN


@both_ways
async def test_an_unconfirmed_submission_ends_after_its_deadline(world: World, jump: float) -> None:
    only_evolink(world, supports_idempotency_keys=False, can_list_tasks=False)
    worker = world.start()
    world.evolink.submit_faults = [("after", silence())]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.SUBMIT_UNKNOWN)
    world.clock.ahead += jump
    await world.until_over()
    deadline = world.policy.unknown_deadline
    assert deadline <= world.clock.seconds <= deadline + 120
    assert await world.state(generation.id) is State.FAILED
    assert len(world.evolink.tasks) == 1
    assert (await usage(world)).videos == 0


@both_ways
@pytest.mark.parametrize("restart", [False, True])
async def test_a_result_that_cannot_be_had_at_once(
    world: World, jump: float, *, restart: bool
) -> None:
    worker = world.start()
    world.evolink.download_faults = [ProviderError(Code.PROVIDER_UNAVAILABLE)] * 3
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.READY)
    if restart:
        world.evolink.download_faults.clear()
        await world.kill(worker)
    world.clock.ahead += jump
    if restart:
        world.start()
    await world.until_over(seconds=120)
    await assert_delivered_once(world, generation)


@both_ways
async def test_a_result_that_can_never_be_had_is_given_up_in_time(
    world: World, jump: float
) -> None:
    world.policy = Policy(limits=NOBODY, fetch_deadline=60)
    world.evolink.keeps = 1800.0
    worker = world.start()
    world.evolink.download_faults = [ProviderError(Code.PROVIDER_UNAVAILABLE)] * 1000
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.READY)
    world.clock.ahead += jump
    await world.until_over()
    assert 1800 <= world.clock.seconds - 60 <= 1800 + 60
    row = await world.row(generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.RESULT_UNREACHABLE
    assert (await usage(world)).videos == 0


async def test_a_dead_link_is_renewed_by_whatever_calendar(world: World) -> None:
    worker = world.start()
    world.evolink.download_faults = [ProviderError(Code.RESULT_GONE)]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.READY)
    world.clock.ahead += 2 * DAY
    await world.until_over(seconds=120)
    await assert_delivered_once(world, generation)


async def test_a_cooldown_is_over_even_when_the_clock_was_set_back(world: World) -> None:
    world.policy = Policy(limits=replace(NOBODY, cooldown=60))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    world.clock.ahead -= DAY
    await world.ask(worker)
    await world.until_over()
    assert len(world.messenger.videos) == 2


# -- from one process to the next -------------------------------------------------------------


@pytest.mark.parametrize("jump", [-DAY, 600.0, -600.0])
@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.READY])
async def test_the_next_process_takes_over_at_once(world: World, jump: float, state: State) -> None:
    """It is alone and knows it: no heartbeat from the future keeps anything from it.

    What outlives a process goes by the calendar: a day ahead, deadlines have passed.
    """
    worker = world.start()
    world.evolink.prepare_faults = [
        refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=20.0)
    ]
    world.apimart.prepare_faults = [
        refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=20.0)
    ]
    world.evolink.download_faults = [ProviderError(Code.PROVIDER_UNAVAILABLE)]
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, state)
    world.clock.ahead += jump
    await world.kill(worker)
    second = world.start()
    await world.settle()
    assert (await world.row(generation.id)).owner_id == second.scheduler.worker_id
    await world.until_over(seconds=LONGEST_PARK_SECONDS + 120)
    await assert_delivered_once(world, generation)


async def test_a_park_from_before_the_calendar_was_set_back_is_bounded(world: World) -> None:
    worker = world.start()
    for provider in (world.evolink, world.apimart):
        provider.prepare_faults = [
            refusal(Code.PROVIDER_UNAVAILABLE, retryable=True, retry_after=300.0)
        ]
    generation = (await world.ask(worker)).generation
    await world.until(lambda: not world.apimart.prepare_faults)
    assert (await world.row(generation.id)).park is not None
    await world.kill(worker)
    world.clock.ahead -= 30 * DAY
    world.start()
    await world.until_over(seconds=LONGEST_PARK_SECONDS + 120)
    await assert_delivered_once(world, generation)


# -- many hosts, one server -------------------------------------------------------------------


@dataclass
class HostClock:
    """A host whose calendar is ``ahead`` of the true time by so many seconds."""

    true: OwnedClock
    ahead: float

    def now(self) -> datetime:
        return self.true.now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self.true.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.true.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        return await self.true.wait(event, seconds)


class Server(WatchedStorage):
    """The same storage for many hosts: it answers with a time of its own."""

    ahead = 0.0

    def __init__(self, world: World) -> None:
        super().__init__(world.storage)
        self._clock = world.clock

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        server = self

        class TimedWorkers(SqlWorkers):
            async def clock(self, now: datetime) -> datetime:
                return START + timedelta(seconds=server._clock.seconds + server.ahead)

        async def timed(tx: Transaction) -> T:
            assert isinstance(tx, SqlTransaction)
            tx.workers = TimedWorkers(tx.workers._connection)
            return await work(tx)

        return await super().transact(timed)


@pytest.fixture
def server(world: World) -> Server:
    world.storage = Server(world)
    return world.storage


@pytest.mark.parametrize("ahead", [DAY, -DAY, 40.0, -40.0])
async def test_a_host_with_a_wrong_clock_claims_nothing_of_a_living_one(
    world: World, server: Server, ahead: float
) -> None:
    wrong = world.start(alone=False, clock=HostClock(world.clock, ahead))
    right = world.start(alone=False)
    await world.settle()
    generation = (await world.ask(right)).generation
    other = (await world.ask(wrong)).generation
    world.evolink.seconds = 300.0
    await world.until(lambda: world.clock.seconds > 200)
    assert list(right.flights.live) == [generation.id]
    assert list(wrong.flights.live) == [other.id]
    await world.until_over()
    assert len(world.evolink.tasks) == len(world.messenger.videos) == 2


@pytest.mark.parametrize("ahead", [600.0, -600.0])
@pytest.mark.parametrize("dies", ["right", "wrong"])
async def test_a_host_that_died_is_found_dead_whatever_its_clock_was(
    world: World, server: Server, ahead: float, dies: str
) -> None:
    workers = {
        "wrong": world.start(alone=False, clock=HostClock(world.clock, ahead)),
        "right": world.start(alone=False),
    }
    world.evolink.seconds = 300.0
    generation = (await world.ask(workers[dies])).generation
    await world.until_state(generation.id, State.RUNNING)
    await world.kill(workers.pop(dies))
    (survivor,) = workers.values()
    await world.until(lambda: generation.id in survivor.flights.live, seconds=TAKE_OVER)
    await world.until_over()
    await assert_delivered_once(world, generation)


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_the_servers_clock_jumps_and_the_living_keep_what_they_have(
    world: World, server: Server, jump: float
) -> None:
    first = world.start(alone=False)
    generation = (await world.ask(first)).generation
    world.evolink.seconds = 400.0
    # The two do not beat at the same moments, and the jumps come at any time between.
    await world.until(lambda: world.clock.seconds >= 1)
    second = world.start(alone=False)
    for jumps in range(1, 40):
        await world.until(lambda jumps=jumps: world.clock.seconds >= 7.3 * jumps)
        server.ahead += jump
        assert list(second.flights.live) == []
    assert list(first.flights.live) == [generation.id]
    await world.until_over()
    await assert_delivered_once(world, generation)


@pytest.mark.parametrize("jump", [DAY, -DAY])
async def test_the_servers_clock_jumps_and_the_dead_are_found_all_the_same(
    world: World, server: Server, jump: float
) -> None:
    first, second = world.start(alone=False), world.start(alone=False)
    generation = (await world.ask(first)).generation
    world.evolink.seconds = 400.0
    await world.until_state(generation.id, State.RUNNING)
    await world.kill(first)
    server.ahead += jump
    await world.until(lambda: generation.id in second.flights.live, seconds=TAKE_OVER)
    await world.until_over()
    await assert_delivered_once(world, generation)


@both_ways
async def test_what_is_shown_goes_on_after_a_jump(
    world: World, server: Server, jump: float
) -> None:
    worker = world.start(alone=False)
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    await world.until(lambda: world.clock.seconds >= 20)
    world.clock.ahead += jump
    before = len(world.messenger.shown)
    await world.until_over()
    shown = [state for _, state, progress in world.messenger.shown[before:] if progress]
    assert shown.count("running") >= 3
    await assert_delivered_once(world, generation)


# -- the lease --------------------------------------------------------------------------------


@pytest.fixture
def lease(world: World) -> Lease:
    lease = Lease(ports=world.ports())
    lease.keep(lease.now())
    return lease


async def saved(world: World) -> Generation:
    """A generation as it was saved just now."""
    worker = world.start()
    return (await world.ask(worker)).generation


@both_ways
async def test_a_lease_is_sure_again_of_what_is_saved_after_a_jump(
    world: World, lease: Lease, jump: float
) -> None:
    generation = await saved(world)
    assert lease.sure(generation)
    world.clock.seconds += 1
    world.clock.ahead += jump
    assert not lease.sure(generation)
    world.clock.seconds += HEARTBEAT_SECONDS
    lease.keep(lease.now())
    assert not lease.sure(generation)
    world.clock.seconds += 1
    assert lease.sure(replace(generation, updated_at=world.clock.now()))


async def test_a_lease_that_ran_out_before_the_clock_was_set_back_is_not_trusted(
    world: World, lease: Lease
) -> None:
    generation = await saved(world)
    world.clock.seconds += 60
    lease.keep(lease.now())
    assert not lease.sure(generation)
    world.clock.ahead -= DAY
    lease.keep(lease.now())
    assert not lease.sure(generation)
