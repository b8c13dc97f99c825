"""Rows that cannot be read.

This module owns the record of them. A list leaves such a row out; a query for that row alone raises
an error that names it. Nothing is repaired here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from bot.domain.errors import RowUnreadable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """The replacement for a column's value that cannot be read."""

    reason: str


class SetAside:
    """The rows that were found to be unreadable since the start of the process."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def note(self, error: RowUnreadable) -> None:
        """Record a row, and log it the first time."""
        if error.row not in self._reasons:
            self._reasons[error.row] = error.reason
            log.error("row_unreadable", row=error.row, reason=error.reason)

    def rows(self) -> Mapping[str, str]:
        """Return each of them with the reason why it cannot be read."""
        return dict(self._reasons)


def check_readable(row: str, values: Mapping[str, object]) -> None:
    """Raise ``RowUnreadable`` if a value of a row could not be read.

    Raises:
        RowUnreadable: with the first such column.
    """
    for column, value in values.items():
        if isinstance(value, Unreadable):
            raise RowUnreadable(row, reason=f"{column}: {value.reason}")
