"""Requests that were refused for a reason that passes by itself, kept until the member retries.

Nothing of such a request is in the database, so the button Retry names what is remembered here: the
last few hundred refused requests, in memory, for as long as Discord's links to their files are sure
to work. After a restart, or later, the member is asked to start again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.domain.errors import Code, Refused, RetakeError, StorageUnavailable

if TYPE_CHECKING:
    from bot.services.generate import Receipt

MOST = 300
KEPT_SECONDS = 900

PASSING = frozenset(
    {
        Code.NO_ROOM,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_TROUBLE,
        Code.QUOTA_CONCURRENT,
        Code.QUOTA_COOLDOWN,
    }
)
"""Refusals whose reason can be gone a few minutes later while the request stays the same."""

Attempt = Callable[[], Coroutine[Any, Any, "Receipt"]]
"""Makes a request. Every call uses the same request key, so all of them make one generation."""


def passes(error: RetakeError) -> bool:
    """Return whether the same request may be accepted a few minutes after this error."""
    if isinstance(error, StorageUnavailable):
        return True
    return isinstance(error, Refused) and error.code in PASSING


@dataclass(kw_only=True)
class RetryMemory:
    """Refused requests by member and request id; the oldest are forgotten first.

    A request id is the id of the interaction or message that made the request. ``clock`` returns
    seconds of a monotonic clock.
    """

    clock: Callable[[], float] = time.monotonic
    _attempts: OrderedDict[tuple[int, int], tuple[float, Attempt]] = field(
        default_factory=OrderedDict[tuple[int, int], tuple[float, Attempt]]
    )

    def remember(self, user_id: int, request_id: int, attempt: Attempt) -> None:
        """Keep a request that has just been refused."""
        self._attempts[user_id, request_id] = self.clock(), attempt
        self._attempts.move_to_end((user_id, request_id))
        while len(self._attempts) > MOST:
            self._attempts.popitem(last=False)

    def recall(self, user_id: int, request_id: int | None) -> Attempt:
        """Return how a request is made once more, for the member who made it.

        Raises:
            Refused: REQUEST_FORGOTTEN if it is too old, forgotten, or not theirs.
        """
        found = None if request_id is None else self._attempts.get((user_id, request_id))
        if found is None or self.clock() - found[0] > KEPT_SECONDS:
            raise Refused(Code.REQUEST_FORGOTTEN)
        return found[1]
