"""How long a worker may assume that it still owns its generations.

Other workers take over from a worker whose heartbeat is old. A process that was frozen (stopped,
suspended, out of memory) does not know it. Before an effect that must not happen twice it checks
its lease here; if the last heartbeat is too old, it reads the row. This module knows no effects.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import Superseded
from bot.domain.generation import Generation
from bot.engine.context import Ports

SURE_SECONDS = 15.0
"""The lease in seconds: half the time after which a worker counts as dead."""


@dataclass(kw_only=True)
class Lease:
    """The lease of this worker. ``alone`` is true if no other worker can exist."""

    ports: Ports
    alone: bool = False
    _kept: tuple[datetime, float] | None = None
    _since: datetime | None = None

    def now(self) -> tuple[datetime, float]:
        """Return the time by two clocks: one may have been frozen with us, the other one set."""
        return self.ports.clock.now(), self.ports.clock.monotonic()

    def keep(self, at: tuple[datetime, float]) -> None:
        """Extend the lease: a heartbeat that was begun ``at`` is in the database."""
        if not self._holds(at) or (self._since is not None and at[0] < self._since):
            # It had expired, so another worker may own what was ours. Or the clock was set back
            # before that moment, and nothing saved from now on would be later than it.
            self._since = at[0]
        self._kept = at

    def sure(self, generation: Generation) -> bool:
        """Return True if no other worker can have claimed it since we last saved or read it."""
        if self.alone:
            return True
        now = self.now()
        if self._since is None or not self._holds(now):
            return False
        # A time in the future was written by another clock, or by this one before it was set back.
        return self._since <= generation.updated_at <= now[0]

    def holds(self) -> bool:
        """Return True if this worker looks alive to others, so that none may claim from it."""
        return self.alone or self._holds(self.now())

    def answers(self) -> bool:
        """Return True if a heartbeat was written lately, which means that the database answers."""
        return self._holds(self.now())

    async def check(self, generation: Generation) -> None:
        """Check that this worker still owns the generation in this state.

        Raises:
            Superseded: it does not.
            StorageUnavailable: this cannot be determined.
        """
        if not self.sure(generation):
            await self.fresh(generation)

    async def fresh(self, generation: Generation) -> Generation:
        """Return the row as it is now, with the users' latest decisions.

        Raises:
            Superseded: this worker no longer owns it, or it is in another state.
            StorageUnavailable: this cannot be determined.
        """
        fresh = await self.ports.storage.read(lambda tx: tx.generations.get(generation.id))
        if (
            fresh is None
            or fresh.owner_id != generation.owner_id
            or fresh.state is not generation.state
        ):
            raise Superseded
        return fresh

    def _holds(self, now: tuple[datetime, float]) -> bool:
        if self._kept is None:
            return False
        passed = max((now[0] - self._kept[0]).total_seconds(), now[1] - self._kept[1])
        return passed < SURE_SECONDS
