"""The machine a figure comes from: what a process computed, how slow it was meanwhile."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Machine:
    """How slow the machine is meanwhile: how late this process is, how long the disk takes.

    ``late``: beyond a sleep of 10 ms; ``synced``: 4 KB written and on the disk. What is measured
    contains both.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "probe.bin"
        self.late: list[float] = []
        self.synced: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._sync())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            await ended(task)

    async def _look(self) -> None:
        while True:
            due = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            self.late.append(time.perf_counter() - due)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.synced.append(await asyncio.to_thread(self._write))

    def _write(self) -> float:
        began = time.perf_counter()
        with self._path.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        return time.perf_counter() - began


async def ended(task: asyncio.Task[None] | None) -> None:
    """End a task, if there is one."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
