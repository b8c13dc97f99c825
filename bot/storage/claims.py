"""The claim: how a worker takes generations without a live owner.

This module owns its two statements and the reason why there are two.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.ids import WorkerId
from bot.storage.rows import COLUMNS
from bot.storage.tables import generations, workers
from bot.storage.workers import beat

_UNANNOUNCED = ~generations.c.announced
_ALIVE = exists().where(
    workers.c.id == generations.c.owner_id, workers.c.beat_at >= bindparam("dead_before")
)
_CLAIMABLE = (
    _UNANNOUNCED,
    or_(
        generations.c.owner_id.is_(None),
        (generations.c.owner_id != bindparam("worker_id")) & ~_ALIVE,
    ),
)
_PICK = (
    select(generations.c.id)
    .where(*_CLAIMABLE)
    .order_by(generations.c.created_at, generations.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True, of=generations)
)
"""Choose and lock the oldest rows that a worker may claim; skip rows that another claim has locked.

(SQLite has no such lock and needs none: its write transactions run one after the other.)
"""

_TAKE = (
    update(generations)
    .where(generations.c.id.in_(bindparam("picked", expanding=True)), *_CLAIMABLE)
    .values(owner_id=bindparam("worker_id"), revision=generations.c.revision + 1)
    .returning(*COLUMNS)
)
"""Take the chosen rows, checked again now that they are locked.

The choice was made on a snapshot. A row that another worker has claimed since is read as it is now,
but that worker's heartbeat is not: a new or late worker would look dead, and its row would be taken
from it. Only a second statement, begun with the rows locked, sees both.
"""


async def claim(
    connection: AsyncConnection,
    worker_id: WorkerId,
    *,
    now: datetime,
    dead_before: datetime,
    limit: int,
) -> Sequence[Row[Any]]:
    """Claim at most ``limit`` generations; the worker's heartbeat is written as well."""
    await beat(connection, worker_id, now=now)
    values = {"worker_id": worker_id, "dead_before": dead_before}
    picked = (await connection.scalars(_PICK, values | {"limit": limit})).all()
    if not picked:
        return ()
    return (await connection.execute(_TAKE, values | {"picked": picked})).all()
