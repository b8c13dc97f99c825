"""Discord's ids and its clock: numbers that grow and carry the time they were made at.

Owns the stand-in's own time (which a test may own or push forward) and the ids made from it. Must
not know what the ids are given to.
"""

from collections.abc import Callable
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000


class Clock:
    """The stand-in's time: a source of seconds plus the seconds that it was moved forward by."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._source() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


class Snowflakes:
    """Ids that are unique, strictly growing and name the millisecond they were made in."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        wanted = (int(self._clock() * 1000) - EPOCH_MS) << 22
        self._last = max(wanted, self._last + 1)
        return str(self._last)


def made_at(snowflake: str) -> float:
    """The Unix time, in seconds, that an id carries."""
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


def iso(seconds: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
