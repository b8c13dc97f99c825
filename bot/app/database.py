"""Opening the database, and the lock that keeps a second bot from the same SQLite file."""

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from bot.app.errors import AnotherBotError, CannotRunError
from bot.domain.errors import StorageUnavailable
from bot.ops.clock import SystemClock
from bot.settings import Settings
from bot.storage import SqlStorage, open_storage


def is_sqlite(settings: Settings) -> bool:
    """Return True if the database is a file."""
    return settings.database.url.startswith("sqlite")


def beside_database(settings: Settings, suffix: str) -> Path:
    """Return the path of a file next to SQLite's, with its name and this suffix."""
    return Path(settings.database.url.partition(":///")[2] + suffix)


@contextmanager
def alone_on(settings: Settings) -> Iterator[None]:
    """Lock the SQLite file for this process; on PostgreSQL, do nothing.

    Raises:
        AnotherBotError: a bot is running.
        CannotRunError: the folder cannot be written to.
    """
    if not is_sqlite(settings):
        yield
        return
    path = beside_database(settings, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise CannotRunError(
            f"{path.parent} can't be written to ({error.strerror}): the database is stored there;"
            " set another [database] url or fix the folder's permissions."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherBotError(
                "Another bot is running on this database: stop it first. Several processes need"
                " PostgreSQL, see [database] url."
            ) from None
        yield


@asynccontextmanager
async def open_database(settings: Settings, clock: SystemClock) -> AsyncIterator[SqlStorage]:
    """Open the database and upgrade it to the latest schema.

    Raises:
        CannotRunError: it cannot be opened.
    """
    try:
        storage = open_storage(settings.database.url, clock=clock)
        await storage.start()
    except (StorageUnavailable, ValueError) as error:
        reason = error.facts["reason"] if isinstance(error, StorageUnavailable) else error
        raise CannotRunError(f"The database can't be opened: {reason}.") from None
    try:
        yield storage
    finally:
        await storage.close()
