"""What is done now and then beside the work: cleaning, the gauges, a look for late results.

Owns when each chore is due, and that the world's failures (a database away, a folder that cannot be
read) are told in the log and the chore tried again later: they end no bot.
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
    """One thing to do, at most once in ``every`` seconds; the first time at once."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: float = ROUND_SECONDS


@dataclass(frozen=True, kw_only=True)
class Housekeeping:
    """Does the chores for as long as it runs."""

    clock: Clock
    chores: Sequence[PeriodicJob]

    async def run(self) -> None:
        """Never returns; cancel it."""
        due = dict.fromkeys(self.chores, self.clock.monotonic())
        while True:
            for chore in self.chores:
                now = self.clock.monotonic()
                if now >= due[chore]:
                    due[chore] = now + chore.every
                    await self._attempt(chore)
            await self.clock.sleep(ROUND_SECONDS)

    async def _attempt(self, chore: PeriodicJob) -> None:
        try:
            await chore.work()
        except (RetakeError, OSError) as error:
            log.warning("chore_put_off", chore=chore.name, error=str(error))
