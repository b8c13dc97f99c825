"""The scheduler: one heap of due times for all generations in flight, and bounded work.

This module owns when a step runs; ``bot.engine.steps`` owns what it does, ``bot.engine.ownership``
which worker runs it. One process or many run the same code: another worker claims a dead worker's
generations, which is also how a restart continues.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from bot.domain.errors import StorageUnavailable, Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, WorkerId
from bot.engine.advance import Advance
from bot.engine.balances import Balances
from bot.engine.in_flight import AT_PROVIDER, InFlight
from bot.engine.ownership import Ownership
from bot.engine.pools import Pool, Pools
from bot.engine.recovery import Recovery
from bot.engine.schedule import Schedule
from bot.engine.status_news import StatusNews
from bot.engine.steps import Next, Steps
from bot.engine.transitions import LONGEST_PARK_SECONDS

log = structlog.get_logger(__name__)

SET_ASIDE_SECONDS = 3600.0
"""How long a generation is left alone if not even its failure can be recorded, in seconds."""

SHOWN_IN_LINE = 25
"""How many at the front of the queue have their position updated."""

STOP_SECONDS = 8.0


@dataclass(kw_only=True)
class Scheduler:
    """Runs the steps until ``stop``; ``run`` returns when everything has been released."""

    steps: Steps
    worker_id: WorkerId
    _busy: set[GenerationId] = field(default_factory=set[GenerationId])
    _woken: set[GenerationId] = field(default_factory=set[GenerationId])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    ownership: Ownership = field(init=False)

    def __post_init__(self) -> None:
        steps = self.steps
        self.ports, self.flights = ports, flights = steps.ports, steps.flights
        self.ownership = Ownership(
            ports=ports,
            flights=flights,
            lease=steps.lease,
            worker_id=self.worker_id,
            resume=self._resume,
        )
        self._advance = Advance(steps)
        self._recovery = Recovery(steps=steps, worker_id=self.worker_id)
        self._balances = Balances(ports=ports, queue=flights.queue, reopened=self._wake.set)
        self._schedule = Schedule(clock=ports.clock, flights=flights, changed=self._wake.set)
        self._status = StatusNews(ports=ports, flights=flights, lease=steps.lease)

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
            size = self._advance.batch_size(lives[0].generation)
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
                await self._recovery.alert(ids[0], error)
        for live in lives:
            self._busy.discard(live.generation.id)
            self._continue(live, answers[live.generation.id], pools)

    async def _answers(self, lives: Sequence[InFlight]) -> dict[GenerationId, Next]:
        try:
            return await self._advance.step(lives)
        except (Superseded, StorageUnavailable) as error:
            return {live.generation.id: await self._recovery.reread(live, error) for live in lives}
        except Exception as error:
            log.exception("step_failed", states=[live.generation.state for live in lives])
            return await self._recovery.failed(lives, error)

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
