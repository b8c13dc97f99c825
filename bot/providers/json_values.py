"""Tolerant reading of what providers answer: JSON of any shape in, plain values or None out.

Owns the small readers and nothing else; none of them raises, whatever it is given. What a value
means is the adapters' business.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_LONGEST_TEXT = 300
_LINK = re.compile(r"(?i)[a-z][a-z0-9+.-]{1,15}://\S+|data:[\w.+-]+/[\w.+-]+\S*")
_TOKEN = re.compile(r"(?i)\b(bearer\s+)\S+|\bsk-[A-Za-z0-9_-]{8,}")
_LONGEST_ID = 255
_FIRST_YEAR = 2000


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for anything else. The first object of a list stands for the list."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Sequence[Any]:
    """A list; a single value that is not None becomes a list of itself."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def text(value: Any) -> str:
    """A string or a whole number as a trimmed string; "" for anything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return ""


def number(value: Any) -> float | None:
    """A finite number, also one written as a string ("12.5", "40 %"); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip().removesuffix("%")
    try:
        read = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def seconds(value: Any) -> int | None:
    """A time span in whole seconds, at most a day; None for anything else."""
    read = number(value)
    return round(read) if read is not None and 0 < read <= 86_400 else None


def milliseconds(value: Any) -> int | None:
    """A time span given in seconds, as milliseconds; None for anything else."""
    read = number(value)
    return round(read * 1000) if read is not None and 0 < read <= 86_400 else None


def percent(value: Any) -> int | None:
    """A progress, held to 0 … 100; None for anything else."""
    read = number(value)
    return None if read is None else round(min(max(read, 0.0), 100.0))


def micro_usd(value: Any, *, per_usd: float = 1.0) -> int | None:
    """An amount of which ``per_usd`` make one dollar, in micro-USD; None if it is none."""
    read = number(value)
    if read is None or not 0 <= read <= 10**9:
        return None
    return round(read / per_usd * 1_000_000)


def moment(value: Any) -> datetime | None:
    """A time, given in Unix seconds, milliseconds or ISO 8601; None for anything else.

    A time before the year 2000 is a zero that stands for "not known".
    """
    read = number(value)
    found = None
    try:
        if read is not None:
            found = datetime.fromtimestamp(read / 1000 if read > 10**11 else read, UTC)
        elif isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            found = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is not None and found.year >= _FIRST_YEAR else None


def http_date(value: str) -> datetime | None:
    """A date of an HTTP header (RFC 9110, 5.6.7), aware; None for anything else."""
    try:
        found = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def task_id(value: Any) -> str:
    """A task's id: any short string or whole number, opaque; "" for anything else.

    Dots alone are none: they would mean another place in a path.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**_LONGEST_ID else ""
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = str(int(value))
    read = value.strip() if isinstance(value, str) else ""
    fits = 0 < len(read) <= _LONGEST_ID and read.isprintable() and read.strip(".")
    return read if fits else ""


def first_id(*values: Any) -> str:
    """The first of these values that is a task's id; "" if none is."""
    return next(filter(None, map(task_id, values)), "")


def excerpt(value: Any, *secrets: str) -> str:
    """A provider's own words, fit to keep: no links or keys, one line of at most 300 signs."""
    read = value if isinstance(value, str) else text(value)
    for secret in secrets:
        if secret:
            read = re.sub(re.escape(secret), "…", read, flags=re.IGNORECASE)
    read = " ".join("".join(c if c.isprintable() else " " for c in read[:4000]).split())
    read = _TOKEN.sub("…", _LINK.sub("…", read))
    return read if len(read) <= _LONGEST_TEXT else read[: _LONGEST_TEXT - 1] + "…"
