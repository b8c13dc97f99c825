"""Trouble with the machine the bot runs on: its database, its disk, its ffmpeg.

Owns how each trouble begins and ends. Where it can be had, it is the real thing: a file system of a
few megabytes that is full, a database that another process has locked.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import imageio_ffmpeg


class Trouble(StrEnum):
    """What is wrong for a while, or (the last ones) as long as one video takes."""

    LOCKED = "database locked"
    DATABASE_FULL = "database disk full"
    MEDIA_FULL = "media disk full"
    FFMPEG_FULL = "ffmpeg finds no room"
    FFMPEG_MISSING = "ffmpeg missing"
    FFMPEG_FAILS = "ffmpeg fails"
    FFMPEG_HANGS = "ffmpeg hangs"
    FFMPEG_CRASHES = "ffmpeg crashes"
    FFMPEG_TALKS = "ffmpeg talks nonsense"


WHOLE = frozenset(
    {
        Trouble.FFMPEG_FAILS,
        Trouble.FFMPEG_HANGS,
        Trouble.FFMPEG_CRASHES,
        Trouble.FFMPEG_TALKS,
    }
)
"""These last as long as a video takes: trying again later does not help."""

SCRIPT = """#!/bin/sh
case "$(cat {mode})" in
"ffmpeg fails") echo "Invalid data found when processing input"; exit 1;;
"ffmpeg hangs") exec sleep 60;;
"ffmpeg crashes") kill -SEGV $$;;
"ffmpeg finds no room") echo "av_interleaved_write_frame(): No space left on device"; exit 1;;
"ffmpeg talks nonsense") yes nonsense | head -c 3000000; exit 0;;
esac
exec {real} "$@"
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
    ffmpeg: Path = field(init=False)
    _mode: Path = field(init=False)
    _lock: sqlite3.Connection | None = None
    _filler: Path | None = None

    def __post_init__(self) -> None:
        self._mode = self.folder / "mode"
        self._mode.write_text("well")
        self.ffmpeg = self.folder / "ffmpeg.sh"
        real = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
        self.ffmpeg.write_text(SCRIPT.format(mode=self._mode, real=real))
        self.ffmpeg.chmod(0o755)

    async def begin(self, trouble: Trouble, *, database: Path, media: Path) -> None:
        match trouble:
            case Trouble.LOCKED:
                self._lock = await asyncio.to_thread(_locked, database)
            case Trouble.DATABASE_FULL:
                self._filler = await asyncio.to_thread(fill, database.parent)
            case Trouble.MEDIA_FULL:
                self._filler = await asyncio.to_thread(fill, media.parent)
            case Trouble.FFMPEG_MISSING:
                self.ffmpeg.rename(self.ffmpeg.with_suffix(".away"))
            case _:
                self._mode.write_text(trouble.value)

    async def end(self) -> None:
        """All is well again."""
        self._mode.write_text("well")
        away = self.ffmpeg.with_suffix(".away")
        if away.exists():
            away.rename(self.ffmpeg)
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
