"""The migrations lead to exactly the tables that the queries are written for."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage import migrate, open_storage
from bot.storage.tables import metadata
from tests.contract.storage.samples import OwnedClock, Shelf, raw


def differences(connection: Any) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return compare_metadata(context, metadata)


def test_nothing_is_left_to_migrate_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'retake.db'}"
    asyncio.run(migrate(url, clock=OwnedClock()))
    engine = create_engine(url)
    with engine.connect() as connection:
        assert differences(connection) == []
        connection.execute(text("DROP INDEX ix_ledger_member"))
        assert len(differences(connection)) == 1, "a difference is seen"
    engine.dispose()


async def test_nothing_is_left_to_migrate_on_postgresql(postgres_url: str) -> None:
    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def schema(path: Path) -> dict[str, list[str]]:
    """Tables and indexes as SQLite wrote them down, in one spelling and order."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_schema"
            " WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name <> 'alembic_version'"
        ).fetchall()
    return {name: sorted(filter(None, re.split(r"\s*[,\n]\s*|\)$", sql))) for name, sql in rows}


def test_checks_keys_and_conditions_are_the_same_too(tmp_path: Path) -> None:
    """What Alembic does not compare."""
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    asyncio.run(migrate(f"sqlite:///{migrated}", clock=OwnedClock()))
    engine = create_engine(f"sqlite:///{created}")
    metadata.create_all(engine)
    engine.dispose()
    assert schema(migrated) == schema(created)
    assert "ck_ledger_videos_balanced" in str(schema(created)["ledger"])


async def test_it_tells_what_was_and_what_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'retake.db'}"
    before, after = await migrate(url, clock=OwnedClock())
    assert before is None
    assert re.fullmatch(r"\d{4}", after)
    assert await migrate(url, clock=OwnedClock()) == (after, after)


async def test_a_folder_whose_name_needs_care(tmp_path: Path) -> None:
    folder = tmp_path / "100% ünser #1"
    folder.mkdir()
    url = f"sqlite:///{folder / 'retake.db'}"
    async with open_storage(url, clock=OwnedClock()) as storage:
        await Shelf(storage=storage).put()
    assert [path.name for path in folder.iterdir()] == ["retake.db"]


async def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are made in one transaction: a second try finds an empty database."""
    url = f"sqlite:///{tmp_path / 'retake.db'}"
    with closing(sqlite3.connect(tmp_path / "retake.db")) as connection:
        connection.execute("CREATE TABLE provider_spend (id INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        await migrate(url, clock=OwnedClock())
    with closing(sqlite3.connect(tmp_path / "retake.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [
            ("provider_spend",)
        ]
        connection.execute("DROP TABLE provider_spend")
    before, _ = await migrate(url, clock=OwnedClock())
    assert before is None


async def test_starting_at_once_on_a_new_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'retake.db'}"
    storages = [open_storage(url, clock=OwnedClock()) for _ in range(3)]
    await asyncio.gather(*(storage.start() for storage in storages))
    for storage in storages:
        assert await storage.read(raw("SELECT COUNT(*) FROM generations")) == [(0,)]
    for storage in storages:
        await storage.close()
