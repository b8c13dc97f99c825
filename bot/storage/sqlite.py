"""SQLite: one writer with group commit, and separate readers.

This module owns connections and their settings. It knows no queries; ``group_commit`` owns how jobs
share a commit.

One connection writes, in one task, so no transaction waits for a lock. It is also the only one that
checkpoints: SQLite before 3.51.3 can corrupt a write-ahead log that two connections write and
checkpoint at once.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from bot.domain.errors import StorageUnavailable
from bot.domain.ports.clock import Clock
from bot.storage import schema
from bot.storage.aiosqlite_cursor import OneTripConnection
from bot.storage.failures import is_refused_write, translating
from bot.storage.group_commit import Writer
from bot.storage.transaction import SqlTransaction
from bot.storage.unreadable import SetAside

T = TypeVar("T")

_OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
_APPLICATION_ID = int.from_bytes(b"retk")
_READERS = 4
_BUSY_TIMEOUT_S = 5
_SETTINGS = {
    "synchronous": "FULL",
    "foreign_keys": "ON",
    # Deleted content is overwritten, not only marked as free.
    "secure_delete": "ON",
    "journal_size_limit": str(64 * 1024 * 1024),
}


class SqliteBackend:
    """A database file."""

    def __init__(self, path: Path, *, clock: Clock, patience_s: float) -> None:
        self._path = path
        self._patience_s = patience_s
        self.set_aside = SetAside()
        self._write_engine = _engine(path, write=True)
        self._read_engine = _engine(path, write=False)
        self._writer = Writer(self._write_engine, clock, self.set_aside)
        self._reading = asyncio.Semaphore(_READERS)

    async def migrate(self) -> tuple[str | None, str]:
        """Open the file for writing and migrate it to the newest schema.

        Raises:
            StorageUnavailable: with the file's name and what is wrong with it.
        """
        _check_path(self._path)
        try:
            with translating():
                return await self._writer.open()
        except StorageUnavailable as error:
            await self.close()
            raise StorageUnavailable(f"{self._path}: {error.facts['reason']}") from error

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the writer; at the end wait for all reads and all queued jobs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._writer.run(), name="storage writer")
            try:
                yield
            finally:
                for _ in range(_READERS):
                    await self._reading.acquire()
                # The writer's connection is closed last, because the last one checkpoints.
                await self._read_engine.dispose()
                self._writer.stop()

    async def close(self) -> None:
        """Close a file that was only migrated."""
        await self._writer.disconnect()

    async def transact(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` in the writer's next group."""
        return await self._writer.submit(work, within=self._patience_s)

    async def read(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` on a snapshot."""
        with translating():
            async with (
                asyncio.timeout(self._patience_s),
                self._reading,
                self._read_engine.connect() as connection,
            ):
                try:
                    return await work(SqlTransaction(connection, self.set_aside))
                except exc.DBAPIError as error:
                    if is_refused_write(error):
                        raise RuntimeError("a read may not write") from error
                    raise


class ReadOnlySqlite(SqliteBackend):
    """A database file that another process uses. It is only read here, never written."""

    async def migrate(self) -> tuple[str | None, str]:
        """Check that it has the schema that this code needs.

        Raises:
            StorageUnavailable: it does not, or it cannot be opened.
        """
        _check_path(self._path)
        newest = schema.newest_revision()
        try:
            with translating():
                async with self._read_engine.connect() as connection:
                    before = await connection.run_sync(schema.revision)
        except StorageUnavailable as error:
            await self._read_engine.dispose()
            raise StorageUnavailable(f"{self._path}: {error.facts['reason']}") from error
        if before != newest:
            await self._read_engine.dispose()
            raise StorageUnavailable(
                f"{self._path}: the bot that runs has schema {before}, this version of Retake has"
                f" {newest}"
            )
        return before, newest

    async def transact(
        self,
        work: Callable[[SqlTransaction], Awaitable[T]],  # noqa: ARG002 - refused whatever it is
    ) -> T:
        """Refuse to write."""
        raise RuntimeError("another process writes here")


def copy(path: Path, destination: Path) -> None:
    """Copy a database file, consistently even while a bot uses it. It blocks: run it in a thread.

    Raises:
        FileExistsError: the destination exists.
        StorageUnavailable: it cannot be read, or the copy cannot be written.
    """
    if destination.exists():
        raise FileExistsError(f"{destination} exists already")
    part = destination.with_name(destination.name + ".part")
    with translating():
        part.unlink(missing_ok=True)
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        with closing(source), closing(sqlite3.connect(part)) as target:
            source.execute("PRAGMA query_only = ON")
            source.backup(target)
        part.rename(destination)


def _make_ours(cursor: Any) -> None:
    """Switch to a write-ahead log, and set the application id of a new file."""
    cursor.execute("PRAGMA application_id")
    (signed,) = cursor.fetchone()
    if signed not in {0, _APPLICATION_ID}:
        raise OSError("it belongs to another program")
    cursor.execute("PRAGMA journal_mode = WAL")
    (mode,) = cursor.fetchone()
    if mode != "wal":
        raise OSError(f"it cannot have a write-ahead log there (journal mode {mode})")
    if not signed:
        cursor.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


def _check_path(path: Path) -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StorageUnavailable(f"SQLite {sqlite3.sqlite_version} is too old, 3.35 is needed")
    if not path.parent.is_dir():
        raise StorageUnavailable(f"{path}: the directory {path.parent} does not exist")
    if path.is_dir():
        raise StorageUnavailable(f"{path} is a directory, not a database file")


def _engine(path: Path, *, write: bool) -> AsyncEngine:
    """Return an engine whose transactions we begin ourselves: IMMEDIATE for the writer."""
    url = URL.create("sqlite+aiosqlite", database=str(path))
    # isolation_level None: the driver begins nothing by itself.
    arguments: dict[str, Any] = {
        "isolation_level": None,
        "timeout": _BUSY_TIMEOUT_S,
        "async_creator_fn": partial(OneTripConnection, here=write),
    }
    if write:
        engine = create_async_engine(url, connect_args=arguments, poolclass=NullPool)
    else:
        engine = create_async_engine(
            url,
            connect_args=arguments,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=_READERS,
            max_overflow=0,
        )
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"
    settings = _SETTINGS if write else _SETTINGS | {"query_only": "ON"}

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for name, value in settings.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        if write:
            _make_ours(cursor)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(begin)
        cursor.close()

    return engine
