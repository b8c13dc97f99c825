"""PostgreSQL: ordinary transactions from a pool, repeated when the server gave one up for another.

Owns the pool and its settings. Knows no query.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import URL, exc
from sqlalchemy.ext.asyncio import create_async_engine

from bot.domain.errors import StorageUnavailable
from bot.storage import schema
from bot.storage.failures import is_refused_write, is_undone_by_another, translating
from bot.storage.transaction import SqlTransaction

T = TypeVar("T")

_CONNECTIONS = 10
_ANSWER_WITHIN_S = 30
_STATEMENT_WITHIN_S = 15
_TRIES = 5


class PostgresBackend:
    """A server, shared by as many processes as there are."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=_ANSWER_WITHIN_S,
            pool_pre_ping=True,
            connect_args={"timeout": _STATEMENT_WITHIN_S, "command_timeout": _STATEMENT_WITHIN_S},
        )
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def migrate(self) -> tuple[str | None, str]:
        """Bring the database to the newest schema; others who try wait for an advisory lock."""
        with translating():
            async with self._engine.begin() as connection:
                return await connection.run_sync(schema.upgrade)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Nothing runs beside the callers here; the pool is closed at the end."""
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()

    async def transact(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work``, again when a deadlock or a conflict undid it."""
        for _ in range(_TRIES - 1):
            try:
                return await self._transact_once(work)
            except StorageUnavailable as error:
                cause = error.__cause__
                if not (isinstance(cause, exc.DBAPIError) and is_undone_by_another(cause)):
                    raise
        return await self._transact_once(work)

    async def read(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` on a snapshot."""
        with translating():
            async with (
                asyncio.timeout(_ANSWER_WITHIN_S),
                self._snapshots.connect() as connection,
            ):
                try:
                    return await work(SqlTransaction(connection))
                except exc.DBAPIError as error:
                    if is_refused_write(error):
                        raise RuntimeError("a read may not write") from error
                    raise

    async def _transact_once(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        with translating():
            async with asyncio.timeout(_ANSWER_WITHIN_S), self._engine.begin() as connection:
                return await work(SqlTransaction(connection))
