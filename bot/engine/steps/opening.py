"""The status message of a generation, and the thread that starts from it.

This module owns the rule that the status is optional: the video is made without it.
"""

from dataclasses import dataclass

import structlog

from bot.domain.errors import PostError
from bot.domain.generation import Place
from bot.engine.context import Ports
from bot.engine.in_flight import Flights, InFlight
from bot.engine.lease import Lease
from bot.engine.transitions import Transitions, Unchanged

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class OpeningSteps:
    """Posts the status message, or finds it."""

    ports: Ports
    flights: Flights
    transitions: Transitions
    lease: Lease

    async def open(self, live: InFlight) -> None:
        """Post the status message if there is none, and remember where it is."""
        generation = live.generation
        live.status_opened = True
        if generation.place.status_message_id is not None:
            return
        place = await self._status_place(live)
        if place is None:
            return

        live.generation = await self.transitions.record(
            generation, place=place, unchanged=Unchanged.OWNER
        )

    async def _status_place(self, live: InFlight) -> Place | None:
        """Post the status message, or find it; return None if neither is possible."""
        generation, again = live.generation, live.unconfirmed
        clock = self.ports.clock
        live_status = self.flights.live_status(
            generation, now=clock.now(), monotonic=clock.monotonic()
        )
        looked = False
        while True:
            await self.lease.check(generation)
            try:
                return await self.ports.messenger.open_status(generation, live_status, again=again)
            except PostError as error:
                # The status is optional: the video has its own ladder of places.
                log.info("status_not_posted", generation=generation.id, error=str(error))
                if error.definite or looked:
                    return None
                # It may have been posted, and would never be updated: search for it once.
                again = looked = True
