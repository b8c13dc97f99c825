"""A member's generations in progress: states, positions, expected ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.access import Viewer
from bot.domain.generation import Generation, LiveStatus
from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage
from bot.engine.in_flight import Flights


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Reads generations in progress."""

    storage: Storage
    clock: Clock
    flights: Flights

    async def of(self, viewer: Viewer) -> Sequence[tuple[Generation, LiveStatus]]:
        """Return the viewer's generations in progress in this server, the oldest first."""
        found = await self.storage.read(
            lambda tx: tx.generations.open_of(viewer.guild_id, viewer.user_id)
        )
        return [(generation, self.live_status(generation)) for generation in found]

    def live_status(self, generation: Generation) -> LiveStatus:
        """Return the live status of a generation."""
        return self.flights.live_status(
            generation, now=self.clock.now(), monotonic=self.clock.monotonic()
        )
