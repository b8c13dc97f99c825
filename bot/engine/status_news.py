"""Status messages of generations in flight: when there is news to show.

This module owns how often a message is edited. The messenger owns its content.
"""

from dataclasses import dataclass, field

import structlog

from bot.domain.errors import StorageUnavailable, Superseded
from bot.domain.generation import State
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
    _shown: dict[GenerationId, tuple[float, int | None]] = field(
        default_factory=dict[GenerationId, tuple[float, int | None]]
    )

    def forget(self, generation_id: GenerationId) -> None:
        """Forget a message."""
        self._shown.pop(generation_id, None)

    def show(self, live: InFlight, pools: Pools) -> None:
        """Have the messenger edit the message if there is news, for progress every few seconds.

        Skipped progress of a running task appears with its next poll. All other news is sent.
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
        seen = (live_status.progress, live_status.position, generation.abandoned, park, overdue)
        news = hash((generation.state, generation.request.prompt, *seen))
        last_at, last_news = self._shown.get(generation.id, (now - STATUS_SECONDS, None))
        soon = generation.state is State.RUNNING and now - last_at < STATUS_SECONDS
        if news == last_news or soon:
            return
        self._shown[generation.id] = (now, news)

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
