"""Which files of the media directory go: those kept long enough, and the oldest of too many.

Decides and removes; which files are still needed is told by the caller.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

LASTING = ("copies", "videos", "inputs")
"""The folders of files that last; copies can be made again."""
PASSING = ("partial", "scratch")
FOLDERS = (*LASTING, *PASSING)

_LEFTOVERS = timedelta(days=1)
_FRESH = timedelta(days=1)
"""A file this young may be needed by a request that is not written down yet."""
_FRESH_COPY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    path: Path
    size: int
    modified: float


def remove_old(root: Path, now: datetime, older_than: timedelta, needed: Collection[str]) -> int:
    """Remove files kept longer than that, and leftovers of broken work; return how many."""
    removed = 0
    for folder in FOLDERS:
        passing = folder in PASSING
        oldest = now - (min(_LEFTOVERS, older_than) if passing else older_than)
        for path, status in _entries(root / folder):
            if status.st_mtime >= oldest.timestamp() or _is_needed(path, needed):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
    return removed


def shrink(root: Path, now: datetime, most: int, needed: Collection[str]) -> int:
    """Remove the oldest files until at most ``most`` bytes are kept; return how many bytes went."""
    kept = sorted(_files(root), key=lambda file: file.modified)
    total = sum(file.size for file in kept)
    gone = 0
    for file in kept:
        if total - gone <= most:
            break
        fresh = _FRESH_COPY if file.path.parent.name == "copies" else _FRESH
        if file.modified < (now - fresh).timestamp() and not _is_needed(file.path, needed):
            file.path.unlink(missing_ok=True)
            gone += file.size
    return gone


def size(root: Path) -> int:
    """Return how many bytes are kept."""
    return sum(file.size for file in _files(root))


def _files(root: Path) -> Iterator[_Kept]:
    for folder in LASTING:
        for path, status in _entries(root / folder):
            yield _Kept(path=path, size=status.st_size, modified=status.st_mtime)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The entries of a folder that are still there: others work in it at the same time."""
    for path in folder.iterdir():
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        yield path, status


def _is_needed(path: Path, needed: Collection[str]) -> bool:
    """A copy is needed as long as what it was made from."""
    if path.parent.name == "copies":
        return f"videos/{path.name.partition('.')[0]}.mp4" in needed
    return f"{path.parent.name}/{path.name}" in needed
