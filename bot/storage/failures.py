"""The meaning of a driver's error: the database is unavailable, or our statement is wrong.

This module makes that distinction. It knows no backend's settings and no queries. Our own bugs
(violated constraints, wrong statements) propagate unchanged to the outermost handlers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from bot.domain.errors import StorageUnavailable

DRIVER_ERRORS = (exc.DBAPIError, exc.TimeoutError, sqlite3.Error, OSError)
"""The errors that SQLAlchemy, its pool, a driver or the system raise in a statement."""

ANY_DATABASE_ERROR = (exc.SQLAlchemyError, *DRIVER_ERRORS)
"""These, and SQLAlchemy's errors about a connection that was lost."""

_OUR_MISTAKES = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
_READ_ONLY_TRANSACTION = "25006"
_UNDONE_BY_ANOTHER = frozenset({"40001", "40P01"})


def _sqlstate(error: exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def is_driver_error(error: BaseException) -> bool:
    """Return True if the database failed, and not our statement."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, DRIVER_ERRORS) and not isinstance(error, _OUR_MISTAKES)


def is_refused_write(error: BaseException) -> bool:
    """Return True if a statement tried to write where only reading is allowed."""
    if not isinstance(error, exc.DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorname", None)
    return code == "SQLITE_READONLY" or _sqlstate(error) == _READ_ONLY_TRANSACTION


def is_undone_by_another(error: exc.DBAPIError) -> bool:
    """Return True if PostgreSQL aborted a transaction only because of another one."""
    return _sqlstate(error) in _UNDONE_BY_ANOTHER


def reason_of(error: BaseException) -> str:
    """Return an error as one line, without the statement and its values."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


@contextmanager
def translating() -> Iterator[None]:
    """Raise ``StorageUnavailable`` in place of what a driver raised."""
    try:
        yield
    except DRIVER_ERRORS as error:
        if not is_driver_error(error):
            raise
        raise StorageUnavailable(reason_of(error)) from error
