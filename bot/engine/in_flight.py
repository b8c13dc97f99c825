"""The board: what is known of every live generation beyond its row, in memory only.

Owns progress and expected ends; who waits for whom belongs to its ``queue``. Everything here can be
lost: a restart learns it again. Knows nothing of rows, tasks or Discord.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation, LiveStatus, Park, State
from bot.domain.ids import GenerationId
from bot.domain.ports.clock import Clock
from bot.engine.queue import Person, Queue
from bot.engine.stuck import Stuck

AT_PROVIDER = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.RUNNING})
MADE = frozenset({State.READY, State.FETCHED, State.POSTING})


@dataclass
class InFlight:
    """One generation under this worker's care.

    ``reading`` is the latest progress as (seconds since submission, fraction 0..1). ``unconfirmed``
    tells that an outside effect of the present state may have happened before: look first.
    ``claimed`` ones were somebody else's: where the database was restored from a copy, their rows
    are behind what was posted since, so ``posted_since`` tells from when on to look first.
    ``misses`` counts failed tries of the present step, ``polls`` the queries made. ``solo`` ones
    are polled by themselves, since a batch with them failed on our side. ``avoid`` is the provider
    that could not take this one's files just now (None: none).
    ``released`` is true if the files uploaded for its task were deleted.
    ``empty`` counts the reports that the task is done which held no link. ``unplayable`` maps the
    hash of a fetched file that does not play to how often it was fetched, and when first
    (monotonic). ``running_at`` is the monotonic time at which the task was last known to be under
    way; None if this process has not seen it.
    ``taskless`` are the providers that no longer know the task of the video to edit.
    """

    generation: Generation
    reading: tuple[float, float] | None = None
    unconfirmed: bool = False
    claimed: bool = False
    posted_since: datetime | None = None
    misses: int = 0
    polls: int = 0
    eta_at: datetime | None = None
    called_back: bool = False
    released: bool = False
    solo: bool = False
    status_opened: bool = False
    empty: int = 0
    unplayable: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    running_at: float | None = None
    avoid: ProviderName | None = None
    taskless: set[ProviderName] = field(default_factory=set[ProviderName])
    _marks: dict[datetime, float] = field(default_factory=dict[datetime, float])

    def mark(self, clock: Clock) -> datetime:
        """The time to write into the row, from which ``seconds_since`` can count."""
        now = clock.now()
        self._marks[now] = clock.monotonic()
        return now

    def seconds_since(self, moment: datetime, clock: Clock) -> float:
        """How long ago a moment in the row was, whatever the calendar was set to meanwhile.

        What this process has seen itself is counted by the monotonic clock. Only what was before
        is told by the calendar; a moment still to come was just now.
        """
        now = clock.monotonic()
        if moment not in self._marks:
            self._marks[moment] = now - max((clock.now() - moment).total_seconds(), 0.0)
        return now - self._marks[moment]

    def note_unplayable(self, digest: str, clock: Clock) -> None:
        """Count a fetched file that does not play."""
        times, first_at = self.unplayable.get(digest, (0, clock.monotonic()))
        self.unplayable[digest] = (times + 1, first_at)

    def unplayable_for(self, digest: str, times: int, clock: Clock) -> float:
        """Seconds since a file was first seen not to play; 0 if it was fetched less often."""
        seen, first_at = self.unplayable.get(digest, (0, 0.0))
        return clock.monotonic() - first_at if seen >= times else 0.0

    def by_the_calendar(self, moment: datetime, clock: Clock) -> datetime:
        """When that was, by the calendar as it is set now."""
        return clock.now() - timedelta(seconds=self.seconds_since(moment, clock))


@dataclass
class Flights:
    """All live generations, and the queue they go through.

    ``unclear`` are generations whose insert may have been committed without an answer: whoever
    asked for each, by its id.
    """

    max_running: InitVar[Mapping[ProviderName, int]]
    live: dict[GenerationId, InFlight] = field(default_factory=dict[GenerationId, InFlight])
    queue: Queue = field(init=False)
    stuck: Stuck = field(default_factory=Stuck)
    unclear: dict[GenerationId, Person] = field(default_factory=dict[GenerationId, Person])

    def __post_init__(self, max_running: Mapping[ProviderName, int]) -> None:
        """Begin with an empty queue."""
        self.queue = Queue(max_running=max_running)

    def put(self, generation: Generation, *, claimed: bool) -> InFlight:
        """Take a generation in; ``claimed`` ones were somebody else's and may be half done."""
        live = InFlight(generation=generation, unconfirmed=claimed, claimed=claimed)
        self.live[generation.id] = live
        if generation.state in AT_PROVIDER and generation.task is not None:
            self.queue.occupy(generation, generation.task.provider)
        return live

    def drop(self, generation_id: GenerationId) -> None:
        """Forget a generation."""
        self.live.pop(generation_id, None)
        self.queue.forget(generation_id)
        self.stuck.forget(generation_id)

    def leave_slot(self, generation_id: GenerationId) -> None:
        """Free the place a generation holds, if any."""
        self.queue.leave(generation_id)

    def failed(
        self, provider: ProviderName, error: ProviderError, now: float, *, price: int = 0
    ) -> None:
        """A submission failed at ``now`` (monotonic seconds); ``price`` in micro-USD."""
        self.queue.failed(provider, error, now, price=price)

    def refusal(self, provider: ProviderName, now: float, *, with_media: bool) -> Code | None:
        """Why nothing new is taken on for a provider at ``now`` (monotonic seconds); None: it is.

        ``with_media`` is true if the request has more than words.
        """
        breaker = self.queue.breaker(provider)
        if breaker.awaits_operator:
            return breaker.reason
        if breaker.fails(now) or self.stuck.blocks(provider, with_media=with_media):
            return Code.PROVIDER_TROUBLE
        return None

    def refresh(self, generation: Generation) -> None:
        """Take over a row that was changed beside the scheduler."""
        if (live := self.live.get(generation.id)) is not None:
            live.generation = generation

    def live_status(
        self, generation: Generation, *, now: datetime, monotonic: float | None = None
    ) -> LiveStatus:
        """What a person may be told about a generation right now.

        ``monotonic`` is the same moment by the monotonic clock; without it no pause is told.
        """
        live = self.live.get(generation.id)
        position = park = None
        if generation.state is State.QUEUED:
            position = self.queue.position(generation.id)
            if monotonic is not None and (pause := self.queue.pause(generation.id, monotonic)):
                park = Park(reason=pause[0], until=now + timedelta(seconds=pause[1]))
        if generation.state in MADE or generation.ended:
            return LiveStatus()
        if live is None:
            eta_at = now + timedelta(seconds=generation.plan.estimated_seconds)
            return LiveStatus(position=position, eta_at=eta_at, park=park)
        progress = None if live.reading is None else round(live.reading[1] * 100)
        # A time that has passed is not when it will be ready.
        eta_at = live.eta_at if live.eta_at is not None and live.eta_at > now else None
        return LiveStatus(position=position, progress=progress, eta_at=eta_at, park=park)
