"""SQLite serves one bot: the lock that says so."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.app.errors import AnotherBotError, CannotRunError
from bot.settings import Settings


def is_sqlite(settings: Settings) -> bool:
    """Whether the database is a file of this machine."""
    return settings.database.url.startswith("sqlite")


def beside_database(settings: Settings, suffix: str) -> Path:
    """A file next to SQLite's, named after it."""
    return Path(settings.database.url.partition(":///")[2] + suffix)


@contextmanager
def alone_on(settings: Settings) -> Iterator[None]:
    """SQLite serves one bot: a lock beside the file says so, and vanishes with the process."""
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
