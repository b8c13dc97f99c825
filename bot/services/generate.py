"""A request becomes a generation: admitted, held and committed in one transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.errors import Accepted, Refused, StorageUnavailable
from bot.domain.generation import Generation, LiveStatus, Park, ParkReason, State
from bot.domain.ids import GenerationId, WorkerId, new_conversation_id, new_generation_id
from bot.domain.limits import amounts_of
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.services.admission import Admission, Admitted, GenerationRequest
from bot.services.limits import QuotaView, quota_of


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
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(ports=self.ports, flights=self.flights)

    async def request(self, asked: GenerationRequest) -> Receipt:
        """Accept a request. On return it is committed, with its hold in the ledger.

        A request that was accepted before gets its receipt again, whatever has changed since.

        Raises:
            Refused: with nothing held.
            StorageUnavailable: nothing held, unless ``accepted`` is UNKNOWN.
        """
        await self.ports.room.look_again()
        now = self.ports.clock.now()
        generation_id, owner_id = new_generation_id(now), self.owner()

        async def work(tx: Transaction) -> Receipt:
            # Locked first: another process may be handling the same request right now, and its row
            # is visible only after waiting for it.
            await tx.ledger.lock(asked.guild_id, asked.requester_id)
            known = await tx.generations.by_request_key(asked.request_key)
            limits = self.ports.policy.limits
            quota = await quota_of(tx, limits, asked.guild_id, asked.requester_id, now)
            if known is not None:
                live_status = self.flights.live_status(known, now=now)
                return Receipt(
                    generation=known, live_status=live_status, quota=quota, repeated=True
                )
            admitted = await self.admission.admit(tx, asked, quota, now=now)
            generation = await _add(tx, admitted, generation_id, owner_id, now)
            amounts = amounts_of(generation.plan)
            await tx.ledger.hold(generation, amounts, at=now)
            # Computed, not queried: every statement here adds to the user's wait.
            usage = quota.usage.with_one_more(amounts, at=now)
            return Receipt(
                generation=generation,
                live_status=self._expected(generation, admitted),
                quota=replace(quota, usage=usage),
                repeated=False,
            )

        try:
            try:
                receipt = await self.ports.storage.transact(work)
            except _KnownMeanwhile:
                receipt = await self.ports.storage.transact(work)
        except Refused as refusal:
            self.ports.telemetry.refused(refusal.code)
            raise
        except (StorageUnavailable, asyncio.CancelledError) as error:
            undone = isinstance(error, StorageUnavailable) and error.accepted is Accepted.NO
            if not undone and owner_id is not None:
                # It may be committed with this worker as its owner, so no other would claim it.
                self.flights.unconfirmed[generation_id] = asked.guild_id, asked.requester_id
            raise
        if not receipt.repeated:
            self.ports.telemetry.moved(None, State.QUEUED)
            if receipt.generation.owner_id is not None:
                self.wake(receipt.generation)
        return receipt

    def _expected(self, generation: Generation, admitted: Admitted) -> LiveStatus:
        position, clock = None, self.ports.clock
        now, queue = clock.monotonic(), self.flights.queue
        if all(queue.would_wait(candidate.provider, now) for candidate in admitted.candidates):
            position = len(queue) + 1
        live_status = self.flights.live_status(generation, now=clock.now())
        return replace(live_status, position=position)


async def _add(
    tx: Transaction,
    admitted: Admitted,
    generation_id: GenerationId,
    owner_id: WorkerId | None,
    now: datetime,
) -> Generation:
    """Insert the next version of a conversation, or the first one of a new conversation."""
    asked, parent = admitted.asked, admitted.parent
    if parent is None:
        conversation_id = new_conversation_id(now)
        await tx.conversations.add(conversation_id)
    else:
        conversation_id = parent.conversation_id
    generation = Generation(
        id=generation_id,
        conversation_id=conversation_id,
        version=await tx.conversations.next_version(conversation_id),
        parent_id=asked.parent_id,
        parent_version=None if parent is None else parent.version,
        request_key=asked.request_key,
        requester_id=asked.requester_id,
        locale=asked.locale,
        owner_id=owner_id,
        request=asked.request,
        plan=admitted.plan,
        place=asked.place,
        park=_grace(asked, now),
        created_at=now,
        updated_at=now,
    )
    if not await tx.generations.add(generation):
        raise _KnownMeanwhile
    return generation


def _grace(asked: GenerationRequest, now: datetime) -> Park | None:
    if not asked.grace_seconds:
        return None
    return Park(reason=ParkReason.GRACE, until=now + timedelta(seconds=asked.grace_seconds))
