"""Erasing: removing what neither the ledger nor the links need from the rows of generations.

This module owns which columns lose their content, and of which rows. The books (ledger, spend, ids,
times, states) are never changed. Rows are erased unread, so damaged ones are erased too.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.generation import Generation
from bot.domain.ids import GenerationId
from bot.domain.request import VideoRequest
from bot.storage.tables import generation_events, generation_inputs, generations

_PRUNABLE = (
    select(generations.c.id)
    .where(
        generations.c.ended_at < bindparam("ended_before"),
        generations.c.pruned_at.is_(None),
        generations.c.announced,
    )
    .order_by(generations.c.ended_at)
    .limit(bindparam("limit"))
)
_ERASE = (
    update(generations)
    .where(generations.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        request=VideoRequest(),
        task=None,
        result=None,
        file=None,
        park=None,
        revision=generations.c.revision + 1,
    )
)
_MOVE = text(
    "UPDATE generations SET rowid = rowid - 2147483648"
    " WHERE rowid > 0 AND rowid < (SELECT MAX(rowid) FROM generations) AND id IN :ids"
).bindparams(bindparam("ids", expanding=True))
"""Move pruned rows of SQLite next to each other.

A row stays in its page when it shrinks, and a page that one row has is not used for others. Moving
it (in order, to the end of those that were pruned before) leaves a page that is free.
Every index holds the number of the row, and one of four bytes is enough for two thousand million
rows. The last row of all stays where it is: SQLite numbers new rows from there on, and with a
number below zero they would count as moved.
PostgreSQL reuses the free space in a page by itself.
"""

_PRUNE = _ERASE.values(pruned_at=bindparam("at"), owner_id=None, task_id=None)
"""No query needs the task of a pruned row; its cost is in the ledger by the task's id."""

_FORGET_HISTORY = delete(generation_events).where(
    generation_events.c.generation_id.in_(bindparam("ids", expanding=True))
)
_REMEMBER_INPUT = insert(generation_inputs)
_FORGET_INPUTS = delete(generation_inputs).where(
    generation_inputs.c.generation_id.in_(bindparam("ids", expanding=True))
)
_USED = select(generation_inputs.c.path).where(
    generation_inputs.c.path.in_(bindparam("paths", expanding=True)),
    generation_inputs.c.generation_id != bindparam("generation_id"),
)


async def remember_inputs(connection: AsyncConnection, generation: Generation) -> None:
    """Record the input files of a generation."""
    for path in sorted({media.path for media in generation.request.files}):
        values = {"path": path, "generation_id": generation.id}
        await connection.execute(_REMEMBER_INPUT, values)


async def used_inputs(
    connection: AsyncConnection, paths: Collection[str], by_others_than: GenerationId
) -> set[str]:
    """Return those of the files that another generation was made from."""
    if not paths:
        return set()
    values = {"paths": list(paths), "generation_id": by_others_than}
    return set(await connection.scalars(_USED, values))


async def erase(connection: AsyncConnection, generation_id: GenerationId) -> None:
    """Remove one generation's content."""
    await connection.execute(_ERASE, {"ids": [generation_id]})
    await connection.execute(_FORGET_INPUTS, {"ids": [generation_id]})


async def prune(
    connection: AsyncConnection, *, ended_before: datetime, at: datetime, limit: int
) -> int:
    """Remove the content and history of rows past their retention; return how many."""
    values = {"ended_before": ended_before, "limit": limit}
    ids = (await connection.scalars(_PRUNABLE, values)).all()
    if ids:
        await connection.execute(_PRUNE, {"ids": ids, "at": at})
        if connection.dialect.name == "sqlite":
            await connection.execute(_MOVE, {"ids": ids})
        await connection.execute(_FORGET_HISTORY, {"ids": ids})
        await connection.execute(_FORGET_INPUTS, {"ids": ids})
    return len(ids)
