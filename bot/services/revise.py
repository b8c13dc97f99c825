"""Second thoughts: the reply that ordered an edit is changed or deleted before it is submitted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bot.domain.access import Viewer
from bot.domain.errors import Superseded
from bot.domain.generation import Generation, State
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.services.cancel import Cancel


@dataclass(frozen=True, kw_only=True)
class Revise:
    """Changes requests that still wait. What was submitted is paid for, and stays as it is."""

    ports: Ports
    flights: Flights
    cancel: Cancel

    async def reword(self, request_key: str, prompt: str) -> bool:
        """Replace the prompt of a request; return True if it was still waiting."""

        async def work(tx: Transaction) -> Generation | None:
            found = await tx.generations.by_request_key(request_key)
            if found is None or found.state is not State.QUEUED or found.request.prompt == prompt:
                return None
            request = replace(found.request, prompt=prompt)
            after = replace(found, request=request, updated_at=self.ports.clock.now())
            # A step that has read the old words is superseded by this, and reads again.
            return await tx.generations.save(found, after)

        saved = await self._twice(work)
        if saved is None:
            return False
        self.flights.refresh(saved)
        self.cancel.wake(saved.id)
        return True

    async def withdraw(self, request_key: str) -> bool:
        """Cancel a request as its member; return True if it was still waiting."""
        found = await self.ports.storage.read(lambda tx: tx.generations.by_request_key(request_key))
        if found is None or found.state is not State.QUEUED:
            return False
        member = Viewer(user_id=found.requester_id, guild_id=found.place.guild_id)
        _, after = await self.cancel.request(found.id, viewer=member)
        return after.state is State.CANCELLED

    async def _twice(
        self, work: Callable[[Transaction], Awaitable[Generation | None]]
    ) -> Generation | None:
        try:
            return await self.ports.storage.transact(work)
        except Superseded:
            return await self.ports.storage.transact(work)
