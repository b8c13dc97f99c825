"""The steps of the lifecycle, one module per phase. The scheduler runs one at a time.

A step takes a generation in flight, moves it to its next state, and returns when to run again.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.engine.lease import Lease
from bot.engine.timing import Timing
from bot.engine.transitions import Transitions


@dataclass(frozen=True, kw_only=True)
class Next:
    """When to take the next step: in ``after`` seconds; None: nothing is left to do.

    ``waiting`` is true if it waits for a slot at a provider, which may make the step earlier.
    """

    after: float | None = 0.0
    waiting: bool = False


NOW = Next()
OVER = Next(after=None)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What all steps of a worker share."""

    ports: Ports
    flights: Flights
    timing: Timing
    lease: Lease

    @classmethod
    def like(cls, other: "Steps") -> Self:
        """Return steps that share the same parts."""
        return cls(ports=other.ports, flights=other.flights, timing=other.timing, lease=other.lease)

    @cached_property
    def transitions(self) -> Transitions:
        """``transitions`` commits the changes that the steps make."""
        return Transitions(ports=self.ports)


def backoff(misses: int, *, first: float = 2.0, longest: float = 300.0) -> float:
    """Return the seconds to wait after this many failures in a row (1, 2, …): doubling, capped."""
    return min(first * 2 ** max(misses - 1, 0), longest)
