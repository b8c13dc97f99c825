"""Whether the database answers a process that has no worker, and whether others do the work.

A worker knows by its heartbeat; a gateway asks. Owns the question, not what follows from it.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.errors import StorageUnavailable
from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage, Transaction
from bot.engine.ownership import DEAD_SECONDS

log = structlog.get_logger(__name__)

ASK_SECONDS = 5.0
STALE_SECONDS = 15.0
"""An answer older than this says nothing about now; a worker trusts its heartbeat as long."""


@dataclass(kw_only=True)
class DatabaseWatch:
    """``workers`` is the number of workers that were alive at the last answer."""

    storage: Storage
    clock: Clock
    workers: int = 0
    _answered_at: float | None = None

    def answers(self) -> bool:
        """True if the database answered a moment ago."""
        now = self.clock.monotonic()
        return self._answered_at is not None and now - self._answered_at < STALE_SECONDS

    async def run(self) -> None:
        """Ask every few seconds. Never returns; cancel it."""
        while True:
            try:
                self.workers = await self.storage.read(self._count_living)
                self._answered_at = self.clock.monotonic()
            except StorageUnavailable as error:
                log.warning("database_away", error=str(error))
            await self.clock.sleep(ASK_SECONDS)

    async def _count_living(self, tx: Transaction) -> int:
        now = await tx.workers.clock(self.clock.now())
        dead_before = now - timedelta(seconds=DEAD_SECONDS)
        return sum(beat >= dead_before for beat in (await tx.workers.beats()).values())
