"""How values of the domain are kept in a column: exact times and JSON documents.

Owns the two column types that translate. Knows nothing of tables or queries.

A value that cannot be read becomes ``Unreadable``, so that one damaged row does not take the others
of a list with it; whoever makes something of a row has to look for that.

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
    """An aware time, kept as integer microseconds since 1970: exact and in order everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Count microseconds; a time without a zone is a mistake, not a guess."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Count back."""
        del dialect
        if value is None:
            return None
        try:
            return _EPOCH + value * _MICROSECOND
        except (TypeError, OverflowError) as error:
            return _unreadable(error)


class Document(TypeDecorator[Any]):
    """A value of the domain, kept as JSON text and checked when it comes back.

    What has its default is left out: rows are many, and most fields of most rows say nothing. So a
    default never changes; whoever needs another one adds a field. Keys that the present code does
    not know are passed over, so that a row outlives an upgrade and a step back.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write JSON; None is no document at all."""
        del dialect
        return (
            None
            if value is None
            else self._adapter.dump_json(value, exclude_defaults=True).decode()
        )

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read and check JSON."""
        del dialect
        if value is None:
            return None
        try:
            return self._adapter.validate_json(value)
        except (ValueError, TypeError) as error:
            return _unreadable(error)


def _unreadable(error: Exception) -> Unreadable:
    """What stands in place of the value: the first line of the reason, without the value itself."""
    lines = str(error).splitlines()
    return Unreadable(reason=lines[0][:200] if lines else type(error).__name__)
