"""Queries about worker processes and their heartbeats.

The rows of generations have their owner; only ``forget_silent`` reads them here.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.ids import WorkerId
from bot.storage.tables import generations, insert_into, workers

_SERVER_TIME = select(func.clock_timestamp())
"""The current time. Unlike now(), it advances within a transaction."""

_BEATS = select(workers.c.id, workers.c.beat_at).order_by(workers.c.beat_at)


_FORGET_SILENT = delete(workers).where(
    workers.c.beat_at < bindparam("before"),
    ~exists().where(generations.c.owner_id == workers.c.id, ~generations.c.announced),
)


@cache
def _beat(dialect: str) -> Any:
    """Insert a worker, or set a later heartbeat (never an earlier one)."""
    statement = insert_into(dialect, workers)
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_={"beat_at": statement.excluded.beat_at},
        where=statement.excluded.beat_at > workers.c.beat_at,
    )


async def beat(connection: AsyncConnection, worker_id: WorkerId, *, now: datetime) -> None:
    """Insert or refresh a worker."""
    await connection.execute(_beat(connection.dialect.name), {"id": worker_id, "beat_at": now})


class SqlWorkers:
    """Rows of workers, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def clock(self, now: datetime) -> datetime:
        """Return the server's time; on SQLite, which has no server, ``now``."""
        if self._connection.dialect.name != "postgresql":
            return now
        server_time: datetime = (await self._connection.execute(_SERVER_TIME)).scalar_one()
        return server_time

    async def beat(self, worker_id: WorkerId, *, now: datetime) -> None:
        await beat(self._connection, worker_id, now=now)

    async def cap_beats(self, now: datetime) -> None:
        later = workers.c.beat_at > now
        await self._connection.execute(update(workers).where(later).values(beat_at=now))

    async def remove(self, worker_id: WorkerId) -> None:
        await self._connection.execute(delete(workers).where(workers.c.id == worker_id))

    async def forget_silent(self, before: datetime) -> int:
        return (await self._connection.execute(_FORGET_SILENT, {"before": before})).rowcount

    async def keep_only(self, worker_id: WorkerId) -> None:
        await self._connection.execute(delete(workers).where(workers.c.id != worker_id))

    async def beats(self) -> Mapping[WorkerId, datetime]:
        rows = await self._connection.execute(_BEATS)
        return {WorkerId(worker_id): beat_at for worker_id, beat_at in rows}
