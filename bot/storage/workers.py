"""Queries about worker processes and their heartbeats.

What a worker owns stands in the rows of generations; of that only the forgetting asks.
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
"""Unlike now(), it goes on within a transaction that waited."""

_BEATS = select(workers.c.id, workers.c.beat_at).order_by(workers.c.beat_at)


_FORGET_SILENT = delete(workers).where(
    workers.c.beat_at < bindparam("before"),
    ~exists().where(generations.c.owner_id == workers.c.id, ~generations.c.announced),
)


@cache
def _beat(dialect: str) -> Any:
    """Insert a worker, or move its heartbeat on (never back)."""
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
        """The server's time; on SQLite, which has one process and no server, ``now``."""
        if self._connection.dialect.name != "postgresql":
            return now
        server_time: datetime = (await self._connection.execute(_SERVER_TIME)).scalar_one()
        return server_time

    async def beat(self, worker_id: WorkerId, *, now: datetime) -> None:
        """Insert or refresh a worker."""
        await beat(self._connection, worker_id, now=now)

    async def cap_beats(self, now: datetime) -> None:
        """Heartbeats later than ``now`` count as given now."""
        later = workers.c.beat_at > now
        await self._connection.execute(update(workers).where(later).values(beat_at=now))

    async def remove(self, worker_id: WorkerId) -> None:
        """Forget a worker that stopped."""
        await self._connection.execute(delete(workers).where(workers.c.id == worker_id))

    async def forget_silent(self, before: datetime) -> int:
        """Forget workers without a sign of life since ``before`` that own nothing any more."""
        return (await self._connection.execute(_FORGET_SILENT, {"before": before})).rowcount

    async def keep_only(self, worker_id: WorkerId) -> None:
        """Forget all others: this one is known to be alone."""
        await self._connection.execute(delete(workers).where(workers.c.id != worker_id))

    async def beats(self) -> Mapping[WorkerId, datetime]:
        """The last sign of life of each."""
        rows = await self._connection.execute(_BEATS)
        return {WorkerId(worker_id): beat_at for worker_id, beat_at in rows}
