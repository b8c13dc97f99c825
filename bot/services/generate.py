"""A request becomes a generation: fitted to a provider, checked, held and committed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.domain.access import may_see
from bot.domain.errors import Code, Refused, StorageUnavailable
from bot.domain.generation import Generation, LiveStatus, Place, State
from bot.domain.ids import (
    ChannelId,
    ConversationId,
    GenerationId,
    GuildId,
    UserId,
    WorkerId,
    new_conversation_id,
    new_generation_id,
)
from bot.domain.ports.provider import Candidate
from bot.domain.ports.storage import Transaction
from bot.domain.quota import check
from bot.domain.request import Operation, VideoRequest
from bot.domain.rights import PlaceRights
from bot.domain.wording import wording
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.services.limits import QuotaView, quota_of


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One member's request, and where it was made.

    ``request_key`` is ``interaction:<id>`` or ``message:<id>``: the same key twice is one
    generation. ``channel_id`` is the channel (or direct-message channel), ``thread_id`` the thread
    in it if the request was made inside one. ``guild_id`` is ``DIRECT`` in direct messages.
    ``private`` is true if nobody else may see the video, or only those in the private thread
    ``thread_id``: with ``private`` set, ``thread_id`` never names a public thread.
    ``rights`` is what the bot may do there (None: a direct message, or not known).
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
    rights: PlaceRights | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An accepted request. ``repeated`` is true if it had been accepted before."""

    generation: Generation
    live_status: LiveStatus
    quota: QuotaView
    repeated: bool


class _KnownMeanwhile(Exception):
    """Another process committed the same request while this transaction ran: read again."""


@dataclass(kw_only=True)
class Generate:
    """Accepts requests.

    ``owner`` returns the owner of a new row (None: some worker will claim it). ``wake`` passes a
    new generation that has an owner to the scheduler of this process.
    """

    ports: Ports
    flights: Flights
    owner: Callable[[], WorkerId | None]
    wake: Callable[[Generation], None]
    stopping: bool = False

    async def request(self, ask: GenerationRequest) -> Receipt:
        """Accept a request. On return it is committed, with its hold in the ledger.

        Raises:
            Refused: with nothing held.
            StorageUnavailable: nothing held, unless it is ``unclear``.
        """
        try:
            return await self._take(ask)
        except Refused as refusal:
            self.ports.telemetry.refused(refusal.code)
            raise

    async def _take(self, ask: GenerationRequest) -> Receipt:
        if self.stopping:
            raise Refused(Code.STOPPING)
        await self.ports.room.check()
        parent = await self._parent(ask)
        ask = _settled(ask, parent)
        request = with_source(ask.request, parent)
        request = replace(request, prompt=wording(request.prompt))
        candidates = self._candidates(request, parent)
        plan = candidates[0].plan
        now = self.ports.clock.now()
        generation_id, owner_id = new_generation_id(now), self.owner()

        async def work(tx: Transaction) -> Receipt:
            # Locked first: another process may be handling the same request right now, and its row
            # is visible only after waiting for it.
            await tx.ledger.lock(ask.guild_id, ask.requester_id)
            known = await tx.generations.by_request_key(ask.request_key)
            limits = self.ports.policy.limits
            quota = await quota_of(tx, limits, ask.guild_id, ask.requester_id, now)
            if known is not None:
                live_status = self.flights.live_status(known, now=now)
                return Receipt(
                    generation=known, live_status=live_status, quota=quota, repeated=True
                )
            check(quota.rule, quota.usage, seconds=plan.seconds, now=now)
            conversation_id = await self._conversation(tx, parent)
            version = await tx.conversations.next_version(conversation_id)
            generation = Generation(
                id=generation_id,
                conversation_id=conversation_id,
                version=version,
                parent_id=ask.parent_id,
                parent_version=None if parent is None else parent.version,
                request_key=ask.request_key,
                requester_id=ask.requester_id,
                locale=ask.locale,
                owner_id=owner_id,
                request=request,
                plan=plan,
                place=_place(ask),
                created_at=now,
                updated_at=now,
            )
            if not await tx.generations.add(generation):
                raise _KnownMeanwhile
            await tx.ledger.hold(generation, seconds=plan.seconds, at=now)
            # Computed, not queried: every statement here adds to the user's wait.
            usage = quota.usage.with_one_more(seconds=plan.seconds, at=now)
            quota = replace(quota, usage=usage)
            live_status = self._expected(generation, candidates)
            return Receipt(
                generation=generation, live_status=live_status, quota=quota, repeated=False
            )

        try:
            try:
                receipt = await self.ports.storage.transact(work)
            except _KnownMeanwhile:
                receipt = await self.ports.storage.transact(work)
        except (StorageUnavailable, asyncio.CancelledError) as error:
            unclear = isinstance(error, asyncio.CancelledError) or error.unclear
            if unclear and owner_id is not None:
                # It may be committed with this worker as its owner, so no other would claim it.
                self.flights.unclear[generation_id] = ask.guild_id, ask.requester_id
            raise
        if not receipt.repeated:
            self.ports.telemetry.moved(None, State.QUEUED)
            if receipt.generation.owner_id is not None:
                self.wake(receipt.generation)
        return receipt

    async def again(self, generation_id: GenerationId, ask: GenerationRequest) -> Receipt:
        """Repeat a generation's request, with the same parent; ``ask`` has the member and place.

        A private request stays private, wherever the button was pressed.

        Raises:
            Refused: NOT_FOUND, NOT_KEPT, or as ``request``.
        """
        first = await self.ports.storage.read(lambda tx: tx.generations.get(generation_id))
        if first is None or not may_see(first, ask.requester_id, ask.guild_id):
            raise Refused(Code.NOT_FOUND)
        if first.erased:
            raise Refused(Code.NOT_KEPT)
        if first.place.private:
            ask = _kept_private(ask)
        return await self.request(replace(ask, request=first.request, parent_id=first.parent_id))

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

    async def _parent(self, ask: GenerationRequest) -> Generation | None:
        if ask.parent_id is None:
            return None
        parent_id = ask.parent_id
        parent = await self.ports.storage.read(lambda tx: tx.generations.get(parent_id))
        if parent is None or not may_see(parent, ask.requester_id, ask.guild_id):
            raise Refused(Code.NOT_FOUND)
        if parent.pruned_at is not None:
            raise Refused(Code.NOT_KEPT)
        if parent.file is None or parent.deleted_at is not None:
            raise Refused(Code.NOT_FINISHED)
        return parent

    async def _conversation(self, tx: Transaction, parent: Generation | None) -> ConversationId:
        if parent is not None:
            return parent.conversation_id
        conversation_id = new_conversation_id(self.ports.clock.now())
        await tx.conversations.add(conversation_id)
        return conversation_id

    def _expected(self, generation: Generation, candidates: Sequence[Candidate]) -> LiveStatus:
        position, clock = None, self.ports.clock
        now = clock.monotonic()
        if all(self.flights.queue.would_wait(candidate.provider, now) for candidate in candidates):
            position = len(self.flights.queue) + 1
        live_status = self.flights.live_status(generation, now=clock.now())
        return replace(live_status, position=position)


