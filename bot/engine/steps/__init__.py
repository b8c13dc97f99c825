"""The steps of a generation's life, one module per stretch; the scheduler runs them one at a time.

A step takes a live generation, brings it a state further, and says when to come back.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Next:
    """When to take the next step: in ``after`` seconds.

    None: nothing to do by itself. ``waiting`` is true if a place at a provider is awaited, which
    may bring the next step forward.
    """

    after: float | None = 0.0
    waiting: bool = False


NOW = Next()
OVER = Next(after=None)


def backoff(misses: int, *, first: float = 2.0, longest: float = 300.0) -> float:
    """Seconds to wait after so many failed tries in a row (1, 2, …): doubling, capped."""
    return min(first * 2 ** max(misses - 1, 0), longest)
