"""PostgreSQL: transactions from a pool, repeated after a deadlock or a serialization failure.

This module owns the pool and its settings. It knows no queries.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import URL, exc, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.ports.clock import Clock
from bot.storage import schema
from bot.storage.failures import is_refused_write, is_undone_by_another, translating
from bot.storage.transaction import SqlTransaction
from bot.storage.unreadable import SetAside

T = TypeVar("T")

_CONNECTIONS = 10
_CONNECTED_WITHIN_S = 15
_TRIES = 5
_SERVER_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_PAUSE_S = 0.05
"""Seconds before an aborted transaction is repeated, times the number of attempts.

Without a delay it may take its first lock again before the other transaction, which waits for it,
wakes up: then the two deadlock again.
"""


class PostgresBackend:
    """A database server, shared by all processes."""

    def __init__(self, url: URL, *, clock: Clock, patience_s: float) -> None:
        self._clock = clock
        self._url = url
        self._patience_s = patience_s
        self.set_aside = SetAside()
        self._engine = create_async_engine(
            url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=patience_s,
            pool_pre_ping=True,
            connect_args={"timeout": _CONNECTED_WITHIN_S, "command_timeout": patience_s / 2},
        )
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def migrate(self) -> tuple[str | None, str]:
        """Migrate the database to the newest schema; other processes wait for an advisory lock.

        Neither the steps nor the waiting have a time limit: on a large database they take minutes.
        """
        engine = create_async_engine(
            self._url, poolclass=NullPool, connect_args={"timeout": _CONNECTED_WITHIN_S}
        )
        with translating():
            async with engine.begin() as connection:
                for limit in _SERVER_LIMITS:
                    await connection.execute(text(f"SET LOCAL {limit} = 0"))
                return await connection.run_sync(schema.upgrade)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Wait for the end of the context and close the pool. There is no background work."""
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()

    async def transact(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work``, and again if a deadlock or a conflict rolled it back."""
        for tries in range(1, _TRIES):
            try:
                return await self._transact_once(work)
            except StorageUnavailable as error:
                cause = error.__cause__
                if not (isinstance(cause, exc.DBAPIError) and is_undone_by_another(cause)):
                    raise
            await self._clock.sleep(_PAUSE_S * tries * random.uniform(1, 2))
        return await self._transact_once(work)

    async def read(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run ``work`` on a snapshot."""
        with translating():
            async with (
                asyncio.timeout(self._patience_s),
                self._snapshots.connect() as connection,
            ):
                try:
                    return await work(SqlTransaction(connection, self.set_aside))
                except exc.DBAPIError as error:
                    if is_refused_write(error):
                        raise RuntimeError("a read may not write") from error
                    raise

    async def _transact_once(self, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        committing = False
        try:
            with translating():
                async with asyncio.timeout(self._patience_s), self._engine.begin() as connection:
                    result = await work(SqlTransaction(connection, self.set_aside))
                    committing = True
            return result
        except StorageUnavailable as error:
            error.accepted = Accepted.UNKNOWN if committing else Accepted.NO
            raise