def with_source(request: VideoRequest, parent: Generation | None) -> VideoRequest:
    """Return it with the length of its source, and the parent's model if none was named."""
    if parent is None:
        source_ms = request.video.duration_ms if request.video is not None else 0
        operation = request.operation
        if request.video is not None and operation is Operation.CREATE:
            operation = Operation.EDIT
        return replace(request, source_ms=source_ms, operation=operation)
    source_ms = parent.file.duration_ms if parent.file is not None else 0
    return replace(request, source_ms=source_ms, model=request.model or parent.plan.model)


def _settled(ask: GenerationRequest, parent: Generation | None) -> GenerationRequest:
    """Return the request as it can be served in its place.

    Raises:
        Refused: PLACE_LOCKED, PLACE_RIGHTS.
    """
    if parent is not None and parent.place.private:
        ask = _kept_private(ask)
    if ask.rights is not None:
        ask.rights.check(in_thread=ask.thread_id is not None, private=ask.private)
    return ask


def _kept_private(ask: GenerationRequest) -> GenerationRequest:
    """Return the request made private: private content is never posted where others read."""
    # Without ``private`` its thread may be a public one, so it gets a new thread.
    return ask if ask.private else replace(ask, private=True, thread_id=None)


def _place(ask: GenerationRequest) -> Place:
    return Place(
        guild_id=ask.guild_id,
        channel_id=ask.channel_id,
        thread_id=ask.thread_id,
        in_thread=ask.thread_id is not None,
        private=ask.private,
        threadless=(
            ask.thread_id is None
            and ask.rights is not None
            and ask.rights.threadless(private=ask.private)
        ),
    )
