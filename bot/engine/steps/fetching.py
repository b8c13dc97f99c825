"""From a finished task to our own copy of its video.

This module owns how long fetching is retried. The result was paid for, so every failure is
temporary until the provider's copy expires; only a complete file that does not play ends it
earlier.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.domain.errors import Code, DiskFault, MediaError, ProviderError, RetakeError
from bot.domain.generation import Failure, Generation, ParkReason, Result, State
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import TaskState
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, Next, Steps, backoff
from bot.engine.transitions import Settle, Transitions

log = structlog.get_logger(__name__)

RESULTS_LAST = timedelta(hours=24)
"""How long providers keep a result unless they report it (both document 24 hours)."""

LONGEST = timedelta(days=7)
"""The latest expiry that is accepted: a link that is always renewed would be tried forever."""

LONGEST_WAIT_SECONDS = 600.0
SHORTEST_LAST_WAIT_SECONDS = 30.0
"""The shortest wait between attempts as the expiry approaches, in seconds."""

BROKEN_TIMES = 3
BROKEN_SECONDS = 1800.0
"""The same bytes count as broken after this many attempts, the first this long ago."""

PARKED_AFTER = 3
"""After this many failures the status message shows the reason. Fewer take only seconds."""

TOLD_AS_THEY_ARE = frozenset({Code.RESULT_GONE, Code.RESULT_BROKEN, Code.RESULT_TOO_LARGE})


class FetchSteps(Steps):
    """The step of ``ready``."""

    async def ready(self, live: InFlight) -> Next:
        """Try every link until one is a playable video, and keep it."""
        generation = live.generation
        if generation.abandoned and made_seconds(generation) is not None:
            live.generation = await settle_abandoned(self.transitions, generation)
            return NOW
        errors: list[ProviderError | MediaError] = []
        broken: list[str] = []
        for url in _result(generation).urls:
            try:
                media = await self._take(generation, url, broken)
            except (ProviderError, MediaError) as error:
                log.info("fetch_failed", generation=generation.id, error=str(error))
                errors.append(error)
                if error.code is Code.INTERNAL:
                    break  # the fault is on our side: no other link helps
            else:
                return await self._fetched(live, url, media)
        for digest in broken:
            live.note_unplayable(digest, self.ports.clock)
        error = max(errors, key=_hope)
        if self._is_final(live, error, broken):
            return await self._give_up(live, error)
        return await self._missed(live, error)

    async def _take(self, generation: Generation, url: str, broken: list[str]) -> StoredMedia:
        """Download one link and adopt it; ``broken`` collects the hash of what does not play."""
        provider = self.ports.providers.get(generation.plan.provider)
        part = self.ports.media.partial_path(generation.id)
        try:
            download = await provider.download(
                url, part, max_bytes=self.ports.policy.max_result_bytes
            )
            try:
                return await self.ports.media.adopt(generation.id, download.sha256)
            except MediaError as error:
                if error.code is Code.RESULT_BROKEN:
                    broken.append(download.sha256)
                raise
        except OSError as error:
            raise MediaError(
                Code.INTERNAL, reason=DiskFault.BROKEN, errno=error.errno or 0
            ) from error

    async def _fetched(self, live: InFlight, url: str, media: StoredMedia) -> Next:
        result = _result(live.generation)
        # The link of the video comes first, because users and providers get the first one.
        urls = (url, *(other for other in result.urls if other != url))
        live.misses = 0
        live.generation = await self.transitions.record(
            live.generation,
            state=State.FETCHED,
            file=media,
            result=replace(result, urls=urls),
            strikes=0,
            park=None,
        )
        return NOW

    def _is_final(self, live: InFlight, error: RetakeError, broken: Sequence[str]) -> bool:
        """Return True if trying again cannot help, although the result has not expired."""
        if error.code is Code.RESULT_TOO_LARGE:
            return True
        if not isinstance(error, MediaError) or error.code is not Code.RESULT_BROKEN:
            return False
        return bool(broken) and all(
            live.unplayable_for(digest, BROKEN_TIMES, self.ports.clock) >= BROKEN_SECONDS
            for digest in broken
        )

    async def _missed(self, live: InFlight, error: ProviderError | MediaError) -> Next:
        """Try again with growing delays until the result has expired."""
        live.misses += 1
        ours = error.code is Code.INTERNAL
        renewed = not ours and await self._renew_links(live)
        left = self._seconds_left(live)
        if left <= 0 and not (renewed and live.misses == 1):
            return await self._give_up(live, error)
        wait = backoff(live.misses, longest=LONGEST_WAIT_SECONDS)
        wait = min(wait, max(left / 2, SHORTEST_LAST_WAIT_SECONDS))
        asked = error.retry_after if isinstance(error, ProviderError) else None
        wait = max(wait, min(asked or 0.0, LONGEST_WAIT_SECONDS))
        reason = on_our_side(error) if ours else ParkReason.RESULT
        if ours:
            if reason is ParkReason.DISK and await self.ports.media.make_room():
                return Next(after=wait)
            await self.ports.room.note(error)
        if ours or live.misses >= PARKED_AFTER:
            live.generation = await self.transitions.park(live.generation, reason, wait)
        return Next(after=wait)

    async def _give_up(self, live: InFlight, error: ProviderError | MediaError) -> Next:
        log.warning("result_given_up", generation=live.generation.id, error=str(error))
        live.generation = await self.transitions.record(
            live.generation, state=State.FAILED, failure=_failure(error)
        )
        return NOW

    async def _renew_links(self, live: InFlight) -> bool:
        """Query the provider for the result again; return True if its links are new."""
        generation = live.generation
        task = generation.task
        if task is None or task.task_id is None:
            raise ValueError(f"generation {generation.id} is ready without a task id")
        try:
            report = await self.ports.providers.get(task.provider).query(task.task_id)
        except ProviderError as error:
            log.info("links_not_renewed", generation=generation.id, error=str(error))
            return False
        result = _result(generation)
        if report.state is not TaskState.COMPLETED or not report.urls:
            return False
        if report.urls == result.urls:
            return False
        fresh = replace(
            result, urls=report.urls, expires_at=report.urls_expire_at or result.expires_at
        )
        live.generation = await self.transitions.move(generation, result=fresh)
        return True

    def _seconds_left(self, live: InFlight) -> float:
        """Return the seconds until the result expires; a provider's expiry is capped.

        Both times in the row come from one system clock; the time since then is counted by the
        monotonic clock.
        """
        result = _result(live.generation)
        kept = RESULTS_LAST
        if result.expires_at is not None:
            kept = min(result.expires_at - result.ready_at, LONGEST)
        lifetime = max(kept.total_seconds(), self.ports.policy.fetch_deadline)
        return lifetime - live.seconds_since(result.ready_at, self.ports.clock)


def on_our_side(error: RetakeError) -> ParkReason:
    """Return the failure that users see for a file that we could not handle."""
    disk = isinstance(error, MediaError) and error.of_disk
    return ParkReason.DISK if disk else ParkReason.INTERNAL


def made_seconds(generation: Generation) -> int | None:
    """Return the video's length in seconds, at most as planned; None if it is not known.

    If the provider does not report the length, even an unwanted video is fetched, because its real
    length is what counts.
    """
    file, result = generation.file, generation.result
    made = file.duration_ms if file is not None else result and result.duration_ms
    if made is None or made <= 0:
        return None
    return min(math.ceil(made / 1000), generation.plan.seconds)


async def settle_abandoned(transitions: Transitions, generation: Generation) -> Generation:
    """End a generation that its requester dropped. It was paid for, so it counts."""
    seconds = made_seconds(generation) or generation.plan.seconds
    return await transitions.record(
        generation, state=State.CANCELLED, failure=None, close=Settle(seconds=seconds)
    )


def _hope(error: ProviderError | MediaError) -> int:
    """Rank an error by how likely a retry helps. The highest one becomes the reason."""
    if error.code is Code.INTERNAL:
        return 5
    if isinstance(error, MediaError):
        return 1
    if error.retryable or error.code not in TOLD_AS_THEY_ARE:
        return 4
    return {Code.RESULT_GONE: 3, Code.RESULT_TOO_LARGE: 2}.get(error.code, 0)


def _failure(error: ProviderError | MediaError) -> Failure:
    """Return the failure that explains why a result was given up."""
    code = error.code
    if isinstance(error, MediaError) and error.of_disk:
        code = Code.DISK
    elif isinstance(error, ProviderError) and code not in TOLD_AS_THEY_ARE:
        code = Code.RESULT_UNREACHABLE
    return Failure(code=code, facts=error.facts)


def _result(generation: Generation) -> Result:
    if generation.result is None or not generation.result.urls:
        raise ValueError(f"generation {generation.id} is {generation.state} without a result")
    return generation.result
