"""Requests that were refused for a reason that passes by itself, kept until the member retries.

Nothing of such a request is in the database, so the button Retry names what is remembered here: the
last few hundred refused requests, in memory, for as long as Discord's links to their files are sure
to work. After a restart, or later, the member is asked to start again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.domain.errors import Code, Refused, RetakeError, StorageUnavailable
from bot.ui.inbound.drafts import RequestDraft

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


def passes(error: RetakeError) -> bool:
    """Return whether the same request may be accepted a few minutes after this error."""
    if isinstance(error, StorageUnavailable):
        return True
    return isinstance(error, Refused) and error.code in PASSING


@dataclass(kw_only=True)
class RetryMemory:
    """Refused requests by member and draft id; the oldest are forgotten first.

    ``clock`` returns seconds of a monotonic clock.
    """

    clock: Callable[[], float] = time.monotonic
    _drafts: OrderedDict[tuple[int, int], tuple[float, RequestDraft]] = field(
        default_factory=OrderedDict[tuple[int, int], tuple[float, RequestDraft]]
    )

    def remember(self, draft: RequestDraft) -> None:
        """Keep a request that has just been refused; one that is kept already gets no more time."""
        key = draft.asked.requester_id, draft.id
        first_at, _ = self._drafts.pop(key, (self.clock(), draft))
        self._drafts[key] = first_at, draft
        while len(self._drafts) > MOST:
            self._drafts.popitem(last=False)

    def recall(self, user_id: int, draft_id: int | None) -> RequestDraft:
        """Return the request to make once more, for the member who made it.

        Raises:
            Refused: REQUEST_FORGOTTEN if it is too old, forgotten, or not theirs.
        """
        found = None if draft_id is None else self._drafts.get((user_id, draft_id))
        if found is None or self.clock() - found[0] > KEPT_SECONDS:
            raise Refused(Code.REQUEST_FORGOTTEN)
        return found[1]
