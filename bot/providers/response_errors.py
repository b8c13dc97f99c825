"""The domain error of a response: its code, whether it is retryable, whether a task may exist.

Owns the meaning of HTTP statuses, and reads error envelopes of both shapes. The codes that only one
provider uses come from its adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers import json_values, moderation
from bot.providers.http import JsonResponse

_MAX_WAIT_S = 3600.0
_RATE_LIMIT_WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class ErrorMeaning:
    """What an error means: our code, whether the same call may succeed later, and when."""

    code: Code
    retryable: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Envelope:
    """The parts of an error envelope.

    ``code`` is in lower case, and ``status`` is the code if it is an HTTP status. ``kind`` is the
    type; ``kinds`` are the values of all fields that name a type or a category.
    """

    code: str
    kind: str
    kinds: str
    message: str
    status: int | None


REJECTED = ErrorMeaning(code=Code.PROVIDER_REJECTED)
UNAVAILABLE = ErrorMeaning(code=Code.PROVIDER_UNAVAILABLE, retryable=True)
_MALFORMED = ErrorMeaning(code=Code.PROVIDER_MALFORMED, retryable=True)
_NO_ERROR = frozenset({"", "0", "200", "ok", "success"})

_STATUSES: Mapping[int, ErrorMeaning] = {
    401: ErrorMeaning(code=Code.PROVIDER_AUTH),
    402: ErrorMeaning(code=Code.PROVIDER_BALANCE),
    403: ErrorMeaning(code=Code.PROVIDER_MODEL_ACCESS),
    408: ErrorMeaning(code=Code.PROVIDER_TIMEOUT, retryable=True),
    429: ErrorMeaning(
        code=Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=_RATE_LIMIT_WAIT_S
    ),
    504: ErrorMeaning(code=Code.PROVIDER_TIMEOUT, retryable=True),
}

# Any other 4xx means "not accepted". After a timeout (408), or if our key was used with another
# body (409), a task may exist.
_UNCONFIRMED = frozenset({408, 409})


def meaning_of_status(status: int) -> ErrorMeaning:
    """Return the meaning of an HTTP status if the body says no more."""
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return UNAVAILABLE
    if status >= 400:
        return REJECTED
    return _MALFORMED


def response_error(
    response: JsonResponse,
    *,
    provider: str,
    codes: Mapping[str, ErrorMeaning],
    secret: str,
    now: datetime,
    paid: bool = False,
    statuses: Mapping[int, ErrorMeaning] = MappingProxyType({}),
) -> ProviderError | None:
    """Return the error that a response represents, or None.

    ``codes`` are the meanings of the provider's error codes, ``statuses`` those of HTTP statuses
    that mean something else in this call. ``paid`` is True for the POST that buys a video, the
    only call after which a task may exist.
    """
    envelope = _envelope(response.body)
    good = 200 <= response.status < 300
    if good and response.is_json and (envelope is None or _is_task(response.body, named=paid)):
        return None
    if good and not response.is_json:
        meaning, accepted = _MALFORMED, Accepted.UNKNOWN
    else:
        status = response.status
        if envelope is not None and envelope.status is not None and status < 400:
            status = envelope.status
        meaning = _meaning(status, envelope, codes, statuses)
        accepted = _accepted(status, envelope)
    wait = _retry_after(response, now=now)
    moderated = meaning.code is Code.MODERATED
    return ProviderError(
        meaning.code,
        accepted=accepted if paid else Accepted.NO,
        retryable=meaning.retryable,
        retry_after=meaning.retry_after if wait is None else wait,
        provider=provider,
        status=response.status,
        provider_code=json_values.excerpt(envelope.code, secret)[:80] if envelope else "",
        detail=json_values.excerpt(envelope.message, secret) if envelope else "",
        **(
            moderation.facts(envelope.code, envelope.kinds, envelope.message)
            if envelope and moderated
            else {}
        ),
    )


def _envelope(body: Any) -> _Envelope | None:
    """Read ``{error: {…}}``, ``{error: "…"}``, ``{success: false}`` or ``{code: 4xx or 5xx}``."""
    if not isinstance(body, dict):
        return None
    inner = body.get("error")
    if isinstance(inner, str) and inner.strip():
        inner = {"code": body.get("code"), "message": inner}
    if not isinstance(inner, dict) or not inner:
        number = json_values.number(body.get("code"))
        if body.get("success") is not False and (number is None or not 400 <= number <= 599):
            return None
        inner = body
    code = json_values.text(inner.get("code")).lower()
    kind = json_values.text(inner.get("type")).lower()
    message = json_values.text(inner.get("message")) or json_values.text(inner.get("msg"))
    if inner is not body and code in _NO_ERROR and not kind and not message:
        return None  # an accepted request with an empty envelope
    return _Envelope(
        code=code,
        kind=kind,
        kinds=moderation.kinds(inner),
        message=message,
        status=int(code) if code.isascii() and code.isdigit() and len(code) == 3 else None,
    )


def _meaning(
    status: int,
    envelope: _Envelope | None,
    codes: Mapping[str, ErrorMeaning],
    statuses: Mapping[int, ErrorMeaning],
) -> ErrorMeaning:
    if envelope is None:
        # A page or an empty body comes from an intermediary: it says nothing about the task or the
        # request.
        return UNAVAILABLE if status in {403, 404} else meaning_of_status(status)
    known = codes.get(envelope.code) or codes.get(envelope.kind)
    if known is not None:
        return known
    if 200 <= status < 300:
        return REJECTED
    return statuses.get(status) or meaning_of_status(status)


def _is_task(body: Any, *, named: bool) -> bool:
    """Return True if a body is a task that failed, not a refused call.

    If ``named`` it must have an id too: a refused POST has none.
    """
    if not isinstance(body, dict):
        return False
    status, data = body.get("status"), json_values.mapping(body.get("data"))
    if named and not (json_values.task_ids(body) or json_values.task_ids(data)):
        return False
    return isinstance(status, str) and status != "" and not status.strip().isdigit()


def _retry_after(response: JsonResponse, *, now: datetime) -> float | None:
    """Return the Retry-After header, a number or a date, in seconds from 0 to an hour."""
    value = response.headers.get("retry-after", "").strip()
    wait = json_values.number(value)
    if wait is None and (until := json_values.http_date(value)) is not None:
        wait = (until - now).total_seconds()
    return None if wait is None else min(max(wait, 0.0), _MAX_WAIT_S)


def _accepted(status: int, envelope: _Envelope | None) -> Accepted:
    if envelope is not None and envelope.code == "paid_outcome_unknown":
        return Accepted.UNKNOWN
    if 400 <= status < 500 and status not in _UNCONFIRMED:
        return Accepted.NO
    # An error envelope with a good status says explicitly that nothing was accepted.
    return Accepted.NO if 200 <= status < 300 else Accepted.UNKNOWN
