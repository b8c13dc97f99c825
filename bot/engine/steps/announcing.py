"""Notifying the requester of an end, which is the last step of every generation.

This module owns how long the notice is retried.
"""

import structlog

from bot.domain.errors import Accepted, PostError
from bot.domain.generation import State
from bot.engine.in_flight import InFlight
from bot.engine.steps import OVER, Next, Steps, backoff

log = structlog.get_logger(__name__)

ANNOUNCE_SECONDS = 86_400
"""How long the notice of an end is retried, at most ``ANNOUNCE_GAP_SECONDS`` apart."""

ANNOUNCE_GAP_SECONDS = 120.0
ANNOUNCE_TIMES = 3
"""Each process tries this many times, however old the end is."""


async def announce(steps: Steps, live: InFlight) -> Next:
    """Notify the requester of the end. After success or a final refusal, nothing is left."""
    generation = live.generation
    await steps.lease.check(generation)
    try:
        if generation.state is State.DELIVERED:
            live_status = steps.flights.live_status(generation, now=steps.ports.clock.now())
            await steps.ports.messenger.update_status(generation, live_status)
        else:
            again = live.accepted is Accepted.UNKNOWN or live.misses > 0
            await steps.ports.messenger.tell_ended(generation, again=again)
    except PostError as error:
        live.misses += 1
        ended_at = generation.ended_at or generation.updated_at
        age = live.seconds_since(ended_at, steps.ports.clock)
        if not error.final and (age < ANNOUNCE_SECONDS or live.misses < ANNOUNCE_TIMES):
            wait = backoff(live.misses, longest=ANNOUNCE_GAP_SECONDS)
            return Next(after=max(error.retry_after or 0.0, wait))
        log.warning("end_not_told", generation=generation.id, error=str(error))
    live.generation = await steps.transitions.record(generation, announced=True)
    return OVER
