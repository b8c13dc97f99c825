"""The queue: which generations hold a slot at a provider, which wait, and which provider is paused.

This module owns the fairness among members and the pause of each provider. All of it can be lost,
because a restart learns it again. It knows nothing of rows, tasks or Discord.

An admitted generation holds its slot from that moment on and returns it if it is not used, so no
free slot is forgotten while another one waits.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.breaker import Breaker
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation, ParkReason
from bot.domain.ids import GenerationId, GuildId, UserId

USUAL_PLACES = 20

Person = tuple[GuildId, UserId]


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    generation: Generation
    providers: tuple[ProviderName, ...]


@dataclass
class Queue:
    """The slots and pauses of all providers, and the queue. Times are monotonic seconds."""

    max_running: Mapping[ProviderName, int]
    breakers: dict[ProviderName, Breaker] = field(default_factory=dict[ProviderName, Breaker])
    _places: dict[ProviderName, dict[GenerationId, Person]] = field(
        default_factory=dict[ProviderName, dict[GenerationId, Person]]
    )
    _place_of: dict[GenerationId, ProviderName] = field(
        default_factory=dict[GenerationId, ProviderName]
    )
    _waiting: dict[GenerationId, _Waiting] = field(default_factory=dict[GenerationId, _Waiting])
    _line: list[GenerationId] | None = None
    _moved: bool = False
    _changed: bool = False
    _asked_at: float = 0.0

    # -- places -------------------------------------------------------------------------------

    def occupy(self, generation: Generation, provider: ProviderName) -> None:
        """Count a generation whose task is at a provider already."""
        self._places.setdefault(provider, {})[generation.id] = _person(generation)
        self._place_of[generation.id] = provider

    def take(
        self, generation: Generation, providers: Sequence[ProviderName], now: float
    ) -> ProviderName | None:
        """Take a slot at the first of the providers that has one; else wait for any of them."""
        for provider in providers:
            if self._has_room(provider, generation.id, now):
                self._enter(generation, provider)
                return provider
        self.leave(generation.id)
        waiting = _Waiting(generation=generation, providers=tuple(providers))
        if generation.id not in self._waiting:
            self._upset()
        self._waiting[generation.id] = waiting
        return None

    def leave(self, generation_id: GenerationId) -> None:
        """Return the slot that a generation holds, if any."""
        provider = self._place_of.pop(generation_id, None)
        if provider is None:
            return
        del self._places[provider][generation_id]
        self._set(provider, self.breaker(provider).unasked(generation_id))
        self._changed = True
        self._upset()

    def forget(self, generation_id: GenerationId) -> None:
        """Remove a generation from the queue and from its slot."""
        if self._waiting.pop(generation_id, None) is not None:
            self._upset()
        self.leave(generation_id)

    def holds(self, generation_id: GenerationId) -> bool:
        """Return True if it holds a slot at a provider."""
        return generation_id in self._place_of

    def would_wait(self, provider: ProviderName, now: float) -> bool:
        """Return True if the next generation for this provider would have to wait."""
        return not self._has_room(provider, None, now)

    # -- those who wait -----------------------------------------------------------------------

    def line(self) -> Sequence[GenerationId]:
        """Return those that wait, in the order of service: round robin over members, then by age.

        A member's first request comes before any member's second; running tasks count as requests.
        """
        if self._line is None:
            self._line = self._ordered()
        return self._line

    def position(self, generation_id: GenerationId) -> int | None:
        """Return the position in the queue, from 1; None if it does not wait."""
        return self.line().index(generation_id) + 1 if generation_id in self._waiting else None

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def admit(self, now: float) -> Sequence[GenerationId]:
        """Serve the queue; return the generations that take their next step now.

        Each of them now holds a slot, or none of its providers can serve it until the operator
        acts, and its step reports that.
        """
        began = any(self._asked_at < (b.until or 0.0) <= now for b in self.breakers.values())
        self._asked_at = now
        if not self._waiting or not (self._changed or began):
            return ()
        self._changed = False
        wanted = Counter(p for waiting in self._waiting.values() for p in waiting.providers)
        rooms = {provider: self._room(provider, now) for provider in wanted}
        final = {provider for provider in wanted if self.breaker(provider).awaits_operator}
        admitted: list[GenerationId] = []
        for generation_id in list(self.line()):
            if not final and not any(rooms.values()):
                break
            waiting = self._waiting[generation_id]
            free = next((p for p in waiting.providers if rooms[p] > 0), None)
            if free is not None:
                rooms[free] -= 1
                self._enter(waiting.generation, free)
                admitted.append(generation_id)
            elif final.issuperset(waiting.providers):
                admitted.append(generation_id)
        return admitted

    def moved(self) -> bool:
        """Return True if a position may have changed since the last call."""
        moved, self._moved = self._moved and bool(self._waiting), False
        return moved

    def wakes_at(self, now: float) -> float | None:
        """Return when the next pause ends that a generation waits for; None if there is none."""
        if not self._waiting:
            return None
        ends = (breaker.ends_at(now) for breaker in self.breakers.values())
        return min((end for end in ends if end is not None), default=None)

    def pause(self, generation_id: GenerationId, now: float) -> tuple[ParkReason, float] | None:
        """Return why a waiting generation is paused, and for how many seconds.

        None unless all its providers are paused.
        """
        waiting = self._waiting.get(generation_id)
        if waiting is None:
            return None
        breakers = [self.breaker(provider) for provider in waiting.providers]
        ends = [(end, b.reason) for b in breakers if (end := b.ends_at(now)) is not None]
        if not ends or not all(breaker.blocks(now, generation_id) for breaker in breakers):
            return None
        end, reason = min(ends, key=lambda found: found[0])
        busy = reason is Code.PROVIDER_RATE_LIMITED
        return ParkReason.PROVIDER_BUSY if busy else ParkReason.PROVIDER_DOWN, end - now

    # -- pauses -------------------------------------------------------------------------------

    def breaker(self, provider: ProviderName) -> Breaker:
        """Return the pause of a provider."""
        return self.breakers.get(provider, Breaker())

    def may_submit(self, generation_id: GenerationId, provider: ProviderName, now: float) -> bool:
        """Return True if a generation may submit now. After a pause this makes it the probe."""
        breaker = self.breaker(provider)
        if breaker.blocks(now, generation_id):
            return False
        self._set(provider, breaker.asked(generation_id))
        return True

    def failed(
        self, provider: ProviderName, error: ProviderError, now: float, *, price: int = 0
    ) -> None:
        """Record a failed submission; ``price`` is the cost of the task, in micro-USD."""
        after = self.breaker(provider).failed(
            error.code,
            now,
            accepted=error.accepted,
            retry_after=error.retry_after,
            needed_micro_usd=price,
        )
        self._set(provider, after)

    def took_task(self, provider: ProviderName, now: float) -> None:
        """Record that a provider accepted a task."""
        self._set(provider, self.breaker(provider).answered(now))

    def awaiting_operator(self) -> Sequence[ProviderName]:
        """Return the providers that are paused until the operator fixes their account."""
        return [name for name, breaker in self.breakers.items() if breaker.awaits_operator]

    def reported(self, provider: ProviderName, micro_usd: int | None, now: float) -> bool:
        """Record the balance of a paused provider; return True if that ended the pause."""
        self._set(provider, self.breaker(provider).reported(micro_usd, now))
        return not self.breaker(provider).is_open

    def hopeless(self, providers: Iterable[ProviderName]) -> Code | None:
        """Return why none of them accepts tasks until the operator acts; None if one does."""
        reason: Code | None = None
        for provider in providers:
            breaker = self.breaker(provider)
            if not breaker.awaits_operator:
                return None
            reason = reason or breaker.reason
        return reason

    # -- inside -------------------------------------------------------------------------------

    def _set(self, provider: ProviderName, breaker: Breaker) -> None:
        if breaker != self.breaker(provider):
            self.breakers[provider] = breaker
            self._changed = True

    def _enter(self, generation: Generation, provider: ProviderName) -> None:
        if self._place_of.get(generation.id) != provider:
            self.leave(generation.id)
            self.occupy(generation, provider)
        self._set(provider, self.breaker(provider).asked(generation.id))
        if self._waiting.pop(generation.id, None) is not None:
            self._upset()

    def _has_room(
        self, provider: ProviderName, generation_id: GenerationId | None, now: float
    ) -> bool:
        if self.breaker(provider).blocks(now, generation_id):
            return False
        if generation_id is not None and self._place_of.get(generation_id) == provider:
            return True
        return self._free(provider) > 0

    def _room(self, provider: ProviderName, now: float) -> int:
        """Return how many waiting generations a provider can admit now."""
        breaker = self.breaker(provider)
        if breaker.blocks(now):
            return 0
        return min(self._free(provider), 1) if breaker.is_open else self._free(provider)

    def _free(self, provider: ProviderName) -> int:
        return self.max_running.get(provider, USUAL_PLACES) - len(self._places.get(provider, ()))

    def _upset(self) -> None:
        self._line = None
        self._moved = True

    def _ordered(self) -> list[GenerationId]:
        ahead = Counter(person for taken in self._places.values() for person in taken.values())
        turns: list[tuple[int, datetime, GenerationId]] = []
        waiting = (waiting.generation for waiting in self._waiting.values())
        for generation in sorted(waiting, key=lambda generation: generation.created_at):
            person = _person(generation)
            ahead[person] += 1
            turns.append((ahead[person], generation.created_at, generation.id))
        return [generation_id for _, _, generation_id in sorted(turns)]


def _person(generation: Generation) -> Person:
    return generation.place.guild_id, generation.requester_id
