"""The generations in flight: what is known of each beyond its row, in memory only.

This module owns progress and expected ends; ``queue`` owns the order of waiting. All of it can be
lost, because a restart learns it again. It knows nothing of rows, tasks or Discord.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.generation import Generation, LiveStatus, Park, State
from bot.domain.ids import GenerationId
from bot.domain.ports.clock import Clock
from bot.engine.queue import Person, Queue
from bot.engine.stuck import Stuck

AT_PROVIDER = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.RUNNING})
MADE = frozenset({State.READY, State.FETCHED, State.POSTING})


@dataclass
class InFlight:
    """One generation that this worker owns.

    ``reading`` is the latest progress as (seconds since submission, fraction 0..1). ``accepted``
    is UNKNOWN if Discord or a provider may have accepted an earlier attempt of the current step:
    look for it first.
    ``claimed`` is true if another worker owned it before. After a restore from a backup, messages
    may be newer than the row; ``posted_since`` is the time from which to search for them (None:
    no need). ``misses`` counts failed attempts of the current step, ``polls`` the queries made.
    ``called_back`` is true if a callback arrived in the current state. ``solo`` is true if it is
    polled alone, because a batch with it failed on our side. ``avoid`` is the provider that could
    not accept its files just now (None: none).
    ``released`` is true if the files uploaded for its task were deleted.
    ``empty`` counts the reports of a completed task without a link. ``unplayable`` maps the hash of
    a fetched file that does not play to how often it was fetched, and when first (monotonic).
    ``running_at`` is the monotonic time at which the task was last known to be running; None if
    this process has not seen it running.
    ``taskless`` are the providers that no longer know the task of the video to edit.
    """

    generation: Generation
    reading: tuple[float, float] | None = None
    accepted: Accepted = Accepted.NO
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
        """Return the time to write into the row, from which ``seconds_since`` can count."""
        now = clock.now()
        self._marks[now] = clock.monotonic()
        return now

    def seconds_since(self, moment: datetime, clock: Clock) -> float:
        """Return the seconds since a time in the row, even if the system clock was set meanwhile.

        The monotonic clock counts from times that this process has written. For earlier times the
        system clock counts; a time in the future counts as now.
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
        """Return the seconds since a file first did not play; 0 if it was fetched less often."""
        seen, first_at = self.unplayable.get(digest, (0, 0.0))
        return clock.monotonic() - first_at if seen >= times else 0.0

    def by_the_calendar(self, moment: datetime, clock: Clock) -> datetime:
        """Return the time of a moment by the system clock as it is set now."""
        return clock.now() - timedelta(seconds=self.seconds_since(moment, clock))


@dataclass
class Flights:
    """All generations in flight, and their queue.

    ``unconfirmed`` maps the generations whose insert may have been committed without an answer
    to their requesters.
    """

    max_running: InitVar[Mapping[ProviderName, int]]
    live: dict[GenerationId, InFlight] = field(default_factory=dict[GenerationId, InFlight])
    queue: Queue = field(init=False)
    stuck: Stuck = field(default_factory=Stuck)
    unconfirmed: dict[GenerationId, Person] = field(default_factory=dict[GenerationId, Person])

    def __post_init__(self, max_running: Mapping[ProviderName, int]) -> None:
        """Begin with an empty queue."""
        self.queue = Queue(max_running=max_running)

    def put(self, generation: Generation, *, claimed: bool) -> InFlight:
        """Add a generation. ``claimed`` is true if another worker may have begun its step."""
        accepted = Accepted.UNKNOWN if claimed else Accepted.NO
        live = InFlight(generation=generation, accepted=accepted, claimed=claimed)
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
        """Free the slot that a generation holds, if any."""
        self.queue.leave(generation_id)

    def failed(
        self, provider: ProviderName, error: ProviderError, now: float, *, price: int = 0
    ) -> None:
        """Record a failed submission at ``now`` (monotonic seconds); ``price`` in micro-USD."""
        self.queue.failed(provider, error, now, price=price)

    def refusal(self, provider: ProviderName, now: float, *, with_media: bool) -> Code | None:
        """Return why a provider accepts no new requests at ``now`` (monotonic seconds), or None.

        ``with_media`` is true if the request has files.
        """
        breaker = self.queue.breaker(provider)
        if breaker.awaits_operator:
            return breaker.reason
        if breaker.fails(now) or self.stuck.blocks(provider, with_media=with_media):
            return Code.PROVIDER_TROUBLE
        return None

    def refresh(self, generation: Generation) -> None:
        """Replace the row of a generation that was changed outside of the scheduler."""
        if (live := self.live.get(generation.id)) is not None:
            live.generation = generation

    def live_status(
        self, generation: Generation, *, now: datetime, monotonic: float | None = None
    ) -> LiveStatus:
        """Return what users see about a generation right now.

        ``monotonic`` is the same moment by the monotonic clock; without it the pause is left out.
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
        # A time in the past cannot be when it will be ready.
        eta_at = live.eta_at if live.eta_at is not None and live.eta_at > now else None
        return LiveStatus(position=position, progress=progress, eta_at=eta_at, park=park)
