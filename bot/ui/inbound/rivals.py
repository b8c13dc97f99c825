"""Noticing another bot that runs with the same token.

The sign is an interaction that Discord reports as answered although we did not answer it. One may
be our own, if Discord's response to us was lost; several within a few minutes are another bot's.
"""

from collections import deque
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

SIGNS = 3
WITHIN = timedelta(minutes=10)


class Rivals:
    """Counts the signs. ``suspected_at`` is the last time at which there were enough of them."""

    def __init__(self) -> None:
        self._signs: deque[datetime] = deque(maxlen=SIGNS)
        self.suspected_at: datetime | None = None

    def answered_elsewhere(self, interaction_id: int, at: datetime) -> None:
        """Note that an interaction of that time had been answered already."""
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
        """Return True if there were enough signs lately."""
        return self.suspected_at is not None and now - self.suspected_at <= WITHIN
