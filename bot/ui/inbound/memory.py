"""What members come back to, kept in memory until they do.

These are the files of messages that a form was opened about, which Discord shows only to the
interaction that opens the form, and refused requests, which are not in the database. After a
restart the member is asked to start again.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.domain.errors import Code, Refused

T = TypeVar("T")


@dataclass(kw_only=True)
class Memory(Generic[T]):
    """Values by member and by the id of a message or interaction; the oldest are forgotten first.

    ``forgotten`` is the code of the refusal when a value is gone. At most ``most`` values are kept,
    each for ``kept_seconds``. ``clock`` returns seconds of a monotonic clock.
    """

    forgotten: Code
    most: int
    kept_seconds: float = math.inf
    clock: Callable[[], float] = time.monotonic
    _kept: dict[tuple[int, int], tuple[float, T]] = field(
        default_factory=dict[tuple[int, int], tuple[float, T]]
    )

    def remember(self, user_id: int, key: int, value: T) -> None:
        """Keep a value. Remembered again, it is kept no longer than the first time."""
        first_at, _ = self._kept.pop((user_id, key), (self.clock(), value))
        self._kept[user_id, key] = first_at, value
        while len(self._kept) > self.most:
            self._kept.pop(next(iter(self._kept)))

    def recall(self, user_id: int, key: int | None) -> T:
        """Return the value that was remembered for this member.

        Raises:
            Refused: ``forgotten``, if it is too old, forgotten, or another member's.
        """
        found = None if key is None else self._kept.get((user_id, key))
        if found is None or self.clock() - found[0] > self.kept_seconds:
            raise Refused(self.forgotten)
        return found[1]
