"""From a finished task to our own copy of its video."""

from dataclasses import dataclass, replace

import structlog

from bot.domain.errors import Code, MediaError, ProviderError, RetakeError
from bot.domain.generation import Generation, ParkReason, Result, State
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import TaskState
from bot.services.board import Live
from bot.services.outside import Outside
from bot.services.steps import NOW, Next, backoff
from bot.services.transitions import Transitions

log = structlog.get_logger(__name__)

BROKEN_TIMES = 3
"""A result that cannot be played is fetched so often before it is given up."""


@dataclass(frozen=True, kw_only=True)
class FetchSteps:
    """The step of ``ready``."""

    outside: Outside
    transitions: Transitions

    async def ready(self, live: Live) -> Next:
        """Stream the result to disk, check it, keep it."""
        generation = live.generation
        if generation.abandoned:
            live.generation = await settle_abandoned(self.transitions, generation)
            return NOW
        try:
            media = await self._fetch(generation, _result(generation))
        except (ProviderError, MediaError) as error:
            return await self._missed(live, error)
        live.misses = 0
        live.generation = await self.transitions.record(
            generation, lambda g: replace(g, state=State.FETCHED, file=media, strikes=0, park=None)
        )
        return NOW

    async def _fetch(self, generation: Generation, result: Result) -> StoredMedia:
        provider = self.outside.providers.get(generation.plan.provider)
        part = self.outside.media.partial_path(generation.id)
        part.unlink(missing_ok=True)
        download = await provider.download(
            result.urls[0], part, max_bytes=self.outside.policy.max_result_bytes
        )
        return await self.outside.media.adopt(generation.id, download.sha256)

    async def _missed(self, live: Live, error: ProviderError | MediaError) -> Next:
        live.misses += 1
        log.info("fetch_failed", generation=live.generation.id, error=str(error))
        code = error.code
        final = code is Code.RESULT_TOO_LARGE or (
            code in {Code.RESULT_BROKEN, Code.NO_VIDEO} and live.misses >= BROKEN_TIMES
        )
        if final:
            live.generation = await self.transitions.fail(live.generation, code, **error.facts)
            return NOW
        # It was tried first: however old the calendar says it is, what can be had is fetched.
        age = live.seconds_since(_result(live.generation).ready_at, self.outside.clock)
        if age > self.outside.policy.fetch_deadline:
            live.generation = await self.transitions.fail(live.generation, Code.RESULT_GONE)
            return NOW
        if code in {Code.RESULT_GONE, Code.RESULT_BROKEN}:
            return await self._ask_again(live)
        wait = getattr(error, "retry_after", None) or backoff(live.misses)
        if code is Code.INTERNAL:
            live.generation = await self.transitions.park(live.generation, on_our_side(error), wait)
        return Next(after=wait)

    async def _ask_again(self, live: Live) -> Next:
        """The link is dead or gave something else: the provider may have a fresh one."""
        generation = live.generation
        task = generation.task
        if task is None or task.task_id is None:
            raise ValueError(f"generation {generation.id} is ready without a task id")
        wait = Next(after=backoff(live.misses))
        try:
            report = await self.outside.providers.get(task.provider).query(task.task_id)
        except ProviderError as error:
            if error.code is not Code.PROVIDER_TASK_GONE:
                return wait
            live.generation = await self.transitions.fail(generation, Code.RESULT_GONE)
            return NOW
        if report.state is not TaskState.COMPLETED or not report.urls:
            live.generation = await self.transitions.fail(generation, Code.RESULT_GONE)
            return NOW
        result = _result(generation)
        if report.urls != result.urls:
            fresh = replace(
                result, urls=report.urls, expires_at=report.urls_expire_at or result.expires_at
            )
            live.generation = await self.transitions.move(
                generation, lambda g: replace(g, result=fresh)
            )
        return wait


def on_our_side(error: RetakeError) -> ParkReason:
    """What people are told about a file that we ourselves could not handle."""
    missing = error.facts.get("reason") == "ffmpeg_missing"
    return ParkReason.INTERNAL if missing else ParkReason.DISK


async def settle_abandoned(transitions: Transitions, generation: Generation) -> Generation:
    """End what its requester no longer wants. The provider was paid for it, so it counts."""
    seconds = generation.plan.seconds
    return await transitions.end(generation, State.CANCELLED, settle_seconds=seconds)


def _result(generation: Generation) -> Result:
    if generation.result is None or not generation.result.urls:
        raise ValueError(f"generation {generation.id} is {generation.state} without a result")
    return generation.result
