"""One step of one generation: which step class handles which state."""

from collections.abc import Sequence

from bot.domain.generation import Generation, ParkReason, State
from bot.domain.ids import GenerationId
from bot.engine.in_flight import InFlight
from bot.engine.steps import OVER, Next, Steps
from bot.engine.steps.announcing import announce
from bot.engine.steps.fetching import FetchSteps
from bot.engine.steps.polling import PollingSteps
from bot.engine.steps.posting import PostingSteps
from bot.engine.steps.submission import SubmissionSteps
from bot.engine.steps.unknown import UnknownSteps
from bot.engine.steps.uploads import are_over, release
from bot.engine.stuck import Stage

NEEDS_ITS_PROVIDER = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.RUNNING, State.READY})
SWITCHED_OFF_SECONDS = 60.0
OURS = frozenset({ParkReason.DISK, ParkReason.INTERNAL})
"""A result that waits for one of these reasons is available from its provider."""


class Advance:
    """The dispatch from states to steps."""

    def __init__(self, steps: Steps) -> None:
        self.steps, self.ports, self.flights = steps, steps.ports, steps.flights
        self._submission = SubmissionSteps.like(steps)
        self._unknown = UnknownSteps.like(steps)
        self._polling = PollingSteps.like(steps)
        self._fetching = FetchSteps.like(steps)
        self._posting = PostingSteps.like(steps)

    async def step(self, lives: Sequence[InFlight]) -> dict[GenerationId, Next]:
        """Take the next step of one generation, or of several that run at one provider."""
        before = [live.generation.state for live in lives]
        if len(lives) == 1:
            following = {lives[0].generation.id: await self._one(lives[0])}
        else:
            following = await self._polling.poll(lives[0].generation.plan.provider, lives)
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
        if not self._polling.batches.work(provider, self.ports.clock.monotonic()):
            return 1
        return self.ports.providers.get(provider).batch_size

    async def _one(self, live: InFlight) -> Next:
        generation = live.generation
        if generation.ended:
            return OVER if generation.announced else await announce(self.steps, live)
        if self._switched_off(generation):
            # Its API key was removed from the configuration: it may be there at the next start.
            live.generation = await self.steps.transitions.park(
                generation, ParkReason.PROVIDER_DOWN, SWITCHED_OFF_SECONDS
            )
            return Next(after=SWITCHED_OFF_SECONDS)
        match generation.state:
            case State.QUEUED:
                return await self._submission.queued(live)
            case State.SUBMITTING:
                return await self._unknown.submitting(live)
            case State.SUBMIT_UNKNOWN:
                return await self._unknown.unknown(live)
            case State.RUNNING:
                answers = await self._polling.poll(generation.plan.provider, [live])
                return answers[generation.id]
            case State.READY:
                return await self._fetch(live)
            case State.FETCHED:
                return await self._posting.fetched(live)
            case State.POSTING:
                return await self._posting.posting(live)
            case _:
                raise ValueError(f"no step for state {generation.state}")

    async def _fetch(self, live: InFlight) -> Next:
        """Fetch the result, and record whether the provider's results can be fetched."""
        provider = live.generation.plan.provider
        following = await self._fetching.ready(live)
        after = live.generation
        if after.state is State.FETCHED:
            self.flights.stuck.succeeded(provider, Stage.FETCH)
        elif after.state is State.READY and (after.park is None or after.park.reason not in OURS):
            self.flights.stuck.failed(provider, Stage.FETCH, after.id)
        return following

    def _switched_off(self, generation: Generation) -> bool:
        needs = generation.state in NEEDS_ITS_PROVIDER
        return needs and generation.plan.provider not in self.ports.providers.names()
