"""Pruning: what was kept long enough is removed, a little at a time, beside the work.

Owns when it is a generation's turn and how much is done at once. What is removed and what stays is
the storage's knowledge; the media directory cleans itself.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""So many generations lose their content in one transaction: a few milliseconds of the writer."""

AT_MOST = 2000
"""So many in one look, so that a large backlog is worked off over hours and nothing else waits."""

PAUSE_SECONDS = 0.05

DURATIONS_LAST = timedelta(days=90)
"""For so long a learned duration counts; a kind of task that is not used any more is forgotten."""


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Removes what was kept for longer than ``retention``."""

    storage: Storage
    clock: Clock
    retention: timedelta

    async def look(self) -> int:
        """Prune those whose time is over, at most ``AT_MOST``; returns how many.

        Raises:
            StorageUnavailable: try again later.
        """
        now = self.clock.now()
        pruned = 0
        while pruned < AT_MOST:
            some = await self.storage.transact(
                lambda tx: tx.generations.prune(
                    ended_before=now - self.retention, at=now, limit=AT_ONCE
                )
            )
            pruned += some
            if some < AT_ONCE:
                break
            await self.clock.sleep(PAUSE_SECONDS)
        if pruned:
            log.info("generations_pruned", count=pruned)
        await self.storage.transact(lambda tx: tx.durations.forget(now - DURATIONS_LAST))
        return pruned
