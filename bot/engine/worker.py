"""The scheduler: one heap of due times for all generations in flight, and bounded work.

This module owns when a step runs; ``bot.engine.steps`` owns what it does, ``bot.engine.ownership``
which worker runs it. One process or many run the same code: another worker claims a dead worker's
generations, which is also how a restart continues. It is longer than 300 lines because the loop,
its due times and its error handling share the same state.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from bot.domain.errors import Code, StorageUnavailable, Superseded
from bot.domain.generation import Failure, Generation, ParkReason, State
from bot.domain.ids import GenerationId, WorkerId
from bot.engine.advance import Advance
from bot.engine.balances import Balances
from bot.engine.context import Ports
from bot.engine.in_flight import AT_PROVIDER, Flights, InFlight
from bot.engine.ownership import Ownership
from bot.engine.pools import Pool, Pools
from bot.engine.schedule import Schedule
from bot.engine.status_news import StatusNews
from bot.engine.steps import Next, backoff
from bot.engine.transitions import LONGEST_PARK_SECONDS

log = structlog.get_logger(__name__)

MAX_NOTICE_FAILURES = 6
"""After this many internal errors, a notice of an end is given up."""

SET_ASIDE_SECONDS = 3600.0
"""How long a generation is left alone if not even its failure can be recorded, in seconds."""

MAX_FAILURES = 3
"""After this many internal errors in the same step, the generation fails."""

SHOWN_IN_LINE = 25
"""How many at the front of the queue have their position updated."""

STOP_SECONDS = 8.0


@dataclass(kw_only=True)
class Scheduler:
    """Runs the steps until ``stop``; ``run`` returns when everything has been released.

    ``alone`` is true if no other worker can exist (SQLite), so that everything that is found at
    the start is claimed at once.
    """

    ports: Ports
    flights: Flights
    advance: Advance
    worker_id: WorkerId
    alone: bool
    _busy: set[GenerationId] = field(default_factory=set[GenerationId])
    _woken: set[GenerationId] = field(default_factory=set[GenerationId])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    ownership: Ownership = field(init=False)
    _balances: Balances = field(init=False)
    _schedule: Schedule = field(init=False)
    _status: StatusNews = field(init=False)

    def __post_init__(self) -> None:
        self.advance.lease.alone = self.alone
        self.ownership = Ownership(
            ports=self.ports,
            flights=self.flights,
            lease=self.advance.lease,
            worker_id=self.worker_id,
            alone=self.alone,
            resume=self._resume,
        )
        self._balances = Balances(
            ports=self.ports, queue=self.flights.queue, reopened=self._wake.set
        )
        self._schedule = Schedule(
            clock=self.ports.clock, flights=self.flights, changed=self._wake.set
        )
        self._status = StatusNews(ports=self.ports, flights=self.flights, lease=self.advance.lease)

    # -- public methods ---------------------------------------------------------------------

    def take(self, generation: Generation) -> None:
        """Start a generation that was just inserted with this worker as its owner."""
        if generation.id in self.flights.live:
            return
        self.flights.put(generation, claimed=False)
        self._schedule.put(generation.id, 0.0)

    def wake(self, generation_id: GenerationId) -> None:
        """Run a generation's next step now, because its row has changed."""
        if generation_id in self._busy:
            self._woken.add(generation_id)
        elif generation_id in self.flights.live:
            self._schedule.put(generation_id, 0.0)

    def callback_received(self, generation_id: GenerationId) -> None:
        """A provider reports that a generation's task is done: poll now, without trusting it.

        Only one callback per state has an effect, so repetitions cause no requests.
        """
        live = self.flights.live.get(generation_id)
        if live is None or live.called_back:
            return
        if live.generation.state in {State.RUNNING, State.SUBMIT_UNKNOWN}:
            live.called_back = True
            self.wake(generation_id)

    def stop(self) -> None:
        """Start no new steps; ``run`` returns within about eight seconds."""
        self._stopped.set()
        self._wake.set()

    # -- the loop -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Claim generations and run their steps until ``stop``."""
        async with asyncio.TaskGroup() as group:
            pools = Pools(group)
            group.create_task(self.ownership.keep(self._stopped))
            group.create_task(self._balances.keep(self._stopped))
            while not self._stopped.is_set():
                self._serve_waiting(pools)
                self._dispatch(pools)
                self._wake.clear()
                await self.ports.clock.wait(self._wake, self._schedule.seconds_to_next())
            await self._put_down(pools)

    async def _put_down(self, pools: Pools) -> None:
        """Wait for a POST or a send in flight, cancel the rest, and release ownership."""
        pools.close()
        finishing = pools.active(Pool.SUBMIT, Pool.POST)
        if finishing:
            await asyncio.wait(finishing, timeout=STOP_SECONDS)
        pools.cancel()
        try:
            await self.ports.storage.transact(self.ownership.give_up)
        except StorageUnavailable as error:
            # Other workers claim them when our heartbeat is too old.
            log.warning("ownership_not_released", error=str(error))

    def _resume(self, generation: Generation) -> None:
        log.info("claimed", generation=generation.id, state=generation.state.value)
        self.flights.put(generation, claimed=True)
        wait = 0.0
        if generation.park is not None:
            wait = (generation.park.until - self.ports.clock.now()).total_seconds()
            # No park lasts longer: the clock was set back, or differs from the previous owner's.
            wait = min(max(wait, 0.0), LONGEST_PARK_SECONDS)
        self._schedule.put(generation.id, wait)

    # -- due times ----------------------------------------------------------------------------

    def _dispatch(self, pools: Pools) -> None:
        running: dict[str, list[InFlight]] = {}
        for live in self._schedule.pop():
            generation = live.generation
            if generation.id in self._busy:
                self._woken.add(generation.id)
                continue
            self._busy.add(generation.id)
            if generation.state is State.RUNNING and not live.solo:
                running.setdefault(generation.plan.provider, []).append(live)
            else:
                pools.run(_pool_of(generation), lambda live=live: self._step([live], pools))
        for lives in running.values():
            size = self.advance.batch_size(lives[0].generation)
            for start in range(0, len(lives), size):
                batch = lives[start : start + size]
                pools.run(Pool.POLL, lambda batch=batch: self._step(batch, pools))

    # -- one step -----------------------------------------------------------------------------

    async def _step(self, lives: Sequence[InFlight], pools: Pools) -> None:
        """Run one step of one generation, or one poll of several. All errors end here."""
        ids = [live.generation.id for live in lives]
        with structlog.contextvars.bound_contextvars(
            **({"generation": ids[0]} if len(ids) == 1 else {"generations": len(ids)})
        ):
            try:
                answers = await self._answers(lives)
            except Exception as error:
                # Not even the failure can be recorded, for example because the row is unreadable:
                # it is set aside, and all others continue.
                log.exception("set_aside", generations=ids)
                answers = {generation_id: Next(after=SET_ASIDE_SECONDS) for generation_id in ids}
                await self._alert(ids[0], error)
        for live in lives:
            self._busy.discard(live.generation.id)
            self._continue(live, answers[live.generation.id], pools)

    async def _answers(self, lives: Sequence[InFlight]) -> dict[GenerationId, Next]:
        try:
            return await self.advance.step(lives)
        except (Superseded, StorageUnavailable) as error:
            return {live.generation.id: await self._reread(live, error) for live in lives}
        except Exception as error:
            log.exception("step_failed", states=[live.generation.state for live in lives])
            return await self._failed_step(lives, error)

    async def _alert(self, generation_id: GenerationId, error: Exception) -> None:
        facts: dict[str, object] = {"generation": generation_id, "error": type(error).__name__}
        try:
            await self.ports.messenger.alert_owner(Code.INTERNAL, facts)
        except Exception:
            log.exception("owner_not_alerted", generation=generation_id)

    def _continue(self, live: InFlight, following: Next, pools: Pools) -> None:
        generation = live.generation
        if generation.id not in self.flights.live:
            return
        if following.after is None:
            self._forget(generation.id, pools)
            return
        if generation.id in self._woken:
            self._woken.discard(generation.id)
            following = Next()
        if not _needs_place(generation, following):
            self.flights.queue.leave(generation.id)
        self._schedule.put(generation.id, following.after or 0.0)
        self._status.show(live, pools)
        self._serve_waiting(pools)

    def _forget(self, generation_id: GenerationId, pools: Pools) -> None:
        self.flights.drop(generation_id)
        self._schedule.remove(generation_id)
        self._status.forget(generation_id)
        self._woken.discard(generation_id)
        self._serve_waiting(pools)

    def _serve_waiting(self, pools: Pools) -> None:
        """Let the first in the queue take slots that may have become free."""
        for generation_id in self.flights.queue.admit(self.ports.clock.monotonic()):
            if generation_id in self._busy:
                self._woken.add(generation_id)
            else:
                self._schedule.put(generation_id, 0.0)
        if self.flights.queue.moved():
            for generation_id in self.flights.queue.line()[:SHOWN_IN_LINE]:
                self._status.show(self.flights.live[generation_id], pools)

    async def _reread(self, live: InFlight, error: Exception) -> Next:
        """Read the row again: it has changed, or its last change is unclear."""
        live.unconfirmed = True
        live.misses += 1
        generation_id = live.generation.id
        try:
            fresh = await self.ports.storage.read(lambda tx: tx.generations.get(generation_id))
        except StorageUnavailable:
            return Next(after=backoff(live.misses, first=1.0, longest=30.0))
        if fresh is None or fresh.owner_id != self.worker_id:
            log.info("taken_over", generation=generation_id, reason=str(error))
            return Next(after=None)
        live.generation = fresh
        return Next(after=0.0 if isinstance(error, Superseded) else backoff(live.misses))

    async def _failed_step(
        self, lives: Sequence[InFlight], error: Exception
    ) -> dict[GenerationId, Next]:
        if len(lives) == 1:
            return {lives[0].generation.id: await self._retry_or_end(lives[0], error)}
        # One of them caused it; polled alone, it will fail again.
        for live in lives:
            live.solo = True
        return {live.generation.id: Next(after=1.0) for live in lives}

    async def _retry_or_end(self, live: InFlight, error: Exception) -> Next:
        """Handle an internal error: retry with growing delays, end it after a few."""
        generation = live.generation
        live.unconfirmed = True
        strikes = generation.strikes + 1
        transitions = self.advance.transitions
        self.ports.telemetry.step_failed(generation.state)
        try:
            if strikes < (MAX_NOTICE_FAILURES if generation.ended else MAX_FAILURES):
                wait = backoff(strikes, first=5.0, longest=600.0)
                live.generation = await transitions.park(
                    generation, ParkReason.INTERNAL, wait, strikes=strikes
                )
                return Next(after=wait)
            await self._alert(generation.id, error)
            if generation.ended:
                log.error("end_not_told", generation=generation.id)
                live.generation = await transitions.record(generation, announced=True)
                return Next(after=None)
            state = _poison_end(generation.state)
            failure = Failure(code=Code.INTERNAL)
            live.generation = await transitions.record(generation, state=state, failure=failure)
            return Next(after=0.0)
        except (Superseded, StorageUnavailable) as trouble:
            return await self._reread(live, trouble)


def _pool_of(generation: Generation) -> Pool:
    if generation.ended:
        return Pool.TELL
    return {
        State.READY: Pool.FETCH,
        State.FETCHED: Pool.POST,
        State.POSTING: Pool.POST,
    }.get(generation.state, Pool.SUBMIT)


def _needs_place(generation: Generation, following: Next) -> bool:
    """Return True if it keeps its slot at a provider; a postponed one returns it."""
    if generation.state is State.QUEUED:
        return not following.after
    return generation.state in AT_PROVIDER


def _poison_end(state: State) -> State:
    return State.UNDELIVERABLE if state in {State.POSTING, State.FETCHED} else State.FAILED
