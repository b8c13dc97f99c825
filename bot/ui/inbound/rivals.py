"""Noticing another bot that runs with the same token.

Owns the sign: Discord says that interactions are answered already which we did not answer. One may
be our own, whose answer was lost on the way; several within a few minutes are somebody else's.
"""

from collections import deque
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

SIGNS = 3
WITHIN = timedelta(minutes=10)


class Rivals:
    """Counts the signs. ``suspected_at`` is when there were last enough of them."""

    def __init__(self) -> None:
        self._signs: deque[datetime] = deque(maxlen=SIGNS)
        self.suspected_at: datetime | None = None

    def answered_elsewhere(self, interaction_id: int, at: datetime) -> None:
        """An interaction of that time had its answer before ours."""
        log.info("answered_elsewhere", interaction=interaction_id)
        self._signs.append(at)
        if len(self._signs) < SIGNS or at - self._signs[0] > WITHIN:
            return
        if self.suspected_at is None or at - self.suspected_at > WITHIN:
            log.warning(
                "token_used_twice",
                advice="Another bot runs with the same token: each of them gets every request,"
                " and both may pay for it. Stop one of them, or reset the token.",
            )
        self.suspected_at = at

    def suspected(self, now: datetime) -> bool:
        """Whether there were enough signs lately."""
        return self.suspected_at is not None and now - self.suspected_at <= WITHIN
