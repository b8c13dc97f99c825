"""aiosqlite with one round trip to its thread per statement instead of four, or with none.

aiosqlite creates a cursor, runs the statement, fetches and closes in four separate trips to its
thread, and each trip takes longer than most statements. Results here are small, so they are fetched
in the same trip that runs the statement.

The writer's statements need no trip at all: they take microseconds, while each trip waits for the
next turn of the event loop, which takes milliseconds in a busy bot, and users wait for some twenty
of them in a row. Only slow operations use the thread: BEGIN (another process may hold the file) and
COMMIT (the disk).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Self

import aiosqlite

_ROWS_AT_ONCE = 64  # of aiosqlite's iteration, which nobody here uses


class OneTripCursor:
    """The part of a cursor that SQLAlchemy uses, for one statement at a time."""

    arraysize = 1

    def __init__(self, connection: "OneTripConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement and fetch all its rows."""
        await self._connection.trip(self._run, operation, parameters)

    async def fetchall(self) -> list[Any]:
        """Return the rows of the statement."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: the cursor holds no resources."""

    def _run(self, cursor: sqlite3.Cursor, operation: str, parameters: Sequence[Any]) -> None:
        cursor.execute(operation, parameters)
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        # After fetching, because only then SQLite knows how many rows RETURNING has changed.
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid


class OneTripConnection(aiosqlite.Connection):
    """aiosqlite's connection with the cursor above.

    ``here`` is true if statements run in the caller's thread and one task uses the connection.
    """

    def __init__(self, database: str, *, here: bool = False, **settings: Any) -> None:
        if here:
            settings["check_same_thread"] = False
        super().__init__(lambda: sqlite3.connect(database, **settings), _ROWS_AT_ONCE)
        self._here = here
        # A connection that was left open must not keep the program from ending.
        self._thread.daemon = True

    def cursor(self) -> OneTripCursor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return a cursor, without a trip to the thread."""
        return OneTripCursor(self)

    async def trip(self, run: Any, operation: str, parameters: Sequence[Any]) -> None:
        """Run a function on a native SQLite cursor."""
        if self._here and not operation.startswith("BEGIN"):
            self._with_cursor(run, operation, parameters)
            return
        await self._execute(self._with_cursor, run, operation, parameters)

    def _with_cursor(self, run: Any, operation: str, parameters: Sequence[Any]) -> None:
        cursor = self._conn.cursor()
        try:
            run(cursor, operation, parameters)
        finally:
            cursor.close()
