"""Every table of the database, for both backends, as the newest migration leaves them.

This module owns names, types, keys and checks; a test compares them with the migrations.
Snowflakes and money are big integers, times are integer microseconds, documents are JSON text.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.domain.catalogue import Plan, ProviderName
from bot.domain.generation import Failure, Park, Place, Posting, Result, Task
from bot.domain.limits import COUNTED, Limits
from bot.domain.media import StoredMedia
from bot.domain.request import VideoRequest
from bot.storage.codec import Document, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only where the type is spelled INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")


def insert_into(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the backend's insert. Both have ON CONFLICT, but SQLAlchemy has no common form."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("versions", Integer, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("parent_id", Text, ForeignKey("generations.id")),
    Column("parent_version", Integer),
    Column("request_key", Text, nullable=False),
    Column("guild_id", BigInteger, nullable=False),
    Column("requester_id", BigInteger, nullable=False),
    Column("locale", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("owner_id", Text),
    Column("attempt", Integer, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("abandoned", Boolean, nullable=False),
    Column("announced", Boolean, nullable=False),
    Column("provider", Text, nullable=False),
    Column("task_id", Text),
    Column("video_message_id", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("pruned_at", UtcDateTime),
    Column("request", Document(VideoRequest), nullable=False),
    Column("plan", Document(Plan), nullable=False),
    Column("place", Document(Place), nullable=False),
    Column("task", Document(Task)),
    Column("result", Document(Result)),
    Column("file", Document(StoredMedia)),
    Column("posting", Document(Posting)),
    Column("failure", Document(Failure)),
    Column("park", Document(Park)),
    Column("refused_by", Document(tuple[ProviderName, ...]), nullable=False),
    UniqueConstraint("request_key"),
    UniqueConstraint("conversation_id", "version"),
    CheckConstraint(
        "(ended_at IS NOT NULL) ="
        " (state IN ('delivered', 'failed', 'cancelled', 'expired', 'undeliverable'))",
        name="ended",
    ),
)

_UNENDED = text("ended_at IS NULL")
_HAS_TASK = text("task_id IS NOT NULL AND pruned_at IS NULL")
_HAS_VIDEO = text("video_message_id IS NOT NULL")
ENDED_WITHOUT_VIDEO = text("state IN ('failed', 'expired', 'undeliverable')")
"""The exact condition of the partial index, so that SQLite uses it."""

Index(
    "uq_generations_task",
    generations.c.provider,
    generations.c.task_id,
    unique=True,
    sqlite_where=_HAS_TASK,
    postgresql_where=_HAS_TASK,
)
Index(
    "uq_generations_video_message",
    generations.c.video_message_id,
    unique=True,
    sqlite_where=_HAS_VIDEO,
    postgresql_where=_HAS_VIDEO,
)
Index(
    "ix_generations_unannounced",
    generations.c.created_at,
    generations.c.id,
    # Each is written as SQLAlchemy writes the query, because SQLite compares the text.
    sqlite_where=text("announced = 0"),
    postgresql_where=text("NOT announced"),
)
Index(
    "ix_generations_unended_requester",
    generations.c.guild_id,
    generations.c.requester_id,
    sqlite_where=_UNENDED,
    postgresql_where=_UNENDED,
)
Index(
    "ix_generations_requester",
    generations.c.guild_id,
    generations.c.requester_id,
    generations.c.created_at,
)
Index(
    "ix_generations_unowned",
    generations.c.created_at,
    generations.c.id,
    sqlite_where=text("announced = 0 AND owner_id IS NULL"),
    postgresql_where=text("NOT announced AND owner_id IS NULL"),
)
_KEPT = text("ended_at IS NOT NULL AND pruned_at IS NULL")
Index("ix_generations_kept", generations.c.ended_at, sqlite_where=_KEPT, postgresql_where=_KEPT)
Index(
    "ix_generations_lost",
    generations.c.ended_at,
    sqlite_where=ENDED_WITHOUT_VIDEO,
    postgresql_where=ENDED_WITHOUT_VIDEO,
)

generation_events = Table(
    "generation_events",
    metadata,
    Column("generation_id", Text, ForeignKey("generations.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

generation_inputs = Table(
    "generation_inputs",
    metadata,
    Column("path", Text, primary_key=True),
    Column("generation_id", Text, ForeignKey("generations.id"), primary_key=True),
    sqlite_with_rowid=False,
)
Index("ix_generation_inputs_generation", generation_inputs.c.generation_id)

UNITS = COUNTED
BUCKETS = ("available", "held", "spent", "granted")
"""Where units can be. Every ledger row moves units between them, so its deltas add up to zero."""

BUCKET_COLUMNS = tuple(f"{unit}_{bucket}" for unit in UNITS for bucket in BUCKETS)


class EntryKind(StrEnum):
    """The kinds of ledger rows. A generation has at most one hold and one close."""

    HOLD = "hold"
    CLOSE = "close"
    GRANT = "grant"
    RESET = "reset"


def _buckets() -> list[Column[Any]]:
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in BUCKET_COLUMNS]


def total_of(unit: str) -> str:
    """Return the SQL of a row's sum over all buckets of a unit, which must be 0."""
    return " + ".join(f"{unit}_{bucket}" for bucket in BUCKETS)


def _balanced(unit: str) -> CheckConstraint:
    return CheckConstraint(f"{total_of(unit)} = 0", name=f"{unit}_balanced")


accounts = Table(
    "accounts",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    *_buckets(),
    # How often the usage was reset. Counting, unlike a time, cannot tie with a hold.
    Column("resets", Integer, nullable=False, server_default="0"),
    Column("last_hold_at", UtcDateTime),
    *(_balanced(unit) for unit in UNITS),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger, nullable=False),
    Column("generation_id", Text, ForeignKey("generations.id")),
    Column("kind", Text, nullable=False),
    *_buckets(),
    # Both rows of a generation carry the count and the time of its hold, so that usage in a
    # period is one sum.
    Column("resets", Integer, nullable=False),
    Column("counted_at", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("generation_id", "kind"),
    CheckConstraint("kind IN ('hold', 'close', 'grant', 'reset')", name="kind"),
    CheckConstraint("(generation_id IS NOT NULL) = (kind IN ('hold', 'close'))", name="generation"),
    *(_balanced(unit) for unit in UNITS),
)
Index("ix_ledger_member", ledger.c.guild_id, ledger.c.user_id, ledger.c.resets, ledger.c.counted_at)

provider_spend = Table(
    "provider_spend",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("generation_id", Text, ForeignKey("generations.id"), nullable=False),
    Column("micro_usd", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)

guild_settings = Table(
    "guild_settings",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("limits", Document(Limits)),
)

member_settings = Table(
    "member_settings",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("limits", Document(Limits), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Document(dict[str, Any]), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("beat_at", UtcDateTime, nullable=False),
)

task_durations = Table(
    "task_durations",
    metadata,
    Column("id", _Serial, primary_key=True),
    Column("key", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
Index("ix_task_durations_key", task_durations.c.key, task_durations.c.id)
