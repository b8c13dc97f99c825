"""What APIMart's refusals of a paid request mean where the HTTP status alone would mislead.

Owns the words of its idempotency service, of a request that could not be built, and of a source
task that is gone. Every other refusal keeps the meaning that all providers share.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.errors import Accepted, Code, ProviderError

_NOT_EXECUTED = "idempotency_unavailable"
"""The idempotency service is down, and the page says that nothing was executed."""

_IN_PROGRESS = "idempotency_in_progress"
"""The first request with this key is still worked on: ask again after Retry-After."""

_UNDECIDABLE = frozenset({"idempotency_result_indeterminate", "idempotency_key_reused"})
"""No repetition of the request can tell what became of the first one."""

_BAD_PARAMETER = "build_request_failed"
"""Comes with status 500, before anything is sent on: a parameter is wrong."""

_GONE_SIGNS = ("not found", "not exist", "no such", "expired", "gone", "deleted", "no longer")


def submit_error(error: ProviderError, body: Mapping[str, Any]) -> ProviderError:
    """The error of a paid request, read by APIMart's own words.

    PROVIDER_TASK_GONE means that the task named as the source is gone and that nothing was taken.
    SUBMIT_UNKNOWN, when it is not retryable, means that repeating the request cannot tell more.
    """
    if "status" not in error.facts:
        return error  # no answer at all
    word = str(error.facts.get("provider_code", ""))
    detail = str(error.facts.get("detail", "")).lower()
    if _says(_NOT_EXECUTED, word, detail):
        return _as(error, Code.PROVIDER_UNAVAILABLE, Accepted.NO, retryable=True)
    if _says(_IN_PROGRESS, word, detail):
        return _as(error, Code.SUBMIT_UNKNOWN, Accepted.UNKNOWN, retryable=True)
    if any(_says(sign, word, detail) for sign in _UNDECIDABLE):
        return _as(error, Code.SUBMIT_UNKNOWN, Accepted.UNKNOWN, retryable=False)
    if word == _BAD_PARAMETER or detail.startswith(_BAD_PARAMETER):
        error = _as(error, Code.PROVIDER_REJECTED, Accepted.NO, retryable=False)
    if error.code is Code.PROVIDER_REJECTED and _source_is_gone(detail, word, body):
        return _as(error, Code.PROVIDER_TASK_GONE, Accepted.NO, retryable=False)
    return error


def _says(sign: str, word: str, detail: str) -> bool:
    return word == sign or sign in detail


def _source_is_gone(detail: str, word: str, body: Mapping[str, Any]) -> bool:
    source = str(body.get("extend_from_task_id", "")).lower()
    if not source:
        return False
    if word in {"task_not_found", "task_not_exist"} or "extend_from_task_id" in detail:
        return True
    named = source in detail or "task" in detail
    return named and any(sign in detail for sign in _GONE_SIGNS)


def _as(error: ProviderError, code: Code, accepted: Accepted, *, retryable: bool) -> ProviderError:
    return ProviderError(
        code,
        accepted=accepted,
        retryable=retryable,
        retry_after=error.retry_after,
        **error.facts,
    )
