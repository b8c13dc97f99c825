"""What nothing reads goes; what the books do not need can be erased.

A conversation is a counter of its versions: where it lives, who began it and its title stand in its
generations. A history row needs no owner, a worker no time of its start, and some indexes no query
used. New are the time at which a generation was pruned, the files that it was made from (so that
deleting one of two that share a file leaves it to the other), and the indexes of what nobody owns
and of what is kept. What was deleted before loses its content now.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNOWNED_SQLITE = sa.text("announced = 0 AND owner_id IS NULL")
_UNOWNED = sa.text("NOT announced AND owner_id IS NULL")
_KEPT = sa.text("ended_at IS NOT NULL AND pruned_at IS NULL")
_KEPT_TASK = sa.text("task_id IS NOT NULL AND pruned_at IS NULL")
_ROWS_AT_ONCE = 1000


def upgrade() -> None:
    _drop_what_nothing_reads()
    _rebuild_events()
    _rebuild_spend()
    op.add_column("generations", sa.Column("pruned_at", sa.BigInteger()))
    op.create_index(
        "ix_generations_unowned",
        "generations",
        ["created_at", "id"],
        sqlite_where=_UNOWNED_SQLITE,
        postgresql_where=_UNOWNED,
    )
    op.drop_index("uq_generations_task", "generations")
    op.create_index(
        "uq_generations_task",
        "generations",
        ["provider", "task_id"],
        unique=True,
        sqlite_where=_KEPT_TASK,
        postgresql_where=_KEPT_TASK,
    )
    op.create_index(
        "ix_generations_kept",
        "generations",
        ["ended_at"],
        sqlite_where=_KEPT,
        postgresql_where=_KEPT,
    )
    op.execute(
        "UPDATE generations SET request = '{}', task = NULL, result = NULL, file = NULL,"
        " park = NULL, revision = revision + 1 WHERE deleted_at IS NOT NULL"
    )
    _list_inputs()


def _drop_what_nothing_reads() -> None:
    for name in ("guild_id", "channel_id", "owner_id", "private", "title", "created_at"):
        op.drop_column("conversations", name)
    op.drop_column("conversations", "thread_id")
    op.drop_column("workers", "started_at")
    op.drop_column("generations", "park_until")
    op.drop_index("ix_generations_parent", "generations")
    op.drop_index("ix_provider_spend_at", "provider_spend")
    op.drop_index("ix_audit_guild", "audit")


def _rebuild_events() -> None:
    """Without the owner, and on SQLite within its key's tree instead of beside it."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_column("generation_events", "owner_id")
        return
    op.rename_table("generation_events", "old_events")
    op.create_table(
        "generation_events",
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "revision", name="pk_generation_events"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_generation_events_generation_id"
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO generation_events SELECT generation_id, revision, state, at FROM old_events"
        " ORDER BY generation_id, revision"
    )
    op.drop_table("old_events")


def _rebuild_spend() -> None:
    """On SQLite within its key's tree."""
    if op.get_bind().dialect.name == "postgresql":
        return
    op.rename_table("provider_spend", "old_spend")
    op.create_table(
        "provider_spend",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "task_id", name="pk_provider_spend"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_provider_spend_generation_id"
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO provider_spend SELECT provider, task_id, generation_id, micro_usd, at"
        " FROM old_spend ORDER BY provider, task_id"
    )
    op.drop_table("old_spend")


def _list_inputs() -> None:
    """Write down which files each generation was made from."""
    inputs = op.create_table(
        "generation_inputs",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", "generation_id", name="pk_generation_inputs"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_generation_inputs_generation_id"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_generation_inputs_generation", "generation_inputs", ["generation_id"])
    connection = op.get_bind()
    found = connection.execute(
        sa.text("""SELECT id, request FROM generations WHERE request LIKE '%"path"%'""")
    )
    rows = [
        {"path": path, "generation_id": generation_id}
        for generation_id, request in found
        for path in sorted(set(_paths(request)))
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        connection.execute(sa.insert(inputs), rows[start : start + _ROWS_AT_ONCE])


def _paths(request: str) -> Iterator[str]:
    try:
        wanted: dict[str, Any] = json.loads(request)
        files = [*wanted.get("images", ()), wanted.get("last_frame"), wanted.get("video")]
        yield from (file["path"] for file in files if file)
    except (ValueError, TypeError, KeyError, AttributeError):
        return  # a row that cannot be read: it lists nothing, and is named when it is asked for
