"""One step of one generation: which step class handles which state."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.generation import Generation, ParkReason, State
from bot.domain.ids import GenerationId
from bot.engine.context import Ports
from bot.engine.in_flight import Flights, InFlight
from bot.engine.lease import Lease
from bot.engine.steps import OVER, Next
from bot.engine.steps.acceptance import Acceptance
from bot.engine.steps.fetching import FetchSteps
from bot.engine.steps.opening import OpeningSteps
from bot.engine.steps.polling import PollingSteps
from bot.engine.steps.posting import PostingSteps
from bot.engine.steps.submission import SubmissionSteps
from bot.engine.steps.unknown import UnknownSteps
from bot.engine.steps.uploads import are_over, release
from bot.engine.stuck import Stage
from bot.engine.timing import Timing
from bot.engine.transitions import Transitions

NEEDS_ITS_PROVIDER = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.RUNNING, State.READY})
SWITCHED_OFF_SECONDS = 60.0
OURS = frozenset({ParkReason.DISK, ParkReason.INTERNAL})
"""A result that waits for one of these reasons is available from its provider."""


@dataclass(frozen=True, kw_only=True)
class Advance:
    """The dispatch from states to steps."""

    ports: Ports
    flights: Flights
    transitions: Transitions
    timing: Timing
    lease: Lease
    submission: SubmissionSteps
    unknown: UnknownSteps
    polling: PollingSteps
    fetching: FetchSteps
    posting: PostingSteps

    @classmethod
    def build(cls, ports: Ports, flights: Flights) -> "Advance":
        """Return all steps over the same ports and flights."""
        transitions = Transitions(ports=ports)
        timing = Timing(ports=ports)
        lease = Lease(ports=ports)
        acceptance = Acceptance(
            ports=ports, flights=flights, timing=timing, transitions=transitions
        )
        return cls(
            ports=ports,
            flights=flights,
            transitions=transitions,
            timing=timing,
            lease=lease,
            submission=SubmissionSteps(
                ports=ports,
                flights=flights,
                transitions=transitions,
                lease=lease,
                acceptance=acceptance,
                opening=OpeningSteps(
                    ports=ports, flights=flights, transitions=transitions, lease=lease
                ),
            ),
            unknown=UnknownSteps(
                ports=ports,
                flights=flights,
                transitions=transitions,
                lease=lease,
                acceptance=acceptance,
            ),
            polling=PollingSteps(
                ports=ports, flights=flights, timing=timing, transitions=transitions
            ),
            fetching=FetchSteps(ports=ports, transitions=transitions),
            posting=PostingSteps(
                ports=ports, flights=flights, transitions=transitions, lease=lease
            ),
        )

    async def step(self, lives: Sequence[InFlight]) -> dict[GenerationId, Next]:
        """Take the next step of one generation, or of several that run at one provider."""
        before = [live.generation.state for live in lives]
        if len(lives) == 1:
            following = {lives[0].generation.id: await self._one(lives[0])}
        else:
            following = await self.polling.poll(lives[0].generation.plan.provider, lives)
        for live in lives:
            if are_over(live.generation) and not live.released:
                live.released = True
                await release(self.ports, live.generation.task)
        for live, state in zip(lives, before, strict=True):
            live.called_back = live.called_back and live.generation.state is state
        return following

    def batch_size(self, generation: Generation) -> int:
        """Return how many tasks one poll of this generation's provider may ask about."""
        provider = generation.plan.provider
        if provider not in self.ports.providers.names():
            return 1
        if not self.polling.batches.work(provider, self.ports.clock.monotonic()):
            return 1
        return self.ports.providers.get(provider).batch_size

    async def _one(self, live: InFlight) -> Next:
        generation = live.generation
        if generation.ended:
            return OVER if generation.announced else await self.posting.announce(live)
        if self._switched_off(generation):
            # Its API key was removed from the configuration: it may be there at the next start.
            live.generation = await self.transitions.park(
                generation, ParkReason.PROVIDER_DOWN, SWITCHED_OFF_SECONDS
            )
            return Next(after=SWITCHED_OFF_SECONDS)
        match generation.state:
            case State.QUEUED:
                return await self.submission.queued(live)
            case State.SUBMITTING:
                return await self.unknown.submitting(live)
            case State.SUBMIT_UNKNOWN:
                return await self.unknown.unknown(live)
            case State.RUNNING:
                answers = await self.polling.poll(generation.plan.provider, [live])
                return answers[generation.id]
            case State.READY:
                return await self._fetch(live)
            case State.FETCHED:
                return await self.posting.fetched(live)
            case State.POSTING:
                return await self.posting.posting(live)
            case _:
                raise ValueError(f"no step for state {generation.state}")

    async def _fetch(self, live: InFlight) -> Next:
        """Fetch the result, and record whether the provider's results can be fetched."""
        provider = live.generation.plan.provider
        following = await self.fetching.ready(live)
        after = live.generation
        if after.state is State.FETCHED:
            self.flights.stuck.succeeded(provider, Stage.FETCH)
        elif after.state is State.READY and (after.park is None or after.park.reason not in OURS):
            self.flights.stuck.failed(provider, Stage.FETCH, after.id)
        return following

    def _switched_off(self, generation: Generation) -> bool:
        needs = generation.state in NEEDS_ITS_PROVIDER
        return needs and generation.plan.provider not in self.ports.providers.names()
