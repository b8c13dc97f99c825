"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNITS = ("videos", "seconds")
_POTS = ("available", "held", "spent", "granted")


def _pots() -> list[sa.Column[int]]:
    return [
        sa.Column(f"{unit}_{pot}", sa.BigInteger(), nullable=False, server_default="0")
        for unit in _UNITS
        for pot in _POTS
    ]


def _balanced(table: str) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(
            " + ".join(f"{unit}_{pot}" for pot in _POTS) + " = 0",
            name=f"ck_{table}_{unit}_balanced",
        )
        for unit in _UNITS
    ]


def upgrade() -> None:
    _settings()
    _generations()
    _books()
    _forbid_changes()


def _settings() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limits", sa.Text()),
        sa.PrimaryKeyConstraint("guild_id", name="pk_guild_settings"),
    )
    op.create_table(
        "member_settings",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name="pk_member_settings"),
    )
    op.create_table(
        "audit",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_guild", "audit", ["guild_id", "at"])
    op.create_table(
        "task_durations",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task_durations"),
    )
    op.create_index("ix_task_durations_key", "task_durations", ["key", "id"])


def _generations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger()),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_table(
        "generations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("parent_version", sa.Integer()),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("requester_id", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("abandoned", sa.Boolean(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text()),
        sa.Column("video_message_id", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("park_until", sa.BigInteger()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("task", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("file", sa.Text()),
        sa.Column("posting", sa.Text()),
        sa.Column("failure", sa.Text()),
        sa.Column("park", sa.Text()),
        sa.Column("refused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.UniqueConstraint(
            "conversation_id", "version", name="uq_generations_conversation_id_version"
        ),
        sa.UniqueConstraint("request_key", name="uq_generations_request_key"),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) ="
            " (state IN ('delivered', 'failed', 'cancelled', 'expired', 'undeliverable'))",
            name="ck_generations_ended",
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["generations.id"], name="fk_generations_parent_id"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_generations_conversation_id"
        ),
    )
    op.create_index("ix_generations_parent", "generations", ["parent_id"])
    op.create_index(
        "ix_generations_requester", "generations", ["guild_id", "requester_id", "created_at"]
    )
    op.create_index(
        "ix_generations_unannounced",
        "generations",
        ["created_at", "id"],
        sqlite_where=sa.text("announced = 0"),
        postgresql_where=sa.text("NOT announced"),
    )
    op.create_index(
        "ix_generations_unended_requester",
        "generations",
        ["guild_id", "requester_id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_generations_task",
        "generations",
        ["provider", "task_id"],
        unique=True,
        sqlite_where=sa.text("task_id IS NOT NULL"),
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_index(
        "uq_generations_video_message",
        "generations",
        ["video_message_id"],
        unique=True,
        sqlite_where=sa.text("video_message_id IS NOT NULL"),
        postgresql_where=sa.text("video_message_id IS NOT NULL"),
    )
    op.create_table(
        "generation_events",
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "revision", name="pk_generation_events"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_generation_events_generation_id"
        ),
    )


def _books() -> None:
    op.create_table(
        "accounts",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *_pots(),
        sa.Column("resets", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("last_hold_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name="pk_accounts"),
        *_balanced("accounts"),
    )
    op.create_table(
        "ledger",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("generation_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        *_pots(),
        sa.Column("resets", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sa.UniqueConstraint("generation_id", "kind", name="uq_ledger_generation_id_kind"),
        sa.CheckConstraint(
            "(generation_id IS NOT NULL) = (kind IN ('hold', 'close'))", name="ck_ledger_generation"
        ),
        sa.CheckConstraint("kind IN ('hold', 'close', 'grant', 'reset')", name="ck_ledger_kind"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_ledger_generation_id"
        ),
        *_balanced("ledger"),
    )
    op.create_index("ix_ledger_member", "ledger", ["guild_id", "user_id", "resets", "counted_at"])
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
    )
    op.create_index("ix_provider_spend_at", "provider_spend", ["at"])


def _forbid_changes() -> None:
    """The ledger is only ever added to; the database itself sees to it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the ledger is append-only'
                    USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """)
        op.execute("""
            CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger
            FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()
        """)
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(f"""
            CREATE TRIGGER ledger_no_{change.lower()} BEFORE {change} ON ledger
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
        """)
