"""Keeps status messages up to date within Discord's limits.

Owns when a status message is edited: only when what it shows changed, at least a few seconds apart,
one edit at a time per message, a limited number per second over all messages, never after the end
was shown. What it shows is ``cards``' business.
"""

import asyncio
import heapq
import json
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import timedelta

import discord
import structlog

from bot.domain.catalogue import Catalogue
from bot.domain.errors import FILTERS, PostError
from bot.domain.generation import Generation, LiveStatus
from bot.domain.ids import GenerationId
from bot.domain.ports.clock import Clock
from bot.ui.cards.status import status_card
from bot.ui.cards.theme import CardContext
from bot.ui.discord_errors import EDIT_SECONDS, logged_in, outgoing
from bot.ui.messenger.filters import without_prompt

log = structlog.get_logger(__name__)

GAP_SECONDS = 3.0
RETRY_SECONDS = 10.0
AT_ONCE = 4
PACE_SECONDS = 0.1
"""Between two edits of any messages. Discord allows a bot 50 calls a second: with hundreds of
videos in progress, the ones that bring videos and answers must not wait behind progress bars.
"""

MOST_OVER = 5000
STEADY = timedelta(seconds=10)


@dataclass(kw_only=True)
class _Status:
    """One status message. ``shown`` is what it shows now, ``free_at`` when it may change again.

    ``without_prompt`` is true if a filter of the server refused an edit with the prompt in it.
    """

    revision: int = -1
    pending: tuple[Generation, LiveStatus] | None = None
    shown: str | None = None
    eta: LiveStatus | None = None
    without_prompt: bool = False
    free_at: float = 0.0
    queued: bool = False
    ended: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class StatusEditor:
    """All status messages of unended generations. ``run`` must be running for them to change."""

    def __init__(self, *, client: discord.Client, clock: Clock, catalogue: Catalogue) -> None:
        self._client = client
        self._clock = clock
        self._catalogue = catalogue
        self._statuses: dict[GenerationId, _Status] = {}
        self._over: OrderedDict[GenerationId, None] = OrderedDict()
        self._due: list[tuple[float, GenerationId]] = []
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turn_at = 0.0

    def opened(self, generation: Generation, live_status: LiveStatus) -> None:
        """A status message was just posted with this on it."""
        status = self._statuses.setdefault(generation.id, _Status())
        status.revision = max(status.revision, generation.revision)
        status.shown = _drawn(self._card(generation, live_status))
        status.eta = live_status
        # What is known a moment later, as that the provider works on it, need not wait as long.
        status.free_at = self._clock.monotonic() + GAP_SECONDS / 3

    def note(self, generation: Generation, live_status: LiveStatus) -> None:
        """Show this when the message may next be edited; what was waiting before is forgotten."""
        if generation.place.status_message_id is None or generation.ended:
            return
        if generation.id in self._over:
            return
        status = self._statuses.setdefault(generation.id, _Status())
        if status.ended or generation.revision < status.revision:
            return
        status.revision = generation.revision
        status.pending = (generation, live_status)
        self._queue(generation.id, status)

    async def finish(self, generation: Generation) -> bool:
        """Show how it ended and forget the message; whether people can see it.

        Raises:
            PostError: Discord may take it later.
        """
        if generation.place.status_message_id is None:
            self._forget(generation.id)
            return False
        status = self._statuses.setdefault(generation.id, _Status())
        status.ended = True
        status.pending = None
        async with status.lock:
            await self._clock.sleep(max(status.free_at - self._clock.monotonic(), 0.0))
            shown = await self._show(status, generation, LiveStatus())
        self._forget(generation.id)
        return shown

    async def run(self) -> None:
        """Edit what is due, for as long as the bot runs."""
        async with asyncio.TaskGroup() as group:
            while True:
                # First a free hand, then whose turn it is: those who wait cost nothing.
                await self._slots.acquire()
                generation_id, status = await self._next_due()
                group.create_task(self._refresh(generation_id, status))

    async def _next_due(self) -> tuple[GenerationId, _Status]:
        while True:
            now = self._clock.monotonic()
            while self._due and self._due[0][0] <= now:
                _, generation_id = heapq.heappop(self._due)
                if (status := self._statuses.get(generation_id)) is not None:
                    status.queued = False
                    return generation_id, status
            wait = self._due[0][0] - now if self._due else None
            await self._clock.wait(self._news, wait)
            self._news.clear()

    def _turn(self) -> float:
        """Take the next turn of all messages; seconds until it comes."""
        now = self._clock.monotonic()
        turn_at = max(now, self._turn_at)
        self._turn_at = turn_at + PACE_SECONDS
        return turn_at - now

    def _forget(self, generation_id: GenerationId) -> None:
        """Drop what is known of a message, but not that it is over: late news must not undo it."""
        self._statuses.pop(generation_id, None)
        self._over[generation_id] = None
        while len(self._over) > MOST_OVER:
            self._over.popitem(last=False)

    def _queue(self, generation_id: GenerationId, status: _Status) -> None:
        if not status.queued:
            status.queued = True
            heapq.heappush(self._due, (status.free_at, generation_id))
            self._news.set()

    async def _refresh(self, generation_id: GenerationId, status: _Status) -> None:
        """Bring one message up to date and give its slot back.

        A card that cannot be drawn is left as it is; all others go on.
        """
        try:
            async with status.lock:
                await self._show_pending(generation_id, status)
        except Exception:
            log.exception("status_not_drawn", generation=generation_id)
        finally:
            self._slots.release()

    async def _show_pending(self, generation_id: GenerationId, status: _Status) -> None:
        pending, status.pending = status.pending, None
        if pending is None or status.ended:
            return
        try:
            shown = await self._show(status, *pending)
        except PostError as error:
            log.info("status_not_edited", generation=generation_id, error=str(error))
            status.free_at = self._clock.monotonic() + (error.retry_after or RETRY_SECONDS)
            status.pending = status.pending or pending
            self._queue(generation_id, status)
            return
        if not shown:
            # The message or the right to it is gone; the end is told another way.
            status.ended = True
            return
        if status.pending is not None:
            self._queue(generation_id, status)

    async def _show(self, status: _Status, generation: Generation, live_status: LiveStatus) -> bool:
        """Edit the message if it would change; False when it cannot be edited any more."""
        if status.without_prompt:
            generation = without_prompt(generation)
        live_status = _steadied(live_status, status.eta)
        card = self._card(generation, live_status)
        drawn = _drawn(card)
        if drawn == status.shown:
            return True
        place = generation.place
        message_id = place.status_message_id
        channel_id = place.status_channel_id or place.channel_id
        if message_id is None:
            return False
        logged_in(self._client)
        channel = self._client.get_partial_messageable(channel_id)
        wait = self._turn()
        if not generation.ended:  # an end is no progress bar: the others make room for it
            await self._clock.sleep(wait)
        try:
            async with outgoing(EDIT_SECONDS):
                # Pass allowed_mentions explicitly: edits ignore the client's default.
                await channel.get_partial_message(message_id).edit(
                    view=card, allowed_mentions=discord.AllowedMentions.none()
                )
        except PostError as error:
            if error.code in FILTERS and not generation.place.without_prompt:
                status.without_prompt = True
                return await self._show(status, generation, live_status)
            if error.final:
                log.info("status_gone", generation=generation.id, error=str(error))
                return False
            raise
        status.shown, status.eta = drawn, live_status
        status.free_at = self._clock.monotonic() + GAP_SECONDS
        return True

    def _card(self, generation: Generation, live_status: LiveStatus) -> discord.ui.LayoutView:
        card_context = CardContext.for_locale(generation.locale, self._catalogue)
        return status_card(generation, live_status, card_context)


def _steadied(new: LiveStatus, old: LiveStatus | None) -> LiveStatus:
    """The expected end as last shown, unless it moved by more than a few seconds."""
    if old is None or old.eta_at is None or new.eta_at is None:
        return new
    return replace(new, eta_at=old.eta_at) if abs(new.eta_at - old.eta_at) < STEADY else new


def _drawn(card: discord.ui.LayoutView) -> str:
    return json.dumps(card.to_components(), sort_keys=True)
