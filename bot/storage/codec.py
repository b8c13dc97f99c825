"""How values of the domain are kept in a column: exact times and JSON documents.

This module owns the two column types that translate. It knows nothing of tables or queries.

A value that cannot be read becomes ``Unreadable``, so that one damaged row does not break a whole
list; code that builds a value from a row must check for it.

Documents are kept as text, not as ``jsonb``: a request's body must come back with its keys in the
order they were written, because it may have to be sent again byte for byte.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from bot.storage.unreadable import Unreadable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time as integer microseconds since 1970: exact, and sortable in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return microseconds; a time without a time zone is an error."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return the time."""
        del dialect
        if value is None:
            return None
        try:
            return _EPOCH + value * _MICROSECOND
        except (TypeError, OverflowError) as error:
            return _unreadable(error)


class Document(TypeDecorator[Any]):
    """A value of the domain as JSON text, validated when it is read.

    Fields with their default value are left out to save space. A default must therefore never
    change; add a field instead. Unknown keys are ignored, so that rows survive an upgrade and a
    downgrade.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return JSON; None means no document."""
        del dialect
        return (
            None
            if value is None
            else self._adapter.dump_json(value, exclude_defaults=True).decode()
        )

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read and validate JSON."""
        del dialect
        if value is None:
            return None
        try:
            return self._adapter.validate_json(value)
        except (ValueError, TypeError) as error:
            return _unreadable(error)


def _unreadable(error: Exception) -> Unreadable:
    """Return the replacement for the value: the first line of the reason, without the value."""
    lines = str(error).splitlines()
    return Unreadable(reason=lines[0][:200] if lines else type(error).__name__)
