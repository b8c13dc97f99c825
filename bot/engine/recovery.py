"""What follows when a step has failed: read the row again, retry, or end the generation.

This module owns how often an internal error is retried. The steps handle the errors of providers
and Discord themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.domain.errors import Accepted, Code, StorageUnavailable, Superseded
from bot.domain.generation import Failure, ParkReason, State
from bot.domain.ids import GenerationId, WorkerId
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, OVER, Next, Steps, backoff

log = structlog.get_logger(__name__)

MAX_NOTICE_FAILURES = 6
"""After this many internal errors, a notice of an end is given up."""

MAX_FAILURES = 3
"""After this many internal errors in the same step, the generation fails."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Decides when failed steps run again."""

    steps: Steps
    worker_id: WorkerId

    async def reread(self, live: InFlight, error: Exception) -> Next:
        """Read the row again: it has changed, or its last change may not be saved."""
        live.accepted = Accepted.UNKNOWN
        live.misses += 1
        generation_id, storage = live.generation.id, self.steps.ports.storage
        try:
            fresh = await storage.read(lambda tx: tx.generations.get(generation_id))
        except StorageUnavailable:
            return Next(after=backoff(live.misses, first=1.0, longest=30.0))
        if fresh is None or fresh.owner_id != self.worker_id:
            log.info("taken_over", generation=generation_id, reason=str(error))
            return OVER
        live.generation = fresh
        return Next(after=0.0 if isinstance(error, Superseded) else backoff(live.misses))

    async def failed(self, lives: Sequence[InFlight], error: Exception) -> dict[GenerationId, Next]:
        """Handle an internal error in the step of one generation, or in a poll of several."""
        if len(lives) == 1:
            return {lives[0].generation.id: await self._retry_or_end(lives[0], error)}
        # One of them caused it; polled alone, it will fail again.
        for live in lives:
            live.solo = True
        return {live.generation.id: Next(after=1.0) for live in lives}

    async def alert(self, generation_id: GenerationId, error: Exception) -> None:
        """Alert the owner of an internal error; never raises."""
        facts: dict[str, object] = {"generation": generation_id, "error": type(error).__name__}
        try:
            await self.steps.ports.messenger.alert_owner(Code.INTERNAL, facts)
        except Exception:
            log.exception("owner_not_alerted", generation=generation_id)

    async def _retry_or_end(self, live: InFlight, error: Exception) -> Next:
        """Retry with growing delays; end the generation after a few attempts."""
        generation, transitions = live.generation, self.steps.transitions
        live.accepted = Accepted.UNKNOWN
        strikes = generation.strikes + 1
        self.steps.ports.telemetry.step_failed(generation.state)
        try:
            if strikes < (MAX_NOTICE_FAILURES if generation.ended else MAX_FAILURES):
                wait = backoff(strikes, first=5.0, longest=600.0)
                live.generation = await transitions.park(
                    generation, ParkReason.INTERNAL, wait, strikes=strikes
                )
                return Next(after=wait)
            await self.alert(generation.id, error)
            if generation.ended:
                log.error("end_not_told", generation=generation.id)
                live.generation = await transitions.record(generation, announced=True)
                return OVER
            made = generation.state in {State.POSTING, State.FETCHED}
            live.generation = await transitions.record(
                generation,
                state=State.UNDELIVERABLE if made else State.FAILED,
                failure=Failure(code=Code.INTERNAL),
            )
            return NOW
        except (Superseded, StorageUnavailable) as trouble:
            return await self.reread(live, trouble)
