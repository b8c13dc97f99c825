"""Group commit: the one task that writes to SQLite runs jobs in order and commits them in groups.

This module owns the queue, the savepoint of each job and the shared COMMIT. It knows nothing of
files, settings or queries.

A job runs in this task and not in its caller's, so that a caller's cancellation never interrupts a
statement; a job that no caller waits for is rolled back. Results are delivered only after the
COMMIT; if that fails, every job of the group has failed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.ports.clock import Clock
from bot.storage import schema
from bot.storage.failures import ANY_DATABASE_ERROR, is_driver_error, reason_of
from bot.storage.transaction import SqlTransaction
from bot.storage.unreadable import SetAside

T = TypeVar("T")

_LARGEST_GROUP = 64
_SHORT_GROUP_S = 0.01

_working: ContextVar[bool] = ContextVar("working", default=False)


@dataclass(kw_only=True, eq=False)
class _Job:
    """One waiting transaction, and the future of its result.

    ``committing`` is true if its COMMIT has begun: from then on it may take effect in any case.
    """

    work: Callable[[SqlTransaction], Awaitable[Any]]
    outcome: asyncio.Future[Any]
    committing: bool = False

    async def run(self, transaction: SqlTransaction) -> tuple[Any]:
        """The result as a 1-tuple, so that it cannot be mistaken for an exception."""
        _working.set(True)
        return (await self.work(transaction),)

    def succeed(self, result: Any) -> None:
        """Tell the caller, if it still waits."""
        if not self.outcome.done():
            self.outcome.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell the caller, if it still waits."""
        if not self.outcome.done():
            self.outcome.set_exception(error)

    def unavailable(self, reason: str) -> StorageUnavailable:
        """Return the error for the caller: the database did not answer."""
        accepted = Accepted.UNKNOWN if self.committing else Accepted.NO
        return StorageUnavailable(reason, accepted=accepted)


class Writer:
    """A queue of jobs, and the connection that they run on."""

    def __init__(self, engine: AsyncEngine, clock: Clock, set_aside: SetAside) -> None:
        self._engine = engine
        self._set_aside = set_aside
        self._clock = clock
        self._last_commit_s = 0.0
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._connection: AsyncConnection | None = None
        self._stopping = False

    async def open(self) -> tuple[str | None, str]:
        """Connect and migrate the database to the newest schema; return (before, after)."""
        connection = await self._connected()
        async with connection.begin():
            return await connection.run_sync(schema.upgrade)

    async def submit(self, work: Callable[[SqlTransaction], Awaitable[T]], *, within: float) -> T:
        """Run ``work`` and commit, within ``within`` seconds in total.

        Raises:
            StorageUnavailable: it was rolled back, unless ``accepted`` is UNKNOWN.
        """
        if _working.get():
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        if self._stopping:
            raise StorageUnavailable("the database is closed")
        job = _Job(work=work, outcome=asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        try:
            async with asyncio.timeout(within):
                return await job.outcome
        except TimeoutError:
            raise job.unavailable(f"no answer within {within:.0f} seconds") from None

    def stop(self) -> None:
        """Have ``run`` finish the queued jobs and return."""
        self._stopping = True
        self._jobs.put_nowait(None)

    async def run(self) -> None:
        """Work until ``stop``."""
        try:
            while (job := await self._jobs.get()) is not None:
                await self._run_group(job)
        finally:
            self._stopping = True
            while not self._jobs.empty():
                if (job := self._jobs.get_nowait()) is not None:
                    job.fail(job.unavailable("the database was closed"))
            await self.disconnect()

    async def disconnect(self) -> None:
        """Close the connection, rolling back what is not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._engine.connect()
        return self._connection

    async def _run_group(self, first: _Job) -> None:
        group = [first]
        try:
            await self._transact(await self._connected(), group)
        except ANY_DATABASE_ERROR as error:
            # The connection may be in any state: a full disk rolls a transaction back by itself.
            for job in group:
                job.fail(job.unavailable(reason_of(error)))
            await self.disconnect()
        except asyncio.CancelledError:
            for job in group:
                job.fail(job.unavailable("the database was closed"))
            raise

    async def _transact(self, connection: AsyncConnection, group: list[_Job]) -> None:
        """Run queued jobs up to a size and a time, commit, and deliver their results.

        The time limit is the duration of the last commit: with a slow disk, jobs that are left out
        wait for another commit, which costs them more than they cost the first job.
        The first job needs no savepoint: if it fails, there is nothing else to keep.
        """
        until = self._clock.monotonic() + max(_SHORT_GROUP_S, self._last_commit_s)
        (job,) = group
        if job.outcome.done():
            return
        transaction = await connection.begin()
        outcome = await _run(job, SqlTransaction(connection, self._set_aside))
        if isinstance(outcome, BaseException):
            await transaction.rollback()
            job.fail(outcome)
            return
        done = [(job, outcome)]
        while len(group) < _LARGEST_GROUP and self._clock.monotonic() < until:
            if (job := self._next()) is None:
                break
            group.append(job)
            savepoint = await connection.begin_nested()
            outcome = await _run(job, SqlTransaction(connection, self._set_aside))
            if isinstance(outcome, BaseException):
                await savepoint.rollback()
                job.fail(outcome)
            else:
                await savepoint.commit()
                done.append((job, outcome))
        began = self._clock.monotonic()
        for job, _ in done:
            job.committing = True
        await transaction.commit()
        self._last_commit_s = self._clock.monotonic() - began
        for job, (result,) in done:
            job.succeed(result)

    def _next(self) -> _Job | None:
        """Return the next job that a caller waits for, or None if there is none yet."""
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is None:
                self._jobs.put_nowait(None)  # the end: for ``run`` to find, behind nothing else
                return None
            if not job.outcome.done():
                return job
        return None


async def _run(job: _Job, transaction: SqlTransaction) -> tuple[Any] | BaseException:
    """Return the job's result as a 1-tuple, or the reason to roll it back."""
    [outcome] = await asyncio.gather(job.run(transaction), return_exceptions=True)
    if job.outcome.cancelled():
        return asyncio.CancelledError()
    if isinstance(outcome, BaseException) and is_driver_error(outcome):
        refusal = job.unavailable(reason_of(outcome))
        refusal.__cause__ = outcome
        return refusal
    return outcome
