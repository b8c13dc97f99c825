"""The status message of a generation, and the thread that starts from it.

This module owns the rule that the status is optional: the video is made without it.
"""

import structlog

from bot.domain.errors import Accepted, PostError
from bot.domain.generation import Place
from bot.engine.in_flight import InFlight
from bot.engine.steps import Steps
from bot.engine.transitions import Unchanged

log = structlog.get_logger(__name__)


async def open_status(steps: Steps, live: InFlight) -> None:
    """Post the status message if there is none, and remember where it is."""
    live.status_opened = True
    generation = live.generation
    if generation.place.status_message_id is not None:
        return
    place = await _status_place(steps, live)
    if place is not None:
        live.generation = await steps.transitions.record(
            generation, place=place, unchanged=Unchanged.OWNER
        )


async def _status_place(steps: Steps, live: InFlight) -> Place | None:
    """Post the status message, or find it; return None if neither is possible."""
    generation, again = live.generation, live.accepted is Accepted.UNKNOWN
    clock = steps.ports.clock
    live_status = steps.flights.live_status(
        generation, now=clock.now(), monotonic=clock.monotonic()
    )
    looked = False
    while True:
        await steps.lease.check(generation)
        try:
            return await steps.ports.messenger.open_status(generation, live_status, again=again)
        except PostError as error:
            # The status is optional: the video has its own ladder of places.
            log.info("status_not_posted", generation=generation.id, error=str(error))
            if error.accepted is Accepted.NO or looked:
                return None
            # It may have been posted, and would never be updated: search for it once.
            again = looked = True
