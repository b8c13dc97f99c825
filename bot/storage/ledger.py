"""Queries about quota and money: an append-only ledger, its balances, the providers' charges.

This module owns the double entry: every row moves units between the buckets of one member, so its
deltas add up to zero, and a generation has at most one row of a kind. The domain decides whether a
member may spend. ``bot.storage.invariants`` has the invariants.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.catalogue import ProviderName
from bot.domain.generation import LATE, Generation
from bot.domain.ids import GenerationId, GuildId, TaskId, UserId
from bot.domain.limits import Amounts, Usage
from bot.storage import invariants
from bot.storage.tables import (
    BUCKET_COLUMNS,
    UNITS,
    EntryKind,
    accounts,
    generations,
    insert_into,
    ledger,
    provider_spend,
)

_NOTHING = dict.fromkeys(BUCKET_COLUMNS, 0)

_account_of_member = (
    accounts.c.guild_id == bindparam("guild_id"),
    accounts.c.user_id == bindparam("user_id"),
)
_LOCK = select(accounts.c.guild_id).where(*_account_of_member).with_for_update()

_OPEN = (
    select(func.count())
    .select_from(generations)
    .where(
        generations.c.guild_id == bindparam("guild_id"),
        generations.c.requester_id == bindparam("user_id"),
        generations.c.ended_at.is_(None),
        # A late result is free and takes no slot of the limit.
        generations.c.request_key.not_like(f"{LATE}%"),
    )
    .scalar_subquery()
)
_USAGE = select(
    *(
        func.coalesce(func.sum(ledger.c[f"{unit}_held"] + ledger.c[f"{unit}_spent"]), 0)
        for unit in UNITS
    ),
    _OPEN,
    select(accounts.c.last_hold_at).where(*_account_of_member).scalar_subquery(),
).where(
    ledger.c.guild_id == bindparam("guild_id"),
    ledger.c.user_id == bindparam("user_id"),
    ledger.c.resets == select(accounts.c.resets).where(*_account_of_member).scalar_subquery(),
    ledger.c.counted_at >= bindparam("since"),
)

_HOLD_OF = select(ledger).where(
    ledger.c.generation_id == bindparam("wanted_id"), ledger.c.kind == EntryKind.HOLD
)
_RESET_ENTRY = insert(ledger)


@cache
def _open_account(dialect: str) -> Any:
    """Create a member's account if there is none."""
    return insert_into(dialect, accounts).on_conflict_do_nothing(
        index_elements=["guild_id", "user_id"]
    )


@cache
def _move(dialect: str) -> Any:
    """Add deltas to a member's balances."""
    statement = insert_into(dialect, accounts)
    sums = {name: accounts.c[name] + statement.excluded[name] for name in BUCKET_COLUMNS}
    latest = func.coalesce(statement.excluded.last_hold_at, accounts.c.last_hold_at)
    return statement.on_conflict_do_update(
        index_elements=["guild_id", "user_id"], set_={**sums, "last_hold_at": latest}
    ).returning(accounts.c.resets)


@cache
def _count_reset(dialect: str) -> Any:
    """Increment a member's count of resets; no cooldown is left."""
    statement = insert_into(dialect, accounts).values(
        guild_id=bindparam("guild_id"), user_id=bindparam("user_id"), resets=1
    )
    return statement.on_conflict_do_update(
        index_elements=["guild_id", "user_id"],
        set_={"resets": accounts.c.resets + 1, "last_hold_at": None},
    ).returning(accounts.c.resets)


@cache
def _enter(dialect: str) -> Any:
    """Append a row about a generation; return nothing if its kind exists already."""
    return (
        insert_into(dialect, ledger)
        .on_conflict_do_nothing(index_elements=["generation_id", "kind"])
        .returning(ledger.c.id)
    )


@cache
def _record_spend(dialect: str) -> Any:
    """Record the cost of a task the first time it is reported."""
    return insert_into(dialect, provider_spend).on_conflict_do_nothing(
        index_elements=["provider", "task_id"]
    )


