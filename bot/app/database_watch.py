"""Whether the database responds and workers are alive, for a process without a worker.

A worker knows it from its heartbeat; a gateway process queries the database.
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
"""An older response counts as none; a worker trusts its heartbeat for as long."""


@dataclass(kw_only=True)
class DatabaseWatch:
    """``workers`` is the number of workers that were alive at the last response."""

    storage: Storage
    clock: Clock
    workers: int = 0
    _answered_at: float | None = None

    def answers(self) -> bool:
        """Return True if the database responded recently."""
        now = self.clock.monotonic()
        return self._answered_at is not None and now - self._answered_at < STALE_SECONDS

    async def run(self) -> None:
        """Query the database every few seconds until cancelled."""
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
