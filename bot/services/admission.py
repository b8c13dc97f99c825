"""Admission: every reason to refuse a request before anything is held.

All of it is decided in the transaction that holds, because rows decide some of it: the parent, the
generation to repeat and the quota. Nothing here waits for anything but the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.access import Viewer, editable, visible
from bot.domain.catalogue import Plan
from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, Place
from bot.domain.ids import ChannelId, GenerationId, GuildId, UserId
from bot.domain.limits import amounts_of, check
from bot.domain.ports.provider import Candidate
from bot.domain.ports.storage import Transaction
from bot.domain.request import Operation, VideoRequest
from bot.domain.rights import PlaceRights
from bot.domain.wording import wording
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.services.limits import QuotaView


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One member's request, and where it was made.

    ``request_key`` is ``interaction:<id>`` or ``message:<id>``: the same key twice is one
    generation. ``channel_id`` is the channel (or direct-message channel), ``thread_id`` the thread
    in it if the request was made inside one. ``guild_id`` is ``DIRECT`` in direct messages.
    ``private`` is true if nobody else may see the video, or only those in the private thread
    ``thread_id``: with ``private`` set, ``thread_id`` never names a public thread.
    ``parent_id`` names the generation whose video is edited or extended. ``repeat_of`` names the
    generation whose request and parent replace the ones given here.
    ``rights`` is what the bot may do there (None: a direct message, or not known).
    ``grace_seconds`` is how long it can be undone before it is submitted.
    """

    request_key: str
    requester_id: UserId
    guild_id: GuildId
    channel_id: ChannelId
    thread_id: ChannelId | None
    private: bool
    locale: str
    request: VideoRequest
    parent_id: GenerationId | None = None
    repeat_of: GenerationId | None = None
    rights: PlaceRights | None = None
    grace_seconds: int = 0

    @property
    def viewer(self) -> Viewer:
        """``viewer`` is the requester, without a moderator's rights."""
        return Viewer(user_id=self.requester_id, guild_id=self.guild_id)

    @property
    def place(self) -> Place:
        """``place`` is where its video will be posted."""
        threadless = self.rights is not None and self.rights.threadless(private=self.private)
        return Place(
            guild_id=self.guild_id,
            channel_id=self.channel_id,
            thread_id=self.thread_id,
            in_thread=self.thread_id is not None,
            private=self.private,
            threadless=self.thread_id is None and threadless,
        )


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A request that may be held. ``asked`` is the request as it will be carried out.

    ``candidates`` are the providers that can do it, the best first.
    """

    asked: GenerationRequest
    parent: Generation | None
    candidates: Sequence[Candidate]

    @property
    def plan(self) -> Plan:
        """``plan`` is the best candidate's: its seconds are held."""
        return self.candidates[0].plan


@dataclass(kw_only=True)
class Admission:
    """Decides about requests. ``stopping`` is true once this process accepts no more of them."""

    ports: Ports
    flights: Flights
    stopping: bool = False

    async def admit(
        self, tx: Transaction, asked: GenerationRequest, quota: QuotaView, *, now: datetime
    ) -> Admitted:
        """Return a new request as it may be held. ``quota`` is its requester's.

        Raises:
            Refused: it may not be held.
        """
        if self.stopping:
            raise Refused(Code.STOPPING)
        if self.ports.room.full:
            raise Refused(Code.NO_ROOM)
        asked = await _repeated(tx, asked)
        parent = None
        if asked.parent_id is not None:
            parent = editable(await tx.generations.get(asked.parent_id), asked.viewer)
        asked = _settled(asked, parent)
        candidates = self._candidates(asked.request, parent)
        check(quota.rule, quota.usage, amounts_of(candidates[0].plan), now=now)
        return Admitted(asked=asked, parent=parent, candidates=candidates)

    def _candidates(self, request: VideoRequest, parent: Generation | None) -> Sequence[Candidate]:
        """Return the providers that are available now, the best first, else the paused ones.

        Raises:
            Refused: none of them accepts requests; the reason is the best one's.
        """
        candidates = self.ports.providers.candidates(request, parent=parent)
        now, media = self.ports.clock.monotonic(), request.has_files or parent is not None
        reasons = {
            c.provider: self.flights.refusal(c.provider, now, with_media=media) for c in candidates
        }
        working = [c for c in candidates if reasons[c.provider] is None]
        if not working:
            best = candidates[0].provider
            raise Refused(reasons[best] or Code.PROVIDER_TROUBLE, provider=best)
        queue = self.flights.queue
        return [c for c in working if not queue.breaker(c.provider).blocks(now)] or working


async def _repeated(tx: Transaction, asked: GenerationRequest) -> GenerationRequest:
    """Return the request with what it repeats, if it repeats another one.

    Raises:
        Refused: NOT_FOUND, NOT_KEPT.
    """
    if asked.repeat_of is None:
        return asked
    first = visible(await tx.generations.get(asked.repeat_of), asked.viewer)
    if first.erased:
        raise Refused(Code.NOT_KEPT)
    if first.place.private:
        asked = _kept_private(asked)
    return replace(asked, request=first.request, parent_id=first.parent_id)


def _settled(asked: GenerationRequest, parent: Generation | None) -> GenerationRequest:
    """Return the request as it can be served in its place.

    Raises:
        Refused: PLACE_LOCKED, PLACE_RIGHTS.
    """
    if parent is not None and parent.place.private:
        asked = _kept_private(asked)
    if asked.rights is not None:
        asked.rights.check(in_thread=asked.thread_id is not None, private=asked.private)
    request = _with_source(asked.request, parent)
    return replace(asked, request=replace(request, prompt=wording(request.prompt)))


def _kept_private(asked: GenerationRequest) -> GenerationRequest:
    """Return the request made private: private content is never posted where others read."""
    # Without ``private`` its thread may be a public one, so it gets a new thread.
    return asked if asked.private else replace(asked, private=True, thread_id=None)


def _with_source(request: VideoRequest, parent: Generation | None) -> VideoRequest:
    """Return it with the length of its source, and the parent's model if none was named."""
    if parent is None:
        source_ms = request.video.duration_ms if request.video is not None else 0
        operation = request.operation
        if request.video is not None and operation is Operation.CREATE:
            operation = Operation.EDIT
        return replace(request, source_ms=source_ms, operation=operation)
    source_ms = parent.file.duration_ms if parent.file is not None else 0
    return replace(request, source_ms=source_ms, model=request.model or parent.plan.model)
