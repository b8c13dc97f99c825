"""Cancelling: at once while it waits. A submitted task cannot be stopped."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.access import Viewer, changeable
from bot.domain.errors import Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.engine.transitions import apply


class CancelResult(StrEnum):
    """The outcome of a cancellation.

    ``CANCELLED``: it never began, and the hold is released. ``SUBMITTED``: the provider is working
    and cannot be stopped; drop the video or let it be delivered. ``ENDED``: it had ended already.
    """

    CANCELLED = "cancelled"
    SUBMITTED = "submitted"
    ENDED = "ended"


Work = Callable[[Transaction], Awaitable[tuple[CancelResult, Generation]]]


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Cancels, drops and keeps videos. ``wake`` has the scheduler run the next step now."""

    ports: Ports
    flights: Flights
    wake: Callable[[GenerationId], None]

    async def request(
        self, generation_id: GenerationId, *, viewer: Viewer
    ) -> tuple[CancelResult, Generation]:
        """Cancel it if it still waits.

        Raises:
            Refused: NOT_FOUND, NOT_YOURS.
        """
        now = self.ports.clock.now()

        async def work(tx: Transaction) -> tuple[CancelResult, Generation]:
            found = changeable(await tx.generations.get(generation_id), viewer)
            if found.ended:
                return CancelResult.ENDED, found
            if found.state is not State.QUEUED:
                return CancelResult.SUBMITTED, found
            return CancelResult.CANCELLED, await apply(tx, found, at=now, state=State.CANCELLED)

        return await self._raced(work)

    async def drop(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Do not submit it if it has not been submitted, else do not deliver the result.

        A video that the provider makes anyway counts by its length. One that is back in the queue
        is cancelled at once. A post that is being sent cannot be stopped.
        """
        return await self._mark(generation_id, viewer, abandoned=True)

    async def keep(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Deliver the result after all."""
        return await self._mark(generation_id, viewer, abandoned=False)

    async def _mark(
        self, generation_id: GenerationId, viewer: Viewer, *, abandoned: bool
    ) -> Generation:
        now = self.ports.clock.now()

        async def work(tx: Transaction) -> tuple[CancelResult, Generation]:
            found = changeable(await tx.generations.get(generation_id), viewer)
            if found.ended or found.abandoned == abandoned:
                return CancelResult.ENDED, found
            if abandoned and found.state is State.QUEUED:
                return CancelResult.CANCELLED, await apply(tx, found, at=now, state=State.CANCELLED)
            return CancelResult.SUBMITTED, await apply(tx, found, at=now, abandoned=abandoned)

        _, saved = await self._raced(work)
        return saved

    async def _raced(self, work: Work) -> tuple[CancelResult, Generation]:
        """Run ``work``; if a step saved meanwhile, read again, once."""
        try:
            result, saved = await self.ports.storage.transact(work)
        except Superseded:
            result, saved = await self.ports.storage.transact(work)
        self.flights.refresh(saved)
        self.wake(saved.id)
        return result, saved
