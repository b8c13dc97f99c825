"""Delivering the video: the ladder of places, posted once, settled when confirmed.

This module owns the order of places and the rule that a post with an unknown outcome is searched
for before it is repeated, in the same place or another. ``bot.ui`` builds the messages.
"""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from bot.domain.errors import FILTERS, Accepted, Code, MediaError, PostError
from bot.domain.generation import (
    Failure,
    Generation,
    ParkReason,
    Posting,
    State,
)
from bot.domain.media import StoredMedia
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, Next, Steps, backoff
from bot.engine.steps.fetching import on_our_side, settle_abandoned
from bot.engine.steps.ladder import closed_by, nonce_of, places
from bot.engine.transitions import Settle

log = structlog.get_logger(__name__)

NONCE_SECONDS = 60
"""A post younger than this may be repeated with its nonce, which Discord keeps for minutes."""

SHRINK_TIMES = 4

INCOMPLETE_TIMES = 2
"""How many messages may lose their file before another place is tried."""


class PostingSteps(Steps):
    """The steps of ``fetched`` and ``posting``."""

    async def fetched(self, live: InFlight) -> Next:
        """Choose the next place and commit the intent to post there."""
        generation = live.generation
        if generation.abandoned:
            live.generation = await settle_abandoned(self.transitions, generation)
            return NOW
        tried = generation.posting.tried if generation.posting is not None else ()
        turn = generation.posting.turn if generation.posting is not None else 0
        left = [target for target in places(generation) if target not in tried]
        if not left:
            failure = generation.failure or Failure(code=Code.POST_TARGET_GONE)
            live.generation = await self.transitions.record(
                generation, state=State.UNDELIVERABLE, failure=failure
            )
            return NOW
        posting = Posting(
            target=left[0],
            nonce=nonce_of(generation, left[0], turn),
            started_at=live.mark(self.ports.clock),
            tried=tried,
            turn=turn,
        )
        live.accepted = Accepted.NO
        live.posted_since = generation.created_at if live.claimed else None
        live.misses = 0
        live.generation = await self.transitions.move(
            generation, state=State.POSTING, posting=posting
        )
        return await self.posting(live)

    async def posting(self, live: InFlight) -> Next:
        """Post the video in the chosen place, unless it is there already or was dropped."""
        if live.generation.abandoned:
            return await self._dropped(live)
        unproven = live.accepted is Accepted.UNKNOWN and not self._nonce_holds(live)
        if live.posted_since is not None or unproven:
            settled = await self._look(live, may_repeat=True)
            if settled is not None:
                return settled
        generation = live.generation
        try:
            posted = await self._send(generation, _posting(generation))
        except PostError as error:
            return await self._not_posted(live, error)
        except MediaError as error:
            return await self._not_fitted(live, error)
        if posted is None:
            return await self._dropped(live)
        return await self._posted(live, posted)

    async def _dropped(self, live: InFlight) -> Next:
        """It was dropped: it is not posted, unless it is posted already."""
        if live.accepted is Accepted.UNKNOWN or live.posted_since is not None:
            found = await self._look(live, may_repeat=False)
            if found is not None:
                return found
        live.generation = await self.transitions.record(
            live.generation, state=State.FETCHED, park=None
        )
        return NOW

    async def _send(self, generation: Generation, posting: Posting) -> Posting | None:
        """Return the posted message; None if the video was dropped before it was sent."""
        file = _file(generation)
        for attempt in range(SHRINK_TIMES):
            limit = self.ports.messenger.upload_limit(generation, posting.target)
            fitted = await self.ports.media.fit(file, max_bytes=limit)
            # Fitting may take minutes: check again that it is ours and still wanted.
            if (await self.lease.fresh(generation)).abandoned:
                return None
            try:
                return await self.ports.messenger.post_video(
                    generation,
                    posting,
                    Path(fitted.path),
                    step=fitted.step,
                    original_url=self._original(generation),
                )
            except PostError as error:
                # The messenger has learned a lower limit from this refusal.
                if error.code is not Code.POST_TOO_LARGE or attempt == SHRINK_TIMES - 1:
                    raise
        raise AssertionError("the loop above returns or raises")

    async def _posted(self, live: InFlight, posted: Posting) -> Next:
        now = self.ports.clock.now()
        file = _file(live.generation)
        seconds = min(math.ceil(file.duration_ms / 1000), live.generation.plan.seconds)
        live.misses = 0
        live.generation = await self.transitions.record(
            live.generation,
            state=State.DELIVERED,
            posting=posted,
            failure=None,
            close=Settle(seconds=seconds),
        )
        delivered = live.generation
        took = now - (delivered.result.ready_at if delivered.result is not None else now)
        self.ports.telemetry.delivered(took.total_seconds())
        log.info(
            "delivered",
            generation=delivered.id,
            provider=delivered.plan.provider,
            seconds=seconds,
            bytes=file.size,
            since_request=round((now - delivered.created_at).total_seconds(), 1),
            since_ready=round(took.total_seconds(), 1),
        )
        return NOW

    async def _look(self, live: InFlight, *, may_repeat: bool) -> Next | None:
        """Search for the message of an earlier attempt in this place; None: nothing was found.

        ``may_repeat`` is true if the post may be sent again with the same nonce.
        """
        posting = _posting(live.generation)
        since = live.posted_since or posting.started_at - timedelta(seconds=5)
        try:
            found = await self.ports.messenger.find_video(
                live.generation, posting.target, since=since
            )
        except PostError as error:
            if not error.final and self._age(live) <= self.ports.policy.post_deadline:
                return await self._later(live, error)
            if may_repeat and self._nonce_holds(live):
                # We may not read there, but Discord recognizes the repetition by its nonce.
                return None
            # It may have been posted: a post in another place could be a second one.
            log.warning("post_not_provable", generation=live.generation.id, error=str(error))
            live.generation = await self.transitions.record(
                live.generation,
                state=State.UNDELIVERABLE,
                failure=Failure(code=Code.POST_UNKNOWN),
            )
            return NOW
        live.posted_since = None
        live.accepted = Accepted.NO
        return None if found is None else await self._posted(live, found)

    async def _not_fitted(self, live: InFlight, error: MediaError) -> Next:
        """Retry after an internal error; a file that cannot be made small enough is final."""
        if error.code is not Code.INTERNAL or self._age(live) > self.ports.policy.post_deadline:
            return await self._next_place(live, Failure(code=error.code, facts=error.facts))
        live.misses += 1
        wait = backoff(live.misses)
        await self.ports.room.note(error)
        live.generation = await self.transitions.park(live.generation, on_our_side(error), wait)
        return Next(after=wait)

    async def _not_posted(self, live: InFlight, error: PostError) -> Next:
        log.info("post_failed", generation=live.generation.id, error=str(error))
        if error.accepted is Accepted.UNKNOWN:
            live.accepted = Accepted.UNKNOWN
        if error.code in FILTERS and not live.generation.place.without_prompt:
            place = replace(live.generation.place, without_prompt=True)
            live.generation = await self.transitions.record(live.generation, place=place)
            return NOW
        failure = Failure(code=error.code, facts=error.facts)
        if error.code is Code.POST_INCOMPLETE:
            return await self._incomplete(live, failure)
        if not error.final and self._age(live) <= self.ports.policy.post_deadline:
            return await self._later(live, error)
        return await self._next_place(live, failure)

    async def _incomplete(self, live: InFlight, failure: Failure) -> Next:
        """Discord lost the file of a message: try once more here, then one rung down.

        The message is known and was deleted, so this place has no post of the video.
        """
        live.accepted = Accepted.NO
        posting = _posting(live.generation)
        if posting.turn >= INCOMPLETE_TIMES - 1:
            return await self._next_place(live, failure)
        once_more = replace(posting, turn=posting.turn + 1)
        live.generation = await self.transitions.record(
            live.generation, state=State.FETCHED, posting=once_more
        )
        return NOW

    async def _later(self, live: InFlight, error: PostError) -> Next:
        live.misses += 1
        wait = max(error.retry_after or 0.0, backoff(live.misses, first=1.0, longest=120.0))
        limited = error.code is Code.POST_LIMITED
        reason = ParkReason.DISCORD_LIMITS if limited else ParkReason.DISCORD_DOWN
        live.generation = await self.transitions.park(live.generation, reason, wait)
        return Next(after=wait)

    async def _next_place(self, live: InFlight, failure: Failure) -> Next:
        """Record that this place refused, and go one rung down."""
        if live.accepted is Accepted.UNKNOWN and failure.code is not Code.POST_TARGET_GONE:
            settled = await self._look(live, may_repeat=False)
            if settled is not None:
                return settled
        generation, posting = live.generation, _posting(live.generation)
        # The reason is the refusal of the first place, whatever came after.
        first = generation.failure if posting.tried else None
        live.generation = await self.transitions.record(
            generation,
            state=State.FETCHED,
            posting=replace(
                posting, tried=(*posting.tried, *closed_by(failure, generation, posting)), turn=0
            ),
            failure=first or failure,
            park=None,
        )
        return NOW

    def _age(self, live: InFlight) -> float:
        """Return the seconds since the intent to post here was committed."""
        return live.seconds_since(_posting(live.generation).started_at, self.ports.clock)

    def _nonce_holds(self, live: InFlight) -> bool:
        """Return True if Discord still knows the nonce, so that a repetition makes no second post.

        An intent in the future means that the clock was set back by an unknown amount.
        """
        to_come = _posting(live.generation).started_at > self.ports.clock.now()
        return not to_come and self._age(live) <= NONCE_SECONDS

    def _original(self, generation: Generation) -> str | None:
        result = generation.result
        if result is None or not result.urls or result.expires_at is None:
            return None
        return result.urls[0] if result.expires_at > self.ports.clock.now() else None


def _posting(generation: Generation) -> Posting:
    if generation.posting is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a posting")
    return generation.posting


def _file(generation: Generation) -> StoredMedia:
    if generation.file is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a file")
    return generation.file
