"""Status messages of generations in flight: when there is news to show.

This module owns how often a message is edited. The messenger owns its content.
"""

from dataclasses import dataclass, field

import structlog

from bot.domain.errors import StorageUnavailable, Superseded
from bot.domain.ids import GenerationId
from bot.engine.context import Ports
from bot.engine.in_flight import Flights, InFlight
from bot.engine.lease import Lease
from bot.engine.pools import Pool, Pools

log = structlog.get_logger(__name__)

STATUS_SECONDS = 4.0
"""Seconds between two edits of a status message. Discord allows about 5 per 5 s and channel."""


@dataclass(kw_only=True)
class StatusNews:
    """What each status message showed last, and when."""

    ports: Ports
    flights: Flights
    lease: Lease
    _shown: dict[GenerationId, tuple[float, int, int | None]] = field(
        default_factory=dict[GenerationId, tuple[float, int, int | None]]
    )

    def forget(self, generation_id: GenerationId) -> None:
        """Forget a message."""
        self._shown.pop(generation_id, None)

    def show(self, live: InFlight, pools: Pools) -> None:
        """Have the messenger edit the message if there is news, for progress every few seconds.

        Skipped progress appears with the task's next poll. All other news, and the first progress,
        is sent at once.
        """
        generation = live.generation
        if generation.ended or generation.place.status_message_id is None:
            return
        now = self.ports.clock.monotonic()
        live_status = self.flights.live_status(
            generation, now=self.ports.clock.now(), monotonic=now
        )
        # The end of a shared pause is computed each time and differs by microseconds.
        park = generation.park or (live_status.park and live_status.park.reason)
        overdue = live_status.eta_at is None
        progress = live_status.progress
        seen = (progress is None, live_status.position, generation.abandoned, park, overdue)
        news = hash((generation.state, generation.request.prompt, *seen))
        last_at, *last = self._shown.get(generation.id, (now, None, None))
        if news == last[0] and (progress == last[1] or now - last_at < STATUS_SECONDS):
            return
        self._shown[generation.id] = (now, news, progress)

        async def show() -> None:
            if generation.id not in self.flights.live:
                return
            try:
                await self.lease.check(live.generation)
            except (Superseded, StorageUnavailable):
                return  # another worker may be showing it by now
            if live.generation.ended:
                return
            try:
                await self.ports.messenger.update_status(live.generation, live_status)
            except Exception:
                log.exception("status_not_shown", generation=generation.id)

        pools.run(Pool.TELL, show)
