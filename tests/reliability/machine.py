"""Trouble with the machine the bot runs on: its database, its disk, its media worker.

Owns how each trouble begins and ends. Where it can be had, it is the real thing: a file system of a
few megabytes that is full, a database that another process has locked.
"""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Trouble(StrEnum):
    """What is wrong for a while, or (the last ones) as long as one video takes."""

    LOCKED = "database locked"
    DATABASE_FULL = "database disk full"
    MEDIA_FULL = "media disk full"
    WORKER_FULL = "worker finds no room"
    WORKER_MISSING = "worker missing"
    WORKER_FAILS = "worker fails"
    WORKER_HANGS = "worker hangs"
    WORKER_CRASHES = "worker crashes"
    WORKER_TALKS = "worker talks nonsense"


WHOLE = frozenset(
    {
        Trouble.WORKER_FAILS,
        Trouble.WORKER_CRASHES,
        Trouble.WORKER_TALKS,
    }
)
"""These last as long as a video takes: trying again later does not help."""

SCRIPT = """#!/bin/sh
mode=$(cat {mode})
[ "$mode" = well ] && exec {real} -P -s -m bot.media.worker "$@"
echo '{{"ready": "{real}"}}'
read -r job
case "$mode" in
"worker fails") echo '{{"fault": "damaged", "detail": "", "facts": {{}}}}';;
"worker hangs") exec sleep 60;;
"worker crashes") kill -SEGV $$;;
"worker finds no room") echo '{{"fault": "disk_full", "detail": "", "facts": {{}}}}';;
"worker talks nonsense") yes nonsense | head -c 3000000;;
esac
"""


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[bool]:
    """A file system of that size at ``path``, where this may be done; whether it could."""
    path.mkdir()
    size = f"size={megabytes}m"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)], check=False, capture_output=True
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(path)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room there; removing the file that is returned makes room again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


@dataclass(kw_only=True)
class Machine:
    """The places where trouble is made."""

    folder: Path
    worker: Path = field(init=False)
    _mode: Path = field(init=False)
    _lock: sqlite3.Connection | None = None
    _filler: Path | None = None

    def __post_init__(self) -> None:
        self._mode = self.folder / "mode"
        self._mode.write_text("well")
        self.worker = self.folder / "worker.sh"
        self.worker.write_text(SCRIPT.format(mode=self._mode, real=sys.executable))
        self.worker.chmod(0o755)

    async def begin(self, trouble: Trouble, *, database: Path, media: Path) -> None:
        match trouble:
            case Trouble.LOCKED:
                self._lock = await asyncio.to_thread(_locked, database)
            case Trouble.DATABASE_FULL:
                self._filler = await asyncio.to_thread(fill, database.parent)
            case Trouble.MEDIA_FULL:
                self._filler = await asyncio.to_thread(fill, media.parent)
            case Trouble.WORKER_MISSING:
                self.worker.rename(self.worker.with_suffix(".away"))
            case _:
                self._mode.write_text(trouble.value)

    async def end(self) -> None:
        """All is well again."""
        self._mode.write_text("well")
        away = self.worker.with_suffix(".away")
        if away.exists():
            away.rename(self.worker)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._filler is not None:
            self._filler.unlink()
            self._filler = None


def _locked(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, timeout=10, isolation_level=None, check_same_thread=False
    )
    connection.execute("BEGIN IMMEDIATE")
    return connection
