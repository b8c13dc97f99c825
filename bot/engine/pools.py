"""Bounded concurrency: jobs of one kind share a lane and wait in line when it is full.

Owns nothing but the counting. All jobs run inside the TaskGroup they are given.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any

Job = Callable[[], Coroutine[Any, Any, None]]


class Lane(StrEnum):
    """Kinds of work that must not crowd each other out."""

    SUBMIT = "submit"
    POLL = "poll"
    FETCH = "fetch"
    POST = "post"
    TELL = "tell"


WIDTHS: Mapping[Lane, int] = {
    Lane.SUBMIT: 16,
    Lane.POLL: 16,
    Lane.FETCH: 8,
    # Eight uploads at once cost little memory and fill any link (see docs/decisions).
    Lane.POST: 8,
    Lane.TELL: 8,
}


class Lanes:
    """Runs jobs, at most so many of a kind at once, first come first served."""

    def __init__(self, group: asyncio.TaskGroup, widths: Mapping[Lane, int] = WIDTHS) -> None:
        self._group = group
        self._widths = widths
        self._lines: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._running: dict[Lane, set[asyncio.Task[None]]] = {lane: set() for lane in Lane}
        self._closed = False

    def run(self, lane: Lane, job: Job) -> None:
        """Start a job now, or when its lane has room."""
        self._lines[lane].append(job)
        self._pump(lane)

    def active(self, *lanes: Lane) -> set[asyncio.Task[None]]:
        """The tasks under way in these lanes."""
        return set().union(*(self._running[lane] for lane in lanes))

    def close(self) -> None:
        """Start nothing more; what waits in line is dropped."""
        self._closed = True
        for line in self._lines.values():
            line.clear()

    def cancel(self) -> None:
        """Cancel all that is under way."""
        for task in self.active(*Lane):
            task.cancel()

    def _pump(self, lane: Lane) -> None:
        line, running = self._lines[lane], self._running[lane]
        while line and len(running) < self._widths[lane] and not self._closed:
            task = self._group.create_task(line.popleft()())
            running.add(task)
            task.add_done_callback(lambda done, lane=lane: self._done(lane, done))

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._running[lane].discard(task)
        self._pump(lane)
