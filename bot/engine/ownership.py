"""Which generations this worker owns: heartbeats, claims from dead workers, unconfirmed commits.

This module decides which workers are dead. Heartbeats are written and compared by one clock that
all workers of a database share, so a wrong system clock does no harm. It knows nothing of steps.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.errors import Accepted, RowUnreadable, StorageUnavailable
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, GuildId, UserId, WorkerId
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports
from bot.engine.in_flight import Flights
from bot.engine.lease import Lease

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
CLAIM_SECONDS = 10.0
CLAIM_AT_ONCE = 500

LOOK_SECONDS = 0.4
"""Seconds between two searches for requests from a process without a worker."""

FEW = 8
"""The most generations claimed per search, so that the work spreads over all workers."""

FIND_SECONDS = 5.0
"""Seconds between two searches for rows that unanswered commits may have left."""

LEAP_SECONDS = 20.0
"""If our own heartbeat is later than this, others may be late for the same reason."""


@dataclass(kw_only=True)
class Ownership:
    """Keeps this worker alive and claims generations. ``resume`` is called with each of them.

    The first claim of a worker that is alone takes everything.
    """

    ports: Ports
    flights: Flights
    lease: Lease
    worker_id: WorkerId
    resume: Callable[[Generation], None]
    _beat_at: datetime | None = None
    _claim_unconfirmed: bool = False

    def owner(self) -> WorkerId | None:
        """Return the owner for a new row: this worker while its heartbeat is fresh, else None.

        With an old heartbeat, other workers would claim the row from it at once.
        """
        return self.worker_id if self.lease.holds() else None

    async def keep(self, stopped: asyncio.Event) -> None:
        """Keep our generations and claim those without a live owner, until ``stopped``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_alive(stopped))
            group.create_task(self._look(stopped))
            group.create_task(self._find(stopped))

    async def _look(self, stopped: asyncio.Event) -> None:
        """Claim new requests soon, until ``stopped``. A single process owns what it inserts."""
        while not self.lease.alone and not await self.ports.clock.wait(stopped, LOOK_SECONDS):
            if not self.lease.holds():
                continue
            try:
                if await self.ports.storage.read(lambda tx: tx.generations.any_unowned()):
                    await self._claim_few()
            except StorageUnavailable as error:
                log.debug("no_look_for_new_ones", error=str(error))

    async def _keep_alive(self, stopped: asyncio.Event) -> None:
        """One write every few seconds keeps all our generations; dead workers' are claimed."""
        clock = self.ports.clock
        next_claim = clock.monotonic()
        first = True
        while not stopped.is_set():
            try:
                if await self._beat():
                    next_claim = clock.monotonic() + CLAIM_SECONDS
                if clock.monotonic() >= next_claim:
                    await self._claim(everything=first and self.lease.alone)
                    next_claim = clock.monotonic() + CLAIM_SECONDS
                    first = False
            except StorageUnavailable as error:
                log.warning("heartbeat_failed", error=str(error))
            await clock.wait(stopped, HEARTBEAT_SECONDS)

    async def _find(self, stopped: asyncio.Event) -> None:
        """Look up the outcome of unanswered inserts and claims, until ``stopped``."""
        while not await self.ports.clock.wait(stopped, FIND_SECONDS):
            try:
                for generation_id, person in list(self.flights.unconfirmed.items()):
                    await self._find_inserted(generation_id, *person)
                if self._claim_unconfirmed:
                    await self._find_claimed()
            except StorageUnavailable as error:
                log.info("unconfirmed_commits_not_looked_up", error=str(error))

    async def give_up(self, tx: Transaction) -> None:
        """Release all generations to other workers, in an orderly stop."""
        await tx.generations.disown(self.worker_id)
        await tx.workers.remove(self.worker_id)

    async def _beat(self) -> bool:
        """Write a heartbeat. Return True if it is so late that no worker may be declared dead.

        The shared clock was set ahead, the database was unavailable, or the machine was suspended:
        then live workers look dead until each has written another heartbeat.
        """
        at = self.lease.now()

        async def work(tx: Transaction) -> datetime:
            shared = await tx.workers.clock(at[0])
            await tx.workers.beat(self.worker_id, now=shared)
            return shared

        shared = await self.ports.storage.transact(work)
        self.lease.keep(at)
        before, self._beat_at = self._beat_at, shared
        return before is not None and shared - before > timedelta(seconds=LEAP_SECONDS)

    async def _claim(self, *, everything: bool) -> None:
        if everything:
            await self.ports.storage.transact(lambda tx: tx.workers.keep_only(self.worker_id))
        while len(await self._claim_once(CLAIM_AT_ONCE)) == CLAIM_AT_ONCE:
            pass

    async def _claim_few(self) -> None:
        await self._claim_once(FEW)

    async def _claim_once(self, limit: int) -> Sequence[Generation]:
        async def work(tx: Transaction) -> Sequence[Generation]:
            now = await tx.workers.clock(self.ports.clock.now())
            await tx.workers.cap_beats(now)
            dead_before = now - timedelta(seconds=DEAD_SECONDS)
            claimed = await tx.generations.claim(
                self.worker_id, now=now, dead_before=dead_before, limit=limit
            )
            await tx.workers.forget_silent(dead_before)
            return claimed

        try:
            claimed = await self.ports.storage.transact(work)
        except StorageUnavailable as error:
            # It may take effect anyway, and then only the database knows the owner.
            self._claim_unconfirmed |= error.accepted is Accepted.UNKNOWN
            raise
        for generation in claimed:
            self.resume(generation)
        return claimed

    async def _find_inserted(
        self, generation_id: GenerationId, guild_id: GuildId, requester_id: UserId
    ) -> None:
        # The insert locks the same account: if it is still under way, this waits for it, and from
        # then on the row is there or never will be.
        await self.ports.storage.transact(lambda tx: tx.ledger.lock(guild_id, requester_id))
        await self._resume_if_owned(generation_id)
        del self.flights.unconfirmed[generation_id]

    async def _find_claimed(self) -> None:
        """Resume generations that the database says we own and that are not in flight here.

        Only the ids of the others are read.
        """

        async def wait_for_claims(tx: Transaction) -> None:
            # A claim writes a heartbeat, too: if one is still running, this waits for it.
            await tx.workers.beat(self.worker_id, now=await tx.workers.clock(clock.now()))

        clock, storage = self.ports.clock, self.ports.storage
        self._claim_unconfirmed = False
        try:
            await storage.transact(wait_for_claims)
            owned = await storage.read(lambda tx: tx.generations.owned_ids(self.worker_id))
            for generation_id in owned:
                if generation_id not in self.flights.live:
                    await self._resume_if_owned(generation_id)
        except StorageUnavailable:
            self._claim_unconfirmed = True
            raise

    async def _resume_if_owned(self, generation_id: GenerationId) -> None:
        try:
            found = await self.ports.storage.read(lambda tx: tx.generations.get(generation_id))
        except RowUnreadable:
            return  # The storage has set it aside and alerts the owner.
        if found is None or found.owner_id != self.worker_id or found.announced:
            return
        if found.id not in self.flights.live:
            self.resume(found)
