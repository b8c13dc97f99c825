"""Pruning: content past its retention is removed, a little at a time, while the bot runs.

This module owns when a generation is pruned and how much is done at once. The storage knows what is
removed and what stays; the media directory cleans itself.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""How many generations one transaction prunes. It takes a few milliseconds of the writer."""

AT_MOST = 2000
"""How many one run prunes. A large backlog takes hours, and nothing else waits for it."""

PAUSE_SECONDS = 0.05

DURATIONS_LAST = timedelta(days=90)
"""How long a learned duration is kept; kinds of tasks that are no longer used are removed."""


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Removes content that was kept for longer than ``retention``."""

    storage: Storage
    clock: Clock
    retention: timedelta

    async def look(self) -> int:
        """Prune generations past their retention, at most ``AT_MOST``; return how many.

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
