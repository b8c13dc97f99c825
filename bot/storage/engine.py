"""Opening, closing, migrating and copying a database of either kind.

This module chooses the backend by the URL. It knows no queries and no drivers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.domain.errors import StorageUnavailable
from bot.domain.ports.clock import Clock
from bot.storage import sqlite
from bot.storage.postgres import PostgresBackend
from bot.storage.sqlite import ReadOnlySqlite, SqliteBackend
from bot.storage.transaction import SqlTransaction
from bot.storage.unreadable import SetAside

T = TypeVar("T")


PATIENCE_S = 30.0
"""How long a transaction may take before the database counts as not answering, in seconds."""


class Backend(Protocol):
    """The operations that differ between the databases."""

    set_aside: SetAside

    async def migrate(self) -> tuple[str | None, str]:
        """Migrate it to the newest schema; return the revisions (before, after)."""
        ...

    def working(self) -> AbstractAsyncContextManager[None]:
        """Run until the context ends, which finishes all requested work and closes the database."""
        ...

    async def close(self) -> None:
        """Close a database that was only migrated."""
        ...

    async def transact(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` in a writing transaction."""
        ...

    async def read(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` on a snapshot."""
        ...


class SqlStorage:
    """The storage port over SQL. It is open between ``start`` and ``close``, or as a context."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._working: AsyncExitStack | None = None

    async def start(self) -> None:
        """Migrate the database to the newest schema and start.

        Raises:
            StorageUnavailable: it cannot be opened; ``reason`` is a sentence for the operator.
        """
        await self._backend.migrate()
        working = AsyncExitStack()
        await working.enter_async_context(self._backend.working())
        self._working = working

    async def close(self) -> None:
        """Finish every requested transaction, then close. Closing twice is harmless."""
        working, self._working = self._working, None
        if working is not None:
            await working.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def transact(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` in a write transaction. It commits on return and rolls back on errors.

        Raises:
            StorageUnavailable: the database did not answer.
        """
        self._check_open()
        return await self._backend.transact(work)

    async def read(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` on a consistent snapshot.

        Raises:
            StorageUnavailable: the database did not answer.
            RuntimeError: ``work`` tried to write.
        """
        self._check_open()
        return await self._backend.read(work)

    def set_aside(self) -> Mapping[str, str]:
        """Return the rows that could not be read since the start, each with its reason."""
        return self._backend.set_aside.rows()

    def _check_open(self) -> None:
        if self._working is None:
            raise StorageUnavailable("the database is not open")


def open_storage(url: str, *, clock: Clock, patience_s: float = PATIENCE_S) -> SqlStorage:
    """Return the storage for a URL (``sqlite:///data/retake.db``, ``postgresql://…``), not started.

    Raises:
        ValueError: no such kind of database, or no file named.
    """
    return SqlStorage(_backend(url, clock, patience_s))


def look_into(url: str, *, clock: Clock, patience_s: float = PATIENCE_S) -> SqlStorage:
    """Return the storage of a database next to a running bot, read only on SQLite.

    Raises:
        ValueError: no such kind of database, or no file named.
    """
    path = _sqlite_path(url)
    if path is None:
        return open_storage(url, clock=clock, patience_s=patience_s)
    return SqlStorage(ReadOnlySqlite(path, clock=clock, patience_s=patience_s))


async def migrate(url: str, *, clock: Clock) -> tuple[str | None, str]:
    """Migrate a database to the newest schema; return the revisions (before, after).

    Raises:
        ValueError: no such kind of database, or no file named.
        StorageUnavailable: it cannot be opened.
    """
    backend = _backend(url, clock, PATIENCE_S)
    revisions = await backend.migrate()
    await backend.close()
    return revisions


async def backup(url: str, destination: Path) -> None:
    """Copy a SQLite database to a new file, consistently even while a bot uses it.

    Raises:
        ValueError: not SQLite; a database server has its own tools.
        FileExistsError: the destination exists.
        StorageUnavailable: it cannot be read, or the copy cannot be written.
    """
    path = _sqlite_path(url)
    if path is None:
        raise ValueError("only SQLite is copied by Retake; use pg_dump for PostgreSQL")
    await asyncio.to_thread(sqlite.copy, path, destination)


def _backend(url: str, clock: Clock, patience_s: float) -> Backend:
    path = _sqlite_path(url)
    if path is not None:
        return SqliteBackend(path, clock=clock, patience_s=patience_s)
    address = make_url(url).set(drivername="postgresql+asyncpg")
    return PostgresBackend(address, clock=clock, patience_s=patience_s)


def _sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("the database's URL cannot be understood") from error
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return None
    if kind != "sqlite":
        raise ValueError(f"no such kind of database: {kind}")
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("SQLite needs a file: sqlite:///data/retake.db")
    return Path(parsed.database)
