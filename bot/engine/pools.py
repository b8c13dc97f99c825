"""Bounded concurrency: jobs of one kind share a pool and wait while it is full.

This module only counts. All jobs run inside the given TaskGroup.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any

Job = Callable[[], Coroutine[Any, Any, None]]


class Pool(StrEnum):
    """The kinds of work, each with its own limit."""

    SUBMIT = "submit"
    POLL = "poll"
    FETCH = "fetch"
    POST = "post"
    TELL = "tell"


POOL_SIZES: Mapping[Pool, int] = {
    Pool.SUBMIT: 16,
    Pool.POLL: 16,
    Pool.FETCH: 8,
    # Eight uploads at once cost little memory and fill any link (see docs/decisions).
    Pool.POST: 8,
    Pool.TELL: 8,
}


class Pools:
    """Runs jobs in order of arrival, at most ``POOL_SIZES`` of a kind at once."""

    def __init__(self, group: asyncio.TaskGroup, widths: Mapping[Pool, int] = POOL_SIZES) -> None:
        self._group = group
        self._sizes = widths
        self._waiting: dict[Pool, deque[Job]] = {pool: deque() for pool in Pool}
        self._running: dict[Pool, set[asyncio.Task[None]]] = {pool: set() for pool in Pool}
        self._closed = False

    def run(self, pool: Pool, job: Job) -> None:
        """Start a job now, or when its pool has room."""
        self._waiting[pool].append(job)
        self._pump(pool)

    def active(self, *pools: Pool) -> set[asyncio.Task[None]]:
        """Return the running tasks of these pools."""
        return set().union(*(self._running[pool] for pool in pools))

    def close(self) -> None:
        """Start no more jobs and drop the waiting ones."""
        self._closed = True
        for line in self._waiting.values():
            line.clear()

    def cancel(self) -> None:
        """Cancel all running jobs."""
        for task in self.active(*Pool):
            task.cancel()

    def _pump(self, pool: Pool) -> None:
        line, running = self._waiting[pool], self._running[pool]
        while line and len(running) < self._sizes[pool] and not self._closed:
            task = self._group.create_task(line.popleft()())
            running.add(task)
            task.add_done_callback(lambda done, pool=pool: self._done(pool, done))

    def _done(self, pool: Pool, task: asyncio.Task[None]) -> None:
        self._running[pool].discard(task)
        self._pump(pool)
