"""When two restarts are the same restart: everything that what follows can depend on, as a value.

A bot that starts has no memory. What it does is given by the rows of its database, the files, what
stands in Discord and at the providers, the time, what people are still to do, and which crashes are
still to come. Two walks that agree in all of these go on alike and end alike, so one of them
is enough. Whatever is found here and not understood is an error, never left out.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

import pytest

from bot.domain import ids
from tests.fakes.ports import OwnedClock

ONLY_RECORDS = frozenset({"polls", "posts", "specs", "sizes", "alerts"})
"""What the fakes write down for those who look later. Nothing that happens depends on it, and no
story's checks.
"""

_PLAIN = (str, bytes, int, float, bool, type(None), datetime, timedelta, Path)


def state(folder: Path, *others: Any) -> bytes:
    """The database and the files in a folder, and all that can be reached from ``others``."""
    found = (_rows(folder / "retake.db"), _files(folder / "media"), _Reader().value(others))
    return hashlib.blake2b(repr(found).encode(), digest_size=16).digest()


@contextmanager
def numbered_ids(number: Callable[[int], bytes]) -> Iterator[None]:
    """Where an id takes chance, ``number`` stands instead: chance would make all states differ."""
    with pytest.MonkeyPatch.context() as patch:
        for make in (ids.new_generation_id, ids.new_conversation_id, ids.new_worker_id):
            patch.setattr(make, "__defaults__", (number,))
        yield


def _rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute(
            "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        queries = ('SELECT rowid, * FROM "{}" ORDER BY rowid', 'SELECT * FROM "{}"')
        # A table without numbered rows is read in the order of its key.
        return [
            (name, database.execute(queries[keyed].format(name)).fetchall())
            for name, keyed in tables
        ]


def _files(folder: Path) -> list[Any]:
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


class _Reader:
    """Reads a thing with all that it holds; one met before is named by when it was met."""

    def __init__(self) -> None:
        # The things are kept, so that no other one gets the place in memory of one that is gone.
        self._met: dict[int, tuple[int, Any]] = {}

    def value(self, one: Any) -> Any:
        if isinstance(one, Enum):
            return str(one)
        if isinstance(one, _PLAIN):
            return one
        if isinstance(one, type | CodeType):
            return id(one)
        if (met := self._met.get(id(one))) is not None:
            return ("met", met[0])
        self._met[id(one)] = (len(self._met), one)
        return (type(one).__name__, self._held(one))

    def _held(self, one: Any) -> Any:
        if isinstance(one, Mapping):
            return [(self.value(key), self.value(held)) for key, held in one.items()]
        if isinstance(one, list | tuple):
            return [self.value(held) for held in one]
        if isinstance(one, set | frozenset):
            return sorted(repr(self.value(held)) for held in one)
        if isinstance(one, FunctionType):
            cells = [cell.cell_contents for cell in one.__closure__ or ()]
            return [self.value(held) for held in (one.__code__, one.__defaults__, cells)]
        if isinstance(one, MethodType):
            return [self.value(one.__func__), self.value(one.__self__)]
        if (reported := getattr(one, "distinguished_by", None)) is not None:
            return self.value(reported())
        if isinstance(one, OwnedClock):
            return one.seconds  # its timers are nobody's: whoever waited is gone
        held = {n: v for n, v in vars(one).items() if n not in ONLY_RECORDS}
        return self.value([getattr(one, "args", ()), held])
