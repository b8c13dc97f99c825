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
from tests.contract.storage.samples import OwnedClock, Seeder, raw


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


async def test_it_reports_what_was_and_what_is(tmp_path: Path) -> None:
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
        await Seeder(storage=storage).put()
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


def old_generation(name: str, number: int, prompt: str, deleted_at: str) -> str:
    picture = '{"path": "inputs/' + name + '.png"}'
    values = {
        "id": f"'{name}'",
        "conversation_id": "'c'",
        "version": number,
        "request_key": f"'key:{number}'",
        "guild_id": 1,
        "requester_id": 3,
        "locale": "'de'",
        "state": "'delivered'",
        "revision": 5,
        "attempt": 1,
        "strikes": 0,
        "abandoned": "false",
        "announced": "true",
        "provider": "'evolink'",
        "task_id": f"'task-{number}'",
        "created_at": number,
        "updated_at": 7,
        "ended_at": 8,
        "deleted_at": deleted_at,
        "request": f"""'{{"prompt": "{prompt}", "images": [{picture}], "video": null}}'""",
        "plan": "'{}'",
        "place": "'{}'",
        "task": "'{}'",
        "refused_by": "'[]'",
    }
    reported = ", ".join(map(str, values.values()))
    return f"INSERT INTO generations ({', '.join(values)}) VALUES ({reported})"  # noqa: S608


OLD_ROWS = (
    "INSERT INTO conversations VALUES ('c', 1, 2, 3, false, 'a SECRET title', 4, 5, 2)",
    old_generation("kept", 1, "a word", "NULL"),
    old_generation("gone", 2, "a SECRET word", "9"),
    "INSERT INTO generation_events VALUES ('kept', 0, 'queued', 'w', 1)",
    "INSERT INTO generation_events VALUES ('kept', 5, 'delivered', NULL, 2)",
    "INSERT INTO provider_spend VALUES ('evolink', 'task-1', 'kept', 640000, 8)",
    "INSERT INTO workers VALUES ('w', 1, 2)",
)
"""What a database of the first release holds, as far as the third step touches it."""

NEW_ROWS = {
    "SELECT id, versions FROM conversations": [("c", 2)],
    "SELECT * FROM generation_events ORDER BY revision": [
        ("kept", 0, "queued", 1),
        ("kept", 5, "delivered", 2),
    ],
    "SELECT * FROM provider_spend": [("evolink", "task-1", "kept", 640_000, 8)],
    "SELECT id, beat_at FROM workers": [("w", 2)],
    "SELECT * FROM generation_inputs": [("inputs/kept.png", "kept")],
    "SELECT id, task_id, revision, task IS NULL FROM generations ORDER BY version": [
        ("kept", "task-1", 5, False),
        ("gone", "task-2", 6, True),
    ],
}


async def test_the_rows_of_the_first_release_come_along(
    url: str, clock: OwnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bot.storage.schema.newest_revision", lambda: "0002")
        await _emptied(url)
        await migrate(url, clock=clock)
    await _run(url, *OLD_ROWS)
    assert (await migrate(url, clock=clock))[0] == "0002"
    async with open_storage(url, clock=clock) as storage:
        for question, rows in NEW_ROWS.items():
            assert await storage.read(raw(question)) == rows
        everything = await storage.read(raw("SELECT * FROM generations"))
        assert "SECRET" not in str(everything)


async def _emptied(url: str) -> None:
    if not url.startswith("sqlite"):
        await _run(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


async def _run(url: str, *statements: str) -> None:
    """As another program would."""
    address = url.replace("sqlite:", "sqlite+aiosqlite:").replace(
        "postgresql:", "postgresql+asyncpg:"
    )
    engine = create_async_engine(address)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()
