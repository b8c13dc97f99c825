"""The queries about generations and their history.

This module owns the compare-and-set; the domain owns which state may follow which. The claim is in
``claims``, the removal of content in ``erasing``.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.catalogue import ProviderName
from bot.domain.errors import RowUnreadable, Superseded
from bot.domain.generation import Generation, State, may_follow, without_content
from bot.domain.ids import (
    GenerationId,
    GuildId,
    MessageId,
    TaskId,
    UserId,
    WorkerId,
    new_generation_id,
)
from bot.storage import claims, erasing
from bot.storage.files_in_work import files_in_work
from bot.storage.rows import COLUMNS, IDENTITY, WRITTEN, WRITTEN_ERASED, from_row, to_row
from bot.storage.tables import ENDED_WITHOUT_VIDEO, generation_events, generations, insert_into
from bot.storage.unreadable import SetAside

_STATES = frozenset(state.value for state in State)
_UNENDED = generations.c.ended_at.is_(None)
_UNANNOUNCED = ~generations.c.announced
_OLDEST_FIRST = (generations.c.created_at, generations.c.id)

_BY_ID = select(*COLUMNS).where(generations.c.id == bindparam("id"))
_BY_REQUEST_KEY = select(*COLUMNS).where(generations.c.request_key == bindparam("request_key"))
_BY_MESSAGE = select(*COLUMNS).where(generations.c.video_message_id == bindparam("message_id"))
_BY_TASK = select(*COLUMNS).where(
    generations.c.provider == bindparam("provider"),
    generations.c.task_id == bindparam("task_id"),
    generations.c.pruned_at.is_(None),
)
_OF_MEMBER = select(*COLUMNS).where(
    generations.c.guild_id == bindparam("guild_id"),
    generations.c.requester_id == bindparam("requester_id"),
)
_OPEN_OF_MEMBER = _OF_MEMBER.where(_UNENDED).order_by(*_OLDEST_FIRST)
_ENDED_OF_MEMBER = (
    _OF_MEMBER.where(generations.c.ended_at.is_not(None))
    .order_by(generations.c.created_at.desc(), generations.c.id.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
# Ids begin with their creation time, so the primary key is the index by age.
_POSTED = (
    select(*COLUMNS)
    .where(
        generations.c.id >= bindparam("first"),
        generations.c.video_message_id.is_not(None) | (generations.c.state == State.POSTING.value),
        generations.c.deleted_at.is_(None),
    )
    .order_by(generations.c.id.desc())
    .limit(bindparam("limit"))
)
_COUNT_OPEN = select(generations.c.state, func.count()).where(_UNENDED).group_by("state")
_UNCONFIRMED = (
    select(*COLUMNS)
    .where(_UNENDED, generations.c.state == State.SUBMIT_UNKNOWN.value)
    .order_by(*_OLDEST_FIRST)
)
_WITHOUT_VIDEO = (
    select(*COLUMNS)
    .where(
        ENDED_WITHOUT_VIDEO,
        generations.c.ended_at >= bindparam("since"),
        generations.c.task.is_not(None),
    )
    .order_by(generations.c.ended_at.desc(), generations.c.id.desc())
    .limit(bindparam("limit"))
)
_TASK = select(generations.c.id, generations.c.provider, generations.c.task_id)
_TASKS_SINCE = union_all(
    _TASK.where(_UNENDED),
    _TASK.where(generations.c.ended_at >= bindparam("since"), generations.c.pruned_at.is_(None)),
)
"""Two halves, so that each uses its index. There is no other condition: with the provider in the
query, SQLite would read every generation of that provider.
"""

_KNOWN = (
    generations.c.id == bindparam("known_id"),
    generations.c.state == bindparam("known_state"),
    generations.c.owner_id.is_not_distinct_from(bindparam("known_owner_id")),
    generations.c.revision == bindparam("known_revision"),
)
_SAVE = update(generations).where(*_KNOWN).values({name: bindparam(name) for name in WRITTEN})
_SAVE_ERASED = (
    update(generations).where(*_KNOWN).values({name: bindparam(name) for name in WRITTEN_ERASED})
)
_REMEMBER = insert(generation_events)
_OWNED_IDS = select(generations.c.id).where(
    generations.c.owner_id == bindparam("worker_id"), _UNANNOUNCED
)
_UNANNOUNCED_ONES = select(*COLUMNS).where(_UNANNOUNCED)
_DISOWN = (
    update(generations)
    .where(generations.c.owner_id == bindparam("worker_id"), _UNANNOUNCED)
    .values(owner_id=None, revision=generations.c.revision + 1)
)
_UNOWNED = select(exists().where(_UNANNOUNCED, generations.c.owner_id.is_(None)))


@cache
def _add(dialect: str) -> Any:
    """Insert a generation unless its request is stored already."""
    return (
        insert_into(dialect, generations)
        .on_conflict_do_nothing(index_elements=["request_key"])
        .returning(generations.c.id)
    )


class SqlGenerations:
    """Rows of generations, within one transaction."""

    def __init__(self, connection: AsyncConnection, set_aside: SetAside) -> None:
        self._connection = connection
        self._set_aside = set_aside

    async def add(self, generation: Generation) -> bool:
        statement = _add(self._connection.dialect.name)
        added = (await self._connection.execute(statement, to_row(generation))).first()
        if added is None:
            return False
        await self._remember(generation)
        await erasing.remember_inputs(self._connection, generation)
        return True

    async def get(self, generation_id: GenerationId) -> Generation | None:
        return await self._one(_BY_ID, id=generation_id)

    async def by_request_key(self, request_key: str) -> Generation | None:
        return await self._one(_BY_REQUEST_KEY, request_key=request_key)

    async def by_message(self, message_id: MessageId) -> Generation | None:
        return await self._one(_BY_MESSAGE, message_id=message_id)

    async def by_task(self, provider: ProviderName, task_id: TaskId) -> Generation | None:
        return await self._one(_BY_TASK, provider=provider, task_id=task_id)

    async def save(self, before: Generation, after: Generation) -> Generation:
        _check_change(before, after)
        stored = replace(after, revision=before.revision + 1)
        row = to_row(stored)
        known = {
            "known_id": before.id,
            "known_state": before.state.value,
            "known_owner_id": before.owner_id,
            "known_revision": before.revision,
        }
        written = {name: row[name] for name in (WRITTEN_ERASED if before.erased else WRITTEN)}
        statement = _SAVE_ERASED if before.erased else _SAVE
        saved = await self._connection.execute(statement, known | written)
        if saved.rowcount != 1:
            raise Superseded
        if stored.state is not before.state:
            await self._remember(stored)
        return stored

    async def claim(
        self, worker_id: WorkerId, *, now: datetime, dead_before: datetime, limit: int
    ) -> Sequence[Generation]:
        rows = await claims.claim(
            self._connection, worker_id, now=now, dead_before=dead_before, limit=limit
        )
        claimed = self._readable(rows)
        return sorted(claimed, key=lambda taken: (taken.created_at, taken.id))

    async def any_unowned(self) -> bool:
        return bool(await self._connection.scalar(_UNOWNED))

    async def owned_ids(self, worker_id: WorkerId) -> Sequence[GenerationId]:
        rows = await self._connection.scalars(_OWNED_IDS, {"worker_id": worker_id})
        return [GenerationId(generation_id) for generation_id in rows]

    async def disown(self, worker_id: WorkerId) -> int:
        return (await self._connection.execute(_DISOWN, {"worker_id": worker_id})).rowcount

    async def open_of(self, guild_id: GuildId, requester_id: UserId) -> Sequence[Generation]:
        return await self._many(_OPEN_OF_MEMBER, guild_id=guild_id, requester_id=requester_id)

    async def ended_of(
        self, guild_id: GuildId, requester_id: UserId, *, limit: int, offset: int = 0
    ) -> Sequence[Generation]:
        return await self._many(
            _ENDED_OF_MEMBER,
            guild_id=guild_id,
            requester_id=requester_id,
            limit=limit,
            offset=offset,
        )

    async def posted(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        return await self._many(_POSTED, first=new_generation_id(since, bytes), limit=limit)

    async def tasks_of_others(
        self, generation_id: GenerationId, provider: ProviderName, *, since: datetime
    ) -> Collection[TaskId]:
        rows = await self._connection.execute(_TASKS_SINCE, {"since": since})
        return {
            task_id
            for other_id, name, task_id in rows
            if task_id is not None and name == provider and other_id != generation_id
        }

    async def count_open(self) -> dict[State, int]:
        rows = await self._connection.execute(_COUNT_OPEN)
        return {State(state): count for state, count in rows if state in _STATES}

    async def unconfirmed_submissions(self) -> Sequence[Generation]:
        return await self._many(_UNCONFIRMED)

    async def ended_without_video(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        return await self._many(_WITHOUT_VIDEO, since=since, limit=limit)

    async def erase(self, generation: Generation) -> Generation:
        await erasing.erase(self._connection, generation.id)
        return replace(without_content(generation), revision=generation.revision + 1)

    async def prune(self, *, ended_before: datetime, at: datetime, limit: int) -> int:
        return await erasing.prune(self._connection, ended_before=ended_before, at=at, limit=limit)

    async def used_inputs(
        self, paths: Collection[str], *, by_others_than: GenerationId
    ) -> set[str]:
        return await erasing.used_inputs(self._connection, paths, by_others_than)

    async def files_in_work(self) -> set[str]:
        return await files_in_work(self._connection)

    async def look_through(self) -> None:
        await self._many(_UNANNOUNCED_ONES)

    async def _remember(self, generation: Generation) -> None:
        await self._connection.execute(
            _REMEMBER,
            {
                "generation_id": generation.id,
                "revision": generation.revision,
                "state": generation.state.value,
                "at": generation.updated_at,
            },
        )

    async def _one(self, statement: Any, **values: Any) -> Generation | None:
        row = (await self._connection.execute(statement, values)).first()
        if row is None:
            return None
        try:
            return from_row(row)
        except RowUnreadable as error:
            self._set_aside.note(error)
            raise

    async def _many(self, statement: Any, **values: Any) -> list[Generation]:
        return self._readable(await self._connection.execute(statement, values))

    def _readable(self, rows: Iterable[Row[Any]]) -> list[Generation]:
        found: list[Generation] = []
        for row in rows:
            try:
                found.append(from_row(row))
            except RowUnreadable as error:
                self._set_aside.note(error)
        return found


def _check_change(before: Generation, after: Generation) -> None:
    if not may_follow(before.state, after.state):
        raise ValueError(f"{after.state} may not follow {before.state}")
    for name in IDENTITY:
        if getattr(before, name) != getattr(after, name):
            raise ValueError(f"{name} of a generation never changes")
    if after.ended is (after.ended_at is None):
        raise ValueError(f"{after.state} with ended_at {after.ended_at}")
