"""The board: what is known of every live generation beyond its row, in memory only.

Owns progress, expected ends and the waiting line with its slots. Everything here can be lost: a
restart learns it again. Knows nothing of rows, tasks or Discord.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.breaker import FINAL, Breaker
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation, Standing, State
from bot.domain.ids import GenerationId, TaskId
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import Candidate

UNCERTAIN_SECONDS = 60.0
"""So long after a commit went unanswered it may still come about."""

AT_PROVIDER = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.RUNNING})
MADE = frozenset({State.READY, State.FETCHED, State.POSTING})


@dataclass
class Live:
    """One generation under this worker's care.

    ``reading`` is the latest progress as (seconds since submission, fraction 0..1). ``doubtful``
    tells that an outside effect of the present state may have happened before: look first.
    ``claimed`` ones were somebody else's: where the database was restored from a copy, their rows
    are behind what was posted since, so ``posted_since`` tells from when on to look first.
    ``misses`` counts failed tries of the present step, ``polls`` the queries made. ``solo`` ones
    are polled by themselves, since a batch with them failed on our side. ``paused`` maps a provider
    that turned this one away to the monotonic time until which it is not asked again.
    ``named_task`` is the task that a callback named while ours was unknown; it is not yet checked.
    ``released`` is true if the files uploaded for its task were deleted.
    ``empty`` counts the reports that the task is done which held no link. ``unplayable`` maps the
    hash of a fetched file that does not play to how often it was fetched, and when first
    (monotonic). ``running_at`` is the monotonic time at which the task was last known to be under
    way; None if this process has not seen it.
    """

    generation: Generation
    reading: tuple[float, float] | None = None
    doubtful: bool = False
    claimed: bool = False
    posted_since: datetime | None = None
    misses: int = 0
    polls: int = 0
    eta_at: datetime | None = None
    hinted: bool = False
    named_task: TaskId | None = None
    released: bool = False
    solo: bool = False
    status_opened: bool = False
    empty: int = 0
    unplayable: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    running_at: float | None = None
    paused: dict[ProviderName, float] = field(default_factory=dict[ProviderName, float])
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
class Board:
    """All live generations, the slots at each provider, and who waits for one."""

    max_running: Mapping[ProviderName, int]
    live: dict[GenerationId, Live] = field(default_factory=dict[GenerationId, Live])
    _slots: dict[ProviderName, set[GenerationId]] = field(
        default_factory=dict[ProviderName, set[GenerationId]]
    )
    _waiting: dict[GenerationId, tuple[ProviderName, ...]] = field(
        default_factory=dict[GenerationId, tuple[ProviderName, ...]]
    )
    uncertain_until: float = 0.0
    _line: list[GenerationId] | None = None
    _moved: bool = False
    _freed: bool = False
    breakers: dict[ProviderName, Breaker] = field(default_factory=dict[ProviderName, Breaker])

    def put(self, generation: Generation, *, claimed: bool) -> Live:
        """Take a generation in; ``claimed`` ones were somebody else's and may be half done."""
        live = Live(generation=generation, doubtful=claimed, claimed=claimed)
        self.live[generation.id] = live
        if generation.state in AT_PROVIDER and generation.task is not None:
            self._slots.setdefault(generation.task.provider, set()).add(generation.id)
        return live

    def doubt(self, now: float) -> None:
        """A commit went unanswered at ``now`` (monotonic seconds): there may be generations of
        ours that are not on the board.
        """
        self.uncertain_until = now + UNCERTAIN_SECONDS

    def drop(self, generation_id: GenerationId) -> None:
        """Forget a generation."""
        self.live.pop(generation_id, None)
        if self._waiting.pop(generation_id, None) is not None:
            self._upset_line()
        self.leave_slot(generation_id)

    def take_slot(
        self, generation_id: GenerationId, candidates: Sequence[Candidate]
    ) -> Candidate | None:
        """Occupy a place at the first candidate that has one free; else join the line."""
        for candidate in candidates:
            taken = self._slots.setdefault(candidate.provider, set())
            if generation_id in taken or len(taken) < self._capacity(candidate.provider):
                self.leave_slot(generation_id)
                taken.add(generation_id)
                self.breakers[candidate.provider] = self.breaker(candidate.provider).asked()
                if self._waiting.pop(generation_id, None) is not None:
                    self._upset_line()
                return candidate
        if generation_id not in self._waiting:
            self._upset_line()
        self._waiting[generation_id] = tuple(candidate.provider for candidate in candidates)
        return None

    def leave_slot(self, generation_id: GenerationId) -> None:
        """Free the place a generation holds, if any."""
        for provider, taken in self._slots.items():
            if generation_id in taken:
                taken.discard(generation_id)
                self._upset_line()
                self._freed = True
                self.breakers[provider] = self.breaker(provider).unasked()

    def line(self) -> Sequence[GenerationId]:
        """Those waiting, in the order they will be served: round robin over people, then by age.

        A person's first wish comes before anybody's second; tasks under way count as wishes.
        """
        if self._line is None:
            self._line = self._ordered()
        return self._line

    def admit(self) -> Sequence[GenerationId]:
        """Those in line for whom a place has become free since the last call."""
        if not self._freed or not self._waiting:
            return ()
        self._freed = False
        free = {
            provider: self._capacity(provider) - len(taken)
            for provider, taken in self._slots.items()
        }
        admitted: list[GenerationId] = []
        for generation_id in self.line():
            if not any(count > 0 for count in free.values()):
                break
            for provider in self._waiting[generation_id]:
                if free.get(provider, 0) > 0:
                    free[provider] -= 1
                    admitted.append(generation_id)
                    break
        return admitted

    def line_moved(self) -> bool:
        """Whether anybody in line may stand elsewhere than at the last call."""
        moved, self._moved = self._moved and bool(self._waiting), False
        return moved

    def is_full(self, provider: ProviderName) -> bool:
        """Whether the next task for this provider would have to wait."""
        return len(self._slots.get(provider, ())) >= self._capacity(provider)

    def breaker(self, provider: ProviderName) -> Breaker:
        """Whether a provider may be asked for new tasks."""
        return self.breakers.get(provider, Breaker())

    def may_ask(self, live: Live, provider: ProviderName, now: float) -> bool:
        """Whether this generation may be offered to a provider at ``now`` (monotonic seconds)."""
        return not self.breaker(provider).blocks(now) and live.paused.get(provider, now) <= now

    def wait(self, live: Live, providers: Iterable[ProviderName], now: float) -> float:
        """Seconds until the first of them may be asked."""
        waits = (
            max(self.breaker(provider).wait(now), live.paused.get(provider, now) - now)
            for provider in providers
        )
        return max(min(waits), 0.5)

    def hopeless(self, providers: Iterable[ProviderName], now: float) -> Code | None:
        """Why none of them can be asked for long (no money, no right); None while one can."""
        reason: Code | None = None
        for provider in providers:
            breaker = self.breaker(provider)
            if not breaker.blocks(now) or breaker.reason not in FINAL:
                return None
            reason = breaker.reason
        return reason

    def failed(self, provider: ProviderName, error: ProviderError, now: float) -> None:
        """A call to a provider failed (``now`` in monotonic seconds)."""
        before = self.breaker(provider)
        self.breakers[provider] = before.failed(error.code, now, error.retry_after)

    def answered(self, provider: ProviderName, *, took_a_task: bool) -> None:
        """A call to a provider succeeded."""
        if provider in self.breakers:
            self.breakers[provider] = self.breakers[provider].answered(took_a_task=took_a_task)

    def refresh(self, generation: Generation) -> None:
        """Take over a row that was changed beside the scheduler."""
        if (live := self.live.get(generation.id)) is not None:
            live.generation = generation

    def standing(self, generation: Generation, *, now: datetime) -> Standing:
        """What a person may be told about a generation right now."""
        live = self.live.get(generation.id)
        position = None
        if generation.state is State.QUEUED and generation.id in self._waiting:
            position = self.line().index(generation.id) + 1
        if generation.state in MADE or generation.ended:
            return Standing()
        if live is None:
            eta_at = now + timedelta(seconds=generation.plan.estimated_seconds)
            return Standing(position=position, eta_at=eta_at)
        progress = None if live.reading is None else round(live.reading[1] * 100)
        return Standing(position=position, progress=progress, eta_at=live.eta_at)

    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    def _upset_line(self) -> None:
        self._line = None
        self._moved = True

    def _ordered(self) -> list[GenerationId]:
        ahead: dict[tuple[int, int], int] = {}
        for taken in self._slots.values():
            for generation_id in taken:
                if (live := self.live.get(generation_id)) is not None:
                    key = _person(live.generation)
                    ahead[key] = ahead.get(key, 0) + 1
        waiting = (self.live[i].generation for i in self._waiting if i in self.live)
        turns: list[tuple[int, datetime, GenerationId]] = []
        for generation in sorted(waiting, key=lambda generation: generation.created_at):
            key = _person(generation)
            ahead[key] = ahead.get(key, 0) + 1
            turns.append((ahead[key], generation.created_at, generation.id))
        return [generation_id for _, _, generation_id in sorted(turns)]

    def _capacity(self, provider: ProviderName) -> int:
        return self.max_running.get(provider, 20)


def _person(generation: Generation) -> tuple[int, int]:
    return generation.place.guild_id, generation.requester_id
