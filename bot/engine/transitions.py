"""Changing a generation: how every step commits, with the ledger in the same transaction.

This module owns the compare-and-set. A change is a value that is applied to the current row, so
that a user's decision (drop, keep) and the names from callbacks from meanwhile are kept.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypedDict, Unpack

import structlog

from bot.domain.catalogue import Plan, ProviderName
from bot.domain.errors import Code, StorageUnavailable, Superseded
from bot.domain.generation import (
    Failure,
    Generation,
    Park,
    ParkReason,
    Place,
    Posting,
    Result,
    State,
    Task,
)
from bot.domain.ids import TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.storage import Transaction
from bot.engine.context import Ports
from bot.engine.timing import kind_of

log = structlog.get_logger(__name__)

LONGEST_PARK_SECONDS = 3600.0
"""The longest Retry-After that is honoured, in seconds. All our own pauses are shorter."""


class Unchanged(Enum):
    """What must be as the caller knows it, for a change to apply. The owner must be in any case."""

    OWNER = "owner"
    STATE = "state"
    ROW = "row"


@dataclass(frozen=True, kw_only=True)
class Settle:
    """The close of a hold: ``seconds`` count as spent, the rest is released."""

    seconds: int


@dataclass(frozen=True, kw_only=True)
class Spend:
    """What a provider charged for a task, in micro-USD."""

    task_id: TaskId
    micro_usd: int


class Facts(TypedDict, total=False):
    """What a change sets in the row. What is left out stays as it is."""

    state: State
    plan: Plan
    place: Place
    task: Task | None
    result: Result
    file: StoredMedia
    posting: Posting
    failure: Failure | None
    park: Park | None
    refused_by: tuple[ProviderName, ...]
    attempt: int
    strikes: int
    abandoned: bool
    announced: bool


class Change(Facts, total=False):
    """A change of a row, and of what must be committed with it.

    An end closes the hold with ``close``; without it everything is released. ``took`` is how long
    the task took, in seconds (None: not observed).
    """

    close: Settle | None
    spend: Spend | None
    took: float | None


async def apply(
    tx: Transaction,
    row: Generation,
    *,
    at: datetime,
    close: Settle | None = None,
    spend: Spend | None = None,
    took: float | None = None,
    **facts: Unpack[Facts],
) -> Generation:
    """Save a change (see ``Change``) of a row that was read in this transaction."""
    after = replace(row, **facts, updated_at=at)
    ends = after.ended and not row.ended
    if ends:
        after = replace(after, ended_at=at, park=None)
    saved = await tx.generations.save(row, after)
    if spend is not None:
        await tx.ledger.record_spend(
            saved.id,
            provider=saved.plan.provider,
            task_id=spend.task_id,
            micro_usd=spend.micro_usd,
            at=at,
        )
    if took is not None:
        await tx.durations.add(kind_of(saved), took, at=at)
    if ends and close is not None:
        await tx.ledger.settle(saved.id, seconds=close.seconds, at=at)
    elif ends:
        await tx.ledger.release(saved.id, at=at)
    return saved


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """Commits the changes of generations."""

    ports: Ports

    async def move(
        self,
        generation: Generation,
        *,
        unchanged: Unchanged = Unchanged.STATE,
        **change: Unpack[Change],
    ) -> Generation:
        """Commit an intent, if the row is still that of ``generation``.

        Raises:
            Superseded: the row differs; nothing was changed.
            StorageUnavailable: unknown whether it was committed; read again.
        """
        now = self.ports.clock.now()

        async def work(tx: Transaction) -> Generation:
            fresh = await tx.generations.get(generation.id)
            if (
                fresh is None
                or fresh.owner_id != generation.owner_id
                or (fresh.state is not generation.state and unchanged is not Unchanged.OWNER)
                or (fresh.revision != generation.revision and unchanged is Unchanged.ROW)
            ):
                raise Superseded
            return await apply(tx, fresh, at=now, **_with_names(change, fresh))

        try:
            saved = await self.ports.storage.transact(work)
        except Superseded:
            # A user's decision or a callback may have been saved meanwhile: read again, once.
            saved = await self.ports.storage.transact(work)
        if saved.state is not generation.state:
            self.ports.telemetry.moved(generation.state, saved.state)
        if (spend := change.get("spend")) is not None:
            self.ports.telemetry.spent(saved.plan.provider, spend.micro_usd)
        return saved

    async def record(
        self,
        generation: Generation,
        *,
        unchanged: Unchanged = Unchanged.STATE,
        **change: Unpack[Change],
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
                return await self.move(generation, unchanged=unchanged, **change)
            except StorageUnavailable as error:
                log.warning("database_away", generation=generation.id, error=str(error))
                await self.ports.clock.sleep(wait)
                wait = min(wait * 2, 15.0)

    async def fail(self, generation: Generation, code: Code, /, **facts: Any) -> Generation:
        """Fail a generation; everything held is released."""
        failure = Failure(code=code, facts=facts)
        return await self.record(generation, state=State.FAILED, failure=failure)

    async def park(
        self, generation: Generation, reason: ParkReason, seconds: float, *, strikes: int = 0
    ) -> Generation:
        """Pause it in the same state, for at most ``LONGEST_PARK_SECONDS``."""
        seconds = min(seconds, LONGEST_PARK_SECONDS)
        until = self.ports.clock.now() + timedelta(seconds=seconds)
        return await self.move(generation, park=Park(reason=reason, until=until), strikes=strikes)


def _with_names(change: Change, fresh: Generation) -> Change:
    """Return the change with the names that callbacks have saved since, while no id is known."""
    task = change.get("task")
    if task is None or task.task_id is not None or fresh.task is None:
        return change
    return {**change, "task": replace(task, named=fresh.task.named)}