class SqlLedger:
    """The ledger, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    async def lock(self, guild_id: GuildId, user_id: UserId) -> None:
        member = {"guild_id": guild_id, "user_id": user_id}
        await self._connection.execute(_open_account(self._dialect), member)
        if self._dialect == "postgresql":  # SQLite has one writer: everybody waits already
            await self._connection.execute(_LOCK, member)

    async def usage(self, guild_id: GuildId, user_id: UserId, *, since: datetime) -> Usage:
        values = {"guild_id": guild_id, "user_id": user_id, "since": since}
        row: tuple[Any, ...] = tuple((await self._connection.execute(_USAGE, values)).one())
        *sums, unended, last_at = row
        counted = {unit: int(amount) for unit, amount in zip(UNITS, sums, strict=True)}
        return Usage(**counted, concurrent=unended, last_at=last_at)

    async def hold(self, generation: Generation, asked: Amounts, *, at: datetime) -> None:
        guild_id, user_id = generation.place.guild_id, generation.requester_id
        moved = dict(_NOTHING)
        for unit in UNITS:
            amount = _checked(unit, asked.of(unit))
            moved |= {f"{unit}_available": -amount, f"{unit}_held": amount}
        last_hold_at = at if asked.videos else None
        account = {"guild_id": guild_id, "user_id": user_id, "last_hold_at": last_hold_at}
        moving = await self._connection.execute(_move(self._dialect), account | moved)
        entry = {
            "guild_id": guild_id,
            "user_id": user_id,
            "generation_id": generation.id,
            "kind": EntryKind.HOLD,
            "resets": moving.scalar_one(),
            "counted_at": at,
            "at": at,
        }
        await self._enter(entry | moved, "already held")

    async def settle(self, generation_id: GenerationId, *, seconds: int, at: datetime) -> None:
        await self._close(generation_id, Amounts(seconds=seconds), at=at)

    async def release(self, generation_id: GenerationId, *, at: datetime) -> None:
        await self._close(generation_id, Amounts(**dict.fromkeys(UNITS, 0)), at=at)

    async def reset(self, guild_id: GuildId, user_id: UserId, *, at: datetime) -> None:
        """Count a member's usage from now on; earlier open holds do not count either."""
        member = {"guild_id": guild_id, "user_id": user_id}
        counted = await self._connection.execute(_count_reset(self._dialect), member)
        moment = {"resets": counted.scalar_one(), "counted_at": at, "at": at}
        await self._connection.execute(_RESET_ENTRY, member | moment | {"kind": EntryKind.RESET})

    async def record_spend(
        self,
        generation_id: GenerationId,
        *,
        provider: ProviderName,
        task_id: TaskId,
        micro_usd: int,
        at: datetime,
    ) -> None:
        await self._connection.execute(
            _record_spend(self._dialect),
            {
                "generation_id": generation_id,
                "provider": provider,
                "task_id": task_id,
                "micro_usd": micro_usd,
                "at": at,
            },
        )

    async def faults(self) -> Sequence[str]:
        return await invariants.faults(self._connection)

    async def _close(self, generation_id: GenerationId, spent: Amounts, *, at: datetime) -> None:
        held = (await self._connection.execute(_HOLD_OF, {"wanted_id": generation_id})).first()
        if held is None:
            raise ValueError(f"nothing is held for {generation_id}")
        moved = _closing(held._asdict(), spent)
        member = {"guild_id": held.guild_id, "user_id": held.user_id}
        entry = {
            "generation_id": generation_id,
            "kind": EntryKind.CLOSE,
            "resets": held.resets,
            "counted_at": held.counted_at,
            "at": at,
        }
        await self._enter(member | entry | moved, "already closed")
        await self._connection.execute(
            _move(self._dialect), member | moved | {"last_hold_at": None}
        )

    async def _enter(self, entry: dict[str, Any], otherwise: str) -> None:
        entered = await self._connection.execute(_enter(self._dialect), entry)
        if entered.first() is None:
            raise ValueError(f"{otherwise}: {entry['generation_id']}")


def _closing(held: Mapping[str, Any], spent: Amounts) -> dict[str, int]:
    """Clear a hold. What ``spent`` names is spent up to there, the rest as held."""
    moved = dict(_NOTHING)
    for unit in UNITS:
        amount = held[f"{unit}_held"]
        used = min(_checked(unit, spent.of(unit)), amount) if unit in spent.named() else amount
        moved |= {
            f"{unit}_held": -amount,
            f"{unit}_spent": used,
            f"{unit}_available": amount - used,
        }
    return moved


def _checked(unit: str, amount: int) -> int:
    if amount < 0:
        raise ValueError(f"{amount} {unit}")
    return amount
