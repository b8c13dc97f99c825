"""Changing a generation: how every step commits, with the ledger in the same transaction.

This module owns the compare-and-set. Every change is applied to the current row, so that a user's
decision (drop, keep) from meanwhile is kept; a changed owner or state refuses the change.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from bot.domain.errors import Code, StorageUnavailable, Superseded
from bot.domain.generation import Failure, Generation, Park, ParkReason, State
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports

Change = Callable[[Generation], Generation]
Also = Callable[[Transaction, Generation], Awaitable[None]]

log = structlog.get_logger(__name__)

LONGEST_PARK_SECONDS = 3600.0
"""The longest Retry-After that is honoured, in seconds. All our own pauses are shorter."""


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """Commits the changes of generations."""

    ports: Ports

    async def move(
        self,
        generation: Generation,
        change: Change,
        *,
        also: Also | None = None,
        in_any_state: bool = False,
    ) -> Generation:
        """Commit an intent: apply ``change`` if owner and state are still those of ``generation``.

        ``in_any_state`` also applies a change of facts if the state has changed since.

        Raises:
            Superseded: the owner or state differs; nothing was changed.
            StorageUnavailable: unknown whether it was committed; read again.
        """
        now = self.ports.clock.now()

        async def work(tx: Transaction) -> Generation:
            fresh = await tx.generations.get(generation.id)
            if (
                fresh is None
                or fresh.owner_id != generation.owner_id
                or (fresh.state is not generation.state and not in_any_state)
            ):
                raise Superseded
            after = replace(change(fresh), updated_at=now)
            if after.ended and not fresh.ended:
                after = replace(after, ended_at=now, park=None)
            saved = await tx.generations.save(fresh, after)
            if also is not None:
                await also(tx, saved)
            return saved

        try:
            saved = await self.ports.storage.transact(work)
        except Superseded:
            # A user's decision or a callback may have been saved meanwhile: read again, once.
            saved = await self.ports.storage.transact(work)
        if saved.state is not generation.state:
            self.ports.telemetry.moved(generation.state, saved.state)
        return saved

    async def record(
        self,
        generation: Generation,
        change: Change,
        *,
        also: Also | None = None,
        in_any_state: bool = False,
    ) -> Generation:
        """Commit the result of an outside effect, waiting for the database as long as needed.

        The result (a task's id, a message's id) exists nowhere else, so a short outage of the
        database must not lose it.

        Raises:
            Superseded: another worker owns it now.
        """
        wait = 0.5
        while True:
            try:
                return await self.move(generation, change, also=also, in_any_state=in_any_state)
            except StorageUnavailable as error:
                log.warning("database_away", generation=generation.id, error=str(error))
                await self.ports.clock.sleep(wait)
                wait = min(wait * 2, 15.0)

    async def fail(self, generation: Generation, code: Code, /, **facts: Any) -> Generation:
        """Fail a generation; everything held is released."""
        return await self.end(generation, State.FAILED, Failure(code=code, facts=facts))

    async def end(
        self,
        generation: Generation,
        state: State,
        failure: Failure | None = None,
        *,
        settle_seconds: int | None = None,
    ) -> Generation:
        """End in ``state``: settle ``settle_seconds``, or release everything if that is None."""
        now = self.ports.clock.now()

        async def close(tx: Transaction, saved: Generation) -> None:
            if settle_seconds is None:
                await tx.ledger.release(saved.id, at=now)
            else:
                await tx.ledger.settle(saved.id, seconds=settle_seconds, at=now)

        return await self.record(
            generation, lambda g: replace(g, state=state, failure=failure), also=close
        )

    async def park(
        self, generation: Generation, reason: ParkReason, seconds: float, *, strikes: int = 0
    ) -> Generation:
        """Pause it in the same state, for at most ``LONGEST_PARK_SECONDS``."""
        seconds = min(seconds, LONGEST_PARK_SECONDS)
        until = self.ports.clock.now() + timedelta(seconds=seconds)
        park = Park(reason=reason, until=until)
        return await self.move(generation, lambda g: replace(g, park=park, strikes=strikes))
