"""A generation as a row and back.

Owns which columns there are beside the fields, and what cannot be read. Knows no query.
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
"""What never changes."""

WRITTEN = tuple(
    column.name for column in generations.columns if column.name not in IDENTITY | {"guild_id"}
)
WRITTEN_ERASED = tuple(name for name in WRITTEN if name not in {"provider", "task_id"})
"""Those of a generation without its content: which task it had stands in no field any more."""


def from_row(row: Row[Any]) -> Generation:
    """The generation that a row holds.

    Raises:
        RowUnreadable: it holds something else.
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
    """All columns: the fields themselves, and the scalars that indexes need, taken out of them."""
    task, posting = generation.task, generation.posting
    row: dict[str, Any] = {name: getattr(generation, name) for name in FIELDS}
    row["state"] = generation.state.value
    row["guild_id"] = generation.place.guild_id
    row["provider"] = task.provider if task else generation.plan.provider
    row["task_id"] = task.task_id if task else None
    row["video_message_id"] = posting.message_id if posting else None
    return row
