"""Migrating a database to the newest schema, with the migrations in this package.

This module owns how Alembic is called: in this process, on our connection, inside a transaction
that holds a lock, without an ``alembic.ini``. The migrations are in ``migrations/versions``.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from bot.domain.errors import StorageUnavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = int.from_bytes(b"retake")
"""The advisory lock for migrations on PostgreSQL. On SQLite the transaction is the lock."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """Return the schema revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise FileNotFoundError(f"no migrations in {_MIGRATIONS}")
    return head


def revision(connection: Connection) -> str | None:
    """Return the schema revision of a database; None if it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Apply missing migrations inside the caller's transaction; return (before, after).

    Raises:
        StorageUnavailable: the database was made by a newer Retake.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    newest = newest_revision()
    before = revision(connection)
    if before != newest:
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, newest)
        except CommandError as error:
            raise StorageUnavailable(
                f"the database has schema {before}, which this version of Retake does not know"
            ) from error
    return before, newest
