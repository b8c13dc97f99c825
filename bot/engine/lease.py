"""How long a worker may trust that what it owned is still its own.

Others take over from a worker whose heartbeat is old. One that stood still (stopped, suspended, out
of memory) does not know that it did: before an effect that must not happen twice it asks here, and
when the last heartbeat is too long ago, the row is asked. Knows nothing of what the effects are.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import Superseded
from bot.domain.generation import Generation
from bot.engine.context import Ports

SURE_SECONDS = 15.0
"""Half of what makes a worker look dead."""


@dataclass(kw_only=True)
class Lease:
    """``alone`` tells that nobody else can exist, so nothing can be taken over."""

    ports: Ports
    alone: bool = False
    _kept: tuple[datetime, float] | None = None
    _since: datetime | None = None

    def now(self) -> tuple[datetime, float]:
        """Two clocks: one may have stood still with us, the other may be set."""
        return self.ports.clock.now(), self.ports.clock.monotonic()

    def keep(self, at: tuple[datetime, float]) -> None:
        """A heartbeat that was begun ``at`` is in the database."""
        if not self._holds(at) or (self._since is not None and at[0] < self._since):
            # It had run out: what was ours before may be somebody else's. Or the clock was set back
            # behind that moment, and nothing saved from now on would ever be later.
            self._since = at[0]
        self._kept = at

    def sure(self, generation: Generation) -> bool:
        """Whether nobody can have taken it over since we last saved or read it."""
        if self.alone:
            return True
        now = self.now()
        if self._since is None or not self._holds(now):
            return False
        # A time still to come was written by another clock, or by this one before it was set back.
        return self._since <= generation.updated_at <= now[0]

    def holds(self) -> bool:
        """Whether this worker lives, for all that others can know: nobody may claim from it."""
        return self.alone or self._holds(self.now())

    def answers(self) -> bool:
        """Whether a heartbeat was written lately, alone or not: the database answers."""
        return self._holds(self.now())

    async def check(self, generation: Generation) -> None:
        """Go on only if this generation is still ours, in this state.

        Raises:
            Superseded: it is not.
            StorageUnavailable: nobody can tell.
        """
        if not self.sure(generation):
            await self.fresh(generation)

    async def fresh(self, generation: Generation) -> Generation:
        """The row as it is now, with what people decided meanwhile.

        Raises:
            Superseded: it is not ours any more, or in another state.
            StorageUnavailable: nobody can tell.
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
