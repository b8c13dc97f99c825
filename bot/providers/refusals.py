"""From a provider's error answer to a domain error: code, retryable or not, accepted or not.

Owns the map of HTTP statuses and the reading of error envelopes of both shapes. The code words that
only one provider uses come from its adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers import json_values, moderation
from bot.providers.http import Answer

_LONGEST_WAIT_S = 3600.0
_RATE_LIMIT_WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class ErrorMeaning:
    """What an error means: our code, whether the same call may succeed later, and when."""

    code: Code
    retryable: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorEnvelope:
    """An error envelope, read. ``code`` is lower-case; ``status`` a code that is an HTTP status.

    ``kind`` is its type, ``kinds`` all that it says of its own kind.
    """

    code: str
    kind: str
    kinds: str
    message: str
    status: int | None


REJECTED = ErrorMeaning(code=Code.PROVIDER_REJECTED)
UNAVAILABLE = ErrorMeaning(code=Code.PROVIDER_UNAVAILABLE, retryable=True)
_NO_ERROR = frozenset({"", "0", "200", "ok", "success"})
_NONSENSE = ErrorMeaning(code=Code.PROVIDER_MALFORMED, retryable=True)

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

# A 4xx is a definite no, but for these: the provider gave up waiting for somebody (408), or it has
# seen our key with another body (409), so that something may have been taken.
_DOUBTFUL = frozenset({408, 409})


def verdict_of_status(status: int) -> ErrorMeaning:
    """What an HTTP status means when no word of the body says more."""
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return UNAVAILABLE
    if status >= 400:
        return REJECTED
    return _NONSENSE


def complaint(body: Any) -> ErrorEnvelope | None:
    """The error in an answer: ``{error: {…}}``, ``{error: "…"}``, ``{success: false}`` or a
    ``{code: 4xx or 5xx}``; None where there is none.
    """
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
        return None  # an empty envelope, there for its shape
    return ErrorEnvelope(
        code=code,
        kind=kind,
        kinds=moderation.kinds(inner),
        message=message,
        status=int(code) if code.isascii() and code.isdigit() and len(code) == 3 else None,
    )


def refusal(
    answer: Answer,
    *,
    provider: str,
    words: Mapping[str, ErrorMeaning],
    secret: str,
    now: datetime,
    paid: bool = False,
    statuses: Mapping[int, ErrorMeaning] = MappingProxyType({}),
) -> ProviderError | None:
    """The error that an answer is, or None when it is none.

    ``words`` maps a provider's error codes to verdicts, ``statuses`` the HTTP statuses that mean
    something of their own in this call. ``paid`` is set for the POST that buys a video: only there
    may something have been accepted.
    """
    envelope = complaint(answer.body)
    good = 200 <= answer.status < 300
    if good and answer.is_json and (envelope is None or _is_task(answer.body, named=paid)):
        return None
    if good and not answer.is_json:
        verdict, accepted = _NONSENSE, Accepted.UNKNOWN
    else:
        status = answer.status
        if envelope is not None and envelope.status is not None and status < 400:
            status = envelope.status
        verdict = _verdict(status, envelope, words, statuses)
        accepted = _accepted(status, envelope)
    wait = retry_after(answer, now=now)
    moderated = verdict.code is Code.MODERATED
    return ProviderError(
        verdict.code,
        accepted=accepted if paid else Accepted.NO,
        retryable=verdict.retryable,
        retry_after=verdict.retry_after if wait is None else wait,
        provider=provider,
        status=answer.status,
        provider_code=json_values.excerpt(envelope.code, secret)[:80] if envelope else "",
        detail=json_values.excerpt(envelope.message, secret) if envelope else "",
        **(
            moderation.facts(envelope.code, envelope.kinds, envelope.message)
            if envelope and moderated
            else {}
        ),
    )


def _verdict(
    status: int,
    envelope: ErrorEnvelope | None,
    words: Mapping[str, ErrorMeaning],
    statuses: Mapping[int, ErrorMeaning],
) -> ErrorMeaning:
    if envelope is None:
        # A page or an empty body in the place of an envelope comes from something in between: it
        # says nothing about the task or the request.
        return UNAVAILABLE if status in {403, 404} else verdict_of_status(status)
    word = words.get(envelope.code) or words.get(envelope.kind)
    if word is not None:
        return word
    if 200 <= status < 300:
        return REJECTED
    return statuses.get(status) or verdict_of_status(status)


def _is_task(body: Any, *, named: bool) -> bool:
    """Whether it is a task that tells its own failure, not a call that failed.

    ``named`` asks for its id as well, without which nothing can have been taken.
    """
    if not isinstance(body, dict):
        return False
    status, data = body.get("status"), json_values.mapping(body.get("data"))
    ids = (source.get(name) for source in (body, data) for name in ("id", "task_id"))
    if named and not json_values.first_id(*ids):
        return False
    return isinstance(status, str) and status != "" and not status.strip().isdigit()


def retry_after(answer: Answer, *, now: datetime) -> float | None:
    """The Retry-After header in seconds, from a number or a date, held to 0 … one hour."""
    value = answer.headers.get("retry-after", "").strip()
    wait = json_values.number(value)
    if wait is None and (until := json_values.http_date(value)) is not None:
        wait = (until - now).total_seconds()
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT_S)


def _accepted(status: int, envelope: ErrorEnvelope | None) -> Accepted:
    if envelope is not None and envelope.code == "paid_outcome_unknown":
        return Accepted.UNKNOWN
    if 400 <= status < 500 and status not in _DOUBTFUL:
        return Accepted.NO
    if 200 <= status < 300:
        # An error envelope under a good status: the provider says explicitly that it took nothing.
        return Accepted.NO
    return Accepted.UNKNOWN
