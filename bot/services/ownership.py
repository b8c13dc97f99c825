"""Which generations are this worker's: its heartbeat, what the dead leave behind, what got lost.

Owns the judgement of who is dead. Heartbeats are written and read by the one clock that all workers
of a database share, so a host whose own clock is wrong harms nobody. Knows nothing of steps.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.errors import StorageUnavailable
from bot.domain.generation import Generation
from bot.domain.ids import WorkerId
from bot.domain.ports.storage import Transaction
from bot.services.board import Board
from bot.services.lease import Lease
from bot.services.outside import Outside

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
CLAIM_SECONDS = 10.0
CLAIM_AT_ONCE = 500

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
                if clock.monotonic() < self.board.uncertain_until:
                    await self._adopt_strays()
            except StorageUnavailable as error:
                log.warning("heartbeat_failed", error=str(error))
                self.board.doubt(clock.monotonic())
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
        while True:
            claimed = await self.outside.storage.transact(self._claim_some)
            for generation in claimed:
                self.adopt(generation)
            if len(claimed) < CLAIM_AT_ONCE:
                return

    async def _claim_some(self, tx: Transaction) -> list[Generation]:
        now = await tx.workers.clock(self.outside.clock.now())
        await tx.workers.cap_beats(now)
        dead_before = now - timedelta(seconds=DEAD_SECONDS)
        claimed = await tx.generations.claim(
            self.worker_id, now=now, dead_before=dead_before, limit=CLAIM_AT_ONCE
        )
        await tx.workers.forget_silent(dead_before)
        return list(claimed)

    async def _adopt_strays(self) -> None:
        """Take up what is ours by the database and not on the board: its commit went unanswered."""
        owned = await self.outside.storage.read(lambda tx: tx.generations.owned_by(self.worker_id))
        for generation in owned:
            if generation.id not in self.board.live:
                self.adopt(generation)
