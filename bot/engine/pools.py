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
        self._widths = widths
        self._lines: dict[Pool, deque[Job]] = {lane: deque() for lane in Pool}
        self._running: dict[Pool, set[asyncio.Task[None]]] = {lane: set() for lane in Pool}
        self._closed = False

    def run(self, lane: Pool, job: Job) -> None:
        """Start a job now, or when its pool has room."""
        self._lines[lane].append(job)
        self._pump(lane)

    def active(self, *pools: Pool) -> set[asyncio.Task[None]]:
        """Return the running tasks of these pools."""
        return set().union(*(self._running[lane] for lane in pools))

    def close(self) -> None:
        """Start no more jobs and drop the waiting ones."""
        self._closed = True
        for line in self._lines.values():
            line.clear()

    def cancel(self) -> None:
        """Cancel all running jobs."""
        for task in self.active(*Pool):
            task.cancel()

    def _pump(self, lane: Pool) -> None:
        line, running = self._lines[lane], self._running[lane]
        while line and len(running) < self._widths[lane] and not self._closed:
            task = self._group.create_task(line.popleft()())
            running.add(task)
            task.add_done_callback(lambda done, lane=lane: self._done(lane, done))

    def _done(self, lane: Pool, task: asyncio.Task[None]) -> None:
        self._running[lane].discard(task)
        self._pump(lane)
