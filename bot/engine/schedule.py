"""The times at which generations are due, in one heap.

Owns the order and nothing else: what is done when one is due belongs to the worker.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from bot.domain.generation import State
from bot.domain.ids import GenerationId
from bot.domain.ports.clock import Clock
from bot.engine.in_flight import Flights, InFlight

POLL_TOGETHER_SECONDS = 0.15
"""Polls due this soon go out with those due now, where a provider takes several at once."""


@dataclass(kw_only=True)
class Schedule:
    """When each generation in flight is due; ``changed`` is called when that may be sooner."""

    clock: Clock
    flights: Flights
    changed: Callable[[], None]
    _heap: list[tuple[float, int, GenerationId]] = field(
        default_factory=list[tuple[float, int, GenerationId]]
    )
    _due: dict[GenerationId, int] = field(default_factory=dict[GenerationId, int])
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def put(self, generation_id: GenerationId, after: float) -> None:
        """Make a generation due in this many seconds, instead of whenever it was due before."""
        number = next(self._numbers)
        self._due[generation_id] = number
        heapq.heappush(self._heap, (self.clock.monotonic() + after, number, generation_id))
        self.changed()

    def remove(self, generation_id: GenerationId) -> None:
        """Forget when a generation is due."""
        self._due.pop(generation_id, None)

    def seconds_to_next(self) -> float | None:
        """How long nothing is due, in seconds; None if nothing ever is."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        now = self.clock.monotonic()
        wakes = [self._heap[0][0]] if self._heap else []
        if (pause_ends := self.flights.queue.wakes_at(now)) is not None:
            wakes.append(pause_ends)
        return max(min(wakes) - now, 0.0) if wakes else None

    def pop(self) -> list[InFlight]:
        """Take out what is due now, with the polls that are due in a moment."""
        now = self.clock.monotonic()
        due: list[InFlight] = []
        while self._heap and self._heap[0][0] <= now + POLL_TOGETHER_SECONDS:
            when, number, generation_id = self._heap[0]
            live = self.flights.live.get(generation_id)
            if self._due.get(generation_id) != number or live is None:
                heapq.heappop(self._heap)
                continue
            if when > now and not (due and live.generation.state is State.RUNNING):
                break
            heapq.heappop(self._heap)
            del self._due[generation_id]
            due.append(live)
        return due
