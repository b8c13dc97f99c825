"""Queries about the durations of tasks. The caller chooses the keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.tables import task_durations

KEPT = 200
"""How many durations of one key are remembered."""

_ADD = insert(task_durations)
_NEWEST = (
    select(task_durations.c.id, task_durations.c.seconds)
    .where(task_durations.c.key == bindparam("wanted_key"))
    .order_by(task_durations.c.id.desc())
)
_RECENT = _NEWEST.with_only_columns(task_durations.c.seconds).limit(KEPT)
_TRIM = delete(task_durations).where(
    task_durations.c.key == bindparam("wanted_key"),
    task_durations.c.id
    <= _NEWEST.with_only_columns(task_durations.c.id).limit(1).offset(KEPT).scalar_subquery(),
)

_FORGET = delete(task_durations).where(task_durations.c.at < bindparam("before"))


class SqlDurations:
    """Rows of durations, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: str, seconds: float, *, at: datetime) -> None:
        await self._connection.execute(_ADD, {"key": key, "seconds": seconds, "at": at})
        await self._connection.execute(_TRIM, {"wanted_key": key})

    async def recent(self, key: str) -> Sequence[float]:
        rows = await self._connection.scalars(_RECENT, {"wanted_key": key})
        return list(rows)[::-1]

    async def forget(self, before: datetime) -> None:
        await self._connection.execute(_FORGET, {"before": before})
