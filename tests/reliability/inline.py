"""The real SQLite driver without its threads: every statement runs where it is asked for.

With no other thread, what a simulation does depends on nothing but its seed and its script, and a
thousand short lives take a minute instead of an hour. The SQL, the files and the commits are real.
What is compiled and looked up at each start is kept from life to life: it never differs.
"""

import asyncio
import atexit
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from typing import Any

import aiosqlite.core
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bot.storage import open_storage, schema, sqlite
from tests.fakes.ports import OwnedClock

MEMORY = Path("/dev/shm")


class _Here:
    """Stands where the driver keeps its queue: what is put in is done at once."""

    def put_nowait(self, item: tuple[Any, Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed on, as the driver's thread does
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _Nobody:
    """Stands where the driver keeps its thread."""

    daemon = True

    def __init__(self, **_: Any) -> None: ...

    def start(self) -> None: ...


def _revision(connection: Connection) -> str | None:
    """The schema of a file, asked for without Alembic's look at everything else in it."""
    try:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except OperationalError:
        return None  # a new file


_engine = cache(sqlite._engine)
_newest_revision = cache(schema.newest_revision)


@contextmanager
def inline_sqlite() -> Iterator[None]:
    """Connections opened meanwhile have no thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.core, "SimpleQueue", _Here)
        patch.setattr(aiosqlite.core, "Thread", _Nobody)
        patch.setattr(sqlite, "_engine", _engine)
        patch.setattr(schema, "newest_revision", _newest_revision)
        patch.setattr(schema, "revision", _revision)
        yield


def fresh_folder() -> Path:
    """The folder of a new world, with an empty database in it: the same folder each time, so only
    one world of a process is there at a time.
    """
    empty = _empty_database()
    folder = _emptied()
    (folder / "retake.db").write_bytes(empty)
    return folder


@cache
def _folder() -> Path:
    """One folder for all worlds: what is compiled for a database is kept by its name."""
    folder = Path(mkdtemp(prefix="retake-walks-", dir=MEMORY if MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder)
    return folder


def _emptied() -> Path:
    for left in _folder().iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return _folder()


@cache
def _empty_database() -> bytes:
    """A database with the newest schema and no row."""
    file = _emptied() / "retake.db"
    # In a thread of its own: the caller may run an event loop.
    making = Thread(target=lambda: asyncio.run(_make_empty(file)))
    making.start()
    making.join()
    return file.read_bytes()


async def _make_empty(file: Path) -> None:
    with inline_sqlite():
        async with open_storage(f"sqlite:///{file}", clock=OwnedClock()):
            pass
