"""aiosqlite with one trip to its thread per statement instead of four, or with none at all.

Owns only that. aiosqlite sends the making of a cursor, the statement, the fetching and the closing
to its thread one by one; every trip there and back costs more than most statements. Results here
are small, so they are fetched in the trip that runs the statement.

The writer's statements need no trip at all: they take microseconds, and each trip has to wait until
the event loop comes round again, which a busy bot does every few milliseconds; people wait for some
twenty of them in a row. What may take long waits in the thread: to begin (another process may
hold the file) and to commit (the disk).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Self

import aiosqlite

_ROWS_AT_ONCE = 64  # of aiosqlite's iteration, which nobody here uses


class OneTripCursor:
    """What SQLAlchemy uses of a cursor for one statement at a time."""

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
        """Run a statement and fetch all it gives."""
        await self._connection.trip(self._run, operation, parameters)

    async def fetchall(self) -> list[Any]:
        """The rows that came with the statement."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is held."""

    def _run(self, cursor: sqlite3.Cursor, operation: str, parameters: Sequence[Any]) -> None:
        cursor.execute(operation, parameters)
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        # Only now: SQLite knows how many rows RETURNING changed when all of them were fetched.
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid


class OneTripConnection(aiosqlite.Connection):
    """aiosqlite's connection with the cursor above.

    ``here``: statements run where they are asked for, and only one task uses the connection.
    """

    def __init__(self, database: str, *, here: bool = False, **settings: Any) -> None:
        if here:
            settings["check_same_thread"] = False
        super().__init__(lambda: sqlite3.connect(database, **settings), _ROWS_AT_ONCE)
        self._here = here
        # One that was left open must not keep the program from ending.
        self._thread.daemon = True

    def cursor(self) -> OneTripCursor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A cursor, without asking the thread."""
        return OneTripCursor(self)

    async def trip(self, run: Any, operation: str, parameters: Sequence[Any]) -> None:
        """Run something on a cursor of SQLite's own."""
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
