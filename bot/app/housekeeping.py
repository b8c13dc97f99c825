"""Periodic background jobs.

Owns when each job is due. A job that fails for an outside reason (no database, no access to a
folder) is logged and tried again later.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.domain.errors import RetakeError
from bot.domain.ports.clock import Clock

log = structlog.get_logger(__name__)

ROUND_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class PeriodicJob:
    """A job that runs at the start and then at most once in ``every`` seconds."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: float = ROUND_SECONDS


@dataclass(frozen=True, kw_only=True)
class Housekeeping:
    """Runs the jobs."""

    clock: Clock
    jobs: Sequence[PeriodicJob]

    async def run(self) -> None:
        """Run the jobs until cancelled."""
        due = dict.fromkeys(self.jobs, self.clock.monotonic())
        while True:
            for job in self.jobs:
                now = self.clock.monotonic()
                if now >= due[job]:
                    due[job] = now + job.every
                    await self._attempt(job)
            await self.clock.sleep(ROUND_SECONDS)

    async def _attempt(self, job: PeriodicJob) -> None:
        try:
            await job.work()
        except (RetakeError, OSError) as error:
            log.warning("periodic_job_failed", job=job.name, error=str(error))
