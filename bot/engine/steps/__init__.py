"""The steps of the lifecycle, one module per phase. The scheduler runs one at a time.

A step takes a generation in flight, moves it to its next state, and returns when to run again.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Next:
    """When to take the next step: in ``after`` seconds; None: nothing is left to do.

    ``waiting`` is true if it waits for a slot at a provider, which may make the step earlier.
    """

    after: float | None = 0.0
    waiting: bool = False


NOW = Next()
OVER = Next(after=None)


def backoff(misses: int, *, first: float = 2.0, longest: float = 300.0) -> float:
    """Return the seconds to wait after this many failures in a row (1, 2, …): doubling, capped."""
    return min(first * 2 ** max(misses - 1, 0), longest)
