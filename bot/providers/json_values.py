"""Tolerant readers of providers' JSON: a value of any shape in, a plain value or None out.

No reader raises, whatever the value. What a value means is known to the adapters.
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
    """Return an object, or an empty one for any other value. A list means its first item."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def unwrapped(body: Any) -> Mapping[str, Any]:
    """Return the object that is wrapped in ``data``, or the body itself if none is."""
    return mapping(mapping(body).get("data")) or mapping(body)


def items(value: Any) -> Sequence[Any]:
    """Return a list; a single value that is not None becomes a list of itself."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def text(value: Any) -> str:
    """Return a string or a whole number as a trimmed string, or "" for any other value."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return ""


def number(value: Any) -> float | None:
    """Return a finite number, or None. A number may be a string ("12.5", "40 %")."""
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
    """Return a duration of at most a day in whole seconds, or None."""
    read = number(value)
    return round(read) if read is not None and 0 < read <= 86_400 else None


def milliseconds(value: Any) -> int | None:
    """Return a duration of at most a day, given in seconds, in milliseconds, or None."""
    read = number(value)
    return round(read * 1000) if read is not None and 0 < read <= 86_400 else None


def percent(value: Any) -> int | None:
    """Return a progress, clamped to 0 … 100, or None."""
    read = number(value)
    return None if read is None else round(min(max(read, 0.0), 100.0))


def micro_usd(value: Any, *, per_usd: float = 1.0) -> int | None:
    """Return an amount in micro-USD, or None. ``per_usd`` units are one dollar."""
    read = number(value)
    if read is None or not 0 <= read <= 10**9:
        return None
    return round(read / per_usd * 1_000_000)


def cost(usd: Any, credits_used: Any, *, credits_per_usd: float) -> int | None:
    """Return a cost in micro-USD, or None: the dollars, or the credits if no dollars are given."""
    dollars = micro_usd(usd)
    return micro_usd(credits_used, per_usd=credits_per_usd) if dollars is None else dollars


def moment(value: Any) -> datetime | None:
    """Return a time, given in Unix seconds, Unix milliseconds or ISO 8601, or None.

    A time before the year 2000 is a zero that means "unknown".
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
    """Return the date in an HTTP header (RFC 9110, 5.6.7), or None."""
    try:
        found = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def task_id(value: Any) -> str:
    """Return the id of a task, any short string or whole number, or "" for any other value.

    Dots alone are not an id: in a path, they would mean another folder.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**_LONGEST_ID else ""
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = str(int(value))
    read = value.strip() if isinstance(value, str) else ""
    fits = 0 < len(read) <= _LONGEST_ID and read.isprintable() and read.strip(".")
    return read if fits else ""


def first_id(*values: Any) -> str:
    """Return the first of these values that is the id of a task, or ""."""
    return next(filter(None, map(task_id, values)), "")


def task_ids(task: Mapping[str, Any]) -> list[str]:
    """Return the ids of a task; some responses hold two."""
    return [found for name in ("id", "task_id") if (found := task_id(task.get(name)))]


def excerpt(value: Any, *secrets: str) -> str:
    """Return a provider's text in one line of at most 300 characters, without links or keys."""
    read = value if isinstance(value, str) else text(value)
    for secret in secrets:
        if secret:
            read = re.sub(re.escape(secret), "…", read, flags=re.IGNORECASE)
    read = " ".join("".join(c if c.isprintable() else " " for c in read[:4000]).split())
    read = _TOKEN.sub("…", _LINK.sub("…", read))
    return read if len(read) <= _LONGEST_TEXT else read[: _LONGEST_TEXT - 1] + "…"
