"""Which generations are this worker's: its heartbeat, what the dead leave behind, what got lost.

Owns the judgement of who is dead. Heartbeats are written and read by the one clock that all workers
of a database share, so a host whose own clock is wrong harms nobody. Knows nothing of steps.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.errors import StorageUnavailable
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, WorkerId
from bot.domain.ports.storage import Transaction
from bot.services.board import Board
from bot.services.lease import Lease
from bot.services.outside import Outside

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
CLAIM_SECONDS = 10.0
CLAIM_AT_ONCE = 500

LOOK_SECONDS = 0.4
"""Between two looks for requests that a process without a worker has taken."""

FEW = 8
"""The most that are claimed at one look, so that the work spreads over all workers."""

LEAP_SECONDS = 20.0
"""More than this between two heartbeats of ours, and others' may be as old for the same reason."""


@dataclass(kw_only=True)
class Ownership:
    """``adopt`` is called with every generation that turned out to be ours.

    ``alone`` tells that no other worker can exist, so that the first claim takes everything.
    """

    outside: Outside
    board: Board
    lease: Lease
    worker_id: WorkerId
    alone: bool
    adopt: Callable[[Generation], None]
    _beat_at: datetime | None = None

    async def look(self, stopped: asyncio.Event) -> None:
        """Take up new requests soon, until ``stopped``. Alone, whoever inserts them owns them."""
        while not self.alone and not await self.outside.clock.wait(stopped, LOOK_SECONDS):
            if not self.lease.holds():
                continue
            try:
                if await self.outside.storage.read(lambda tx: tx.generations.any_unowned()):
                    await self._claim_few()
            except StorageUnavailable as error:
                log.info("no_look_for_new_ones", error=str(error))

    async def keep(self, stopped: asyncio.Event) -> None:
        """One write every few seconds keeps all our generations; dead workers' are claimed."""
        clock = self.outside.clock
        next_claim = clock.monotonic()
        first = True
        while not stopped.is_set():
            try:
                if await self._beat():
                    next_claim = clock.monotonic() + CLAIM_SECONDS
                if clock.monotonic() >= next_claim:
                    await self._claim(everything=first and self.alone)
                    next_claim = clock.monotonic() + CLAIM_SECONDS
                    first = False
                await self._adopt_strays()
            except StorageUnavailable as error:
                log.warning("heartbeat_failed", error=str(error))
            await clock.wait(stopped, HEARTBEAT_SECONDS)

    async def give_up(self, tx: Transaction) -> None:
        """Leave everything to others, in an orderly stop."""
        await tx.generations.disown(self.worker_id)
        await tx.workers.remove(self.worker_id)

    async def _beat(self) -> bool:
        """Write a heartbeat; whether it comes so late that nobody is to be judged by theirs.

        The shared clock was set ahead, the database was away, or the whole machine was asleep: then
        the living look dead, until each of them has written another.
        """
        at = self.lease.now()

        async def work(tx: Transaction) -> datetime:
            shared = await tx.workers.clock(at[0])
            await tx.workers.beat(self.worker_id, now=shared)
            return shared

        shared = await self.outside.storage.transact(work)
        self.lease.keep(at)
        before, self._beat_at = self._beat_at, shared
        return before is not None and shared - before > timedelta(seconds=LEAP_SECONDS)

    async def _claim(self, *, everything: bool) -> None:
        if everything:
            await self.outside.storage.transact(lambda tx: tx.workers.keep_only(self.worker_id))
        while len(await self._claim_once(CLAIM_AT_ONCE)) == CLAIM_AT_ONCE:
            pass

    async def _claim_few(self) -> None:
        await self._claim_once(FEW)

    async def _claim_once(self, limit: int) -> Sequence[Generation]:
        async def work(tx: Transaction) -> Sequence[Generation]:
            now = await tx.workers.clock(self.outside.clock.now())
            await tx.workers.cap_beats(now)
            dead_before = now - timedelta(seconds=DEAD_SECONDS)
            claimed = await tx.generations.claim(
                self.worker_id, now=now, dead_before=dead_before, limit=limit
            )
            await tx.workers.forget_silent(dead_before)
            return claimed

        try:
            claimed = await self.outside.storage.transact(work)
        except StorageUnavailable:
            # It may come about all the same, and then nobody but the database knows whose they are.
            self.board.doubt(self.outside.clock.monotonic())
            raise
        for generation in claimed:
            self.adopt(generation)
        return claimed

    async def _adopt_strays(self) -> None:
        """Take up what is ours by the database and not on the board: its commit went unanswered.

        Only the ids are read, and only after a commit whose outcome is not known.
        """
        now = self.outside.clock.monotonic()
        if not self.board.in_doubt(now):
            return
        owned = await self.outside.storage.read(lambda tx: tx.generations.owned_ids(self.worker_id))
        for generation_id in owned:
            if generation_id not in self.board.live:
                await self._adopt_stray(generation_id)

    async def _adopt_stray(self, generation_id: GenerationId) -> None:
        found = await self.outside.storage.read(lambda tx: tx.generations.get(generation_id))
        ours = found is not None and found.owner_id == self.worker_id and not found.announced
        if found is not None and ours and generation_id not in self.board.live:
            self.adopt(found)
