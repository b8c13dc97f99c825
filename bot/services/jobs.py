"""What somebody has under way: states, positions, expected ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.access import Viewer
from bot.domain.generation import Generation, Standing
from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage
from bot.engine.in_flight import Board


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Answers about unended generations."""

    storage: Storage
    clock: Clock
    board: Board

    async def of(self, viewer: Viewer) -> Sequence[tuple[Generation, Standing]]:
        """The viewer's own unended generations in this server, the oldest first."""
        found = await self.storage.read(
            lambda tx: tx.generations.open_of(viewer.guild_id, viewer.user_id)
        )
        return [(generation, self.standing(generation)) for generation in found]

    def standing(self, generation: Generation) -> Standing:
        """What is known of a generation right now."""
        return self.board.standing(
            generation, now=self.clock.now(), monotonic=self.clock.monotonic()
        )
