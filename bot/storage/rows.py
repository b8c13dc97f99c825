"""Converting a generation to a row and back.

This module owns the columns that are derived from the fields. It knows no queries.
"""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from bot.domain.errors import RowUnreadable
from bot.domain.generation import Generation, State
from bot.storage.tables import generations
from bot.storage.unreadable import check_readable

FIELDS = tuple(field.name for field in fields(Generation))
COLUMNS = [generations.c[name] for name in FIELDS]

IDENTITY = frozenset(
    {
        "id",
        "conversation_id",
        "version",
        "parent_id",
        "parent_version",
        "request_key",
        "requester_id",
        "locale",
        "created_at",
    }
)
"""The fields that never change."""

WRITTEN = tuple(
    column.name for column in generations.columns if column.name not in IDENTITY | {"guild_id"}
)
WRITTEN_ERASED = tuple(name for name in WRITTEN if name not in {"provider", "task_id"})
"""The columns of an erased generation, whose task is in no field any more."""


def from_row(row: Row[Any]) -> Generation:
    """Return the generation of a row.

    Raises:
        RowUnreadable: a value cannot be read.
    """
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name of it)
    name = f"generation {values['id']}"
    check_readable(name, values)
    try:
        values["state"] = State(values["state"])
    except ValueError as error:
        raise RowUnreadable(name, reason=str(error)) from error
    return Generation(**values)


def to_row(generation: Generation) -> dict[str, Any]:
    """Return all columns: the fields, and the scalars from them that the indexes need."""
    task, posting = generation.task, generation.posting
    row: dict[str, Any] = {name: getattr(generation, name) for name in FIELDS}
    row["state"] = generation.state.value
    row["guild_id"] = generation.place.guild_id
    row["provider"] = task.provider if task else generation.plan.provider
    row["task_id"] = task.task_id if task else None
    row["video_message_id"] = posting.message_id if posting else None
    return row
