"""Which files unannounced generations need, according to the rows of all workers."""

from collections.abc import Iterator, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.media import StoredMedia
from bot.storage.tables import generation_inputs, generations

_IDS = bindparam("ids", expanding=True)
_OPEN = select(generations.c.id, generations.c.parent_id, generations.c.file).where(
    ~generations.c.announced
)
_INPUTS = select(generation_inputs.c.path).where(generation_inputs.c.generation_id.in_(_IDS))
_VIDEOS = select(generations.c.file).where(generations.c.id.in_(_IDS))
_IDS_AT_ONCE = 500
"""Without a join, because with one PostgreSQL may read the whole table."""


async def files_in_work(connection: AsyncConnection) -> set[str]:
    """Return the paths of the videos, of their input files, and of the videos they edit."""
    rows = (await connection.execute(_OPEN)).all()
    parents = {row.parent_id for row in rows if row.parent_id is not None}
    files: list[object] = [row.file for row in rows]
    paths = set[str]()
    for ids in _parts([row.id for row in rows]):
        paths |= set(await connection.scalars(_INPUTS, {"ids": ids}))
    for ids in _parts(sorted(parents)):
        files += await connection.scalars(_VIDEOS, {"ids": ids})
    # A file that cannot be read names no path; its row is set aside.
    return paths | {file.path for file in files if isinstance(file, StoredMedia)}


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[start : start + _IDS_AT_ONCE]
