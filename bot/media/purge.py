"""Removing files of the media directory: old ones, and the oldest ones above a size limit.

The caller knows which files are still needed.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

_KEPT = ("copies", "videos", "inputs")
_TEMPORARY = ("partial", "scratch")
FOLDERS = (*_KEPT, *_TEMPORARY)

_LEFTOVERS = timedelta(days=1)
_FRESH = timedelta(days=1)
"""A file this young may be needed by a request that is not stored yet."""
_FRESH_COPY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    size: int
    modified: float


def remove_old(root: Path, now: datetime, older_than: timedelta, needed: Collection[str]) -> int:
    """Remove files older than that, and leftovers of interrupted jobs; return their number."""
    removed = 0
    for folder in FOLDERS:
        temporary = folder in _TEMPORARY
        oldest = now - (min(_LEFTOVERS, older_than) if temporary else older_than)
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
    """Remove the oldest files until at most ``most`` bytes remain; return the removed bytes."""
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


def kept_bytes(root: Path) -> int:
    """Return the size of all kept files in bytes."""
    return sum(file.size for file in _files(root))


def _files(root: Path) -> Iterator[_File]:
    for folder in _KEPT:
        for path, status in _entries(root / folder):
            yield _File(path=path, size=status.st_size, modified=status.st_mtime)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    # Other processes work in the folder at the same time.
    for path in folder.iterdir():
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        yield path, status


def _is_needed(path: Path, needed: Collection[str]) -> bool:
    # A copy is needed for as long as its original.
    if path.parent.name == "copies":
        return f"videos/{path.name.partition('.')[0]}.mp4" in needed
    return f"{path.parent.name}/{path.name}" in needed
