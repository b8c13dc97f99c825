"""The refusals of APIMart's paid request whose meaning differs from that of their HTTP status.

Owns the codes of the idempotency service, of a request that could not be built, and of a source
task that no longer exists. Every other refusal keeps the meaning that all providers share.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.errors import Accepted, Code, ProviderError

_NOT_EXECUTED = "idempotency_unavailable"
"""The idempotency service is down, and the page says that nothing was executed."""

_IN_PROGRESS = "idempotency_in_progress"
"""The first request with this key is still in progress: repeat it after Retry-After."""

_UNDECIDABLE = frozenset({"idempotency_result_indeterminate", "idempotency_key_reused"})
"""Repeating the request cannot reveal the outcome of the first one."""

_BAD_PARAMETER = "build_request_failed"
"""A parameter is wrong. The status is 500, but nothing was executed."""

_GONE_SIGNS = ("not found", "not exist", "no such", "expired", "gone", "deleted", "no longer")


def submit_error(error: ProviderError, body: Mapping[str, Any]) -> ProviderError:
    """Return the error of a paid request with the meaning that APIMart gives it.

    PROVIDER_TASK_GONE means that the source task no longer exists and the request was not accepted.
    SUBMIT_UNKNOWN that is not retryable means that repeating the request reveals nothing more.
    """
    if "status" not in error.facts:
        return error  # there was no response
    code = str(error.facts.get("provider_code", ""))
    detail = str(error.facts.get("detail", "")).lower()
    if _says(_NOT_EXECUTED, code, detail):
        return _as(error, Code.PROVIDER_UNAVAILABLE, Accepted.NO, retryable=True)
    if _says(_IN_PROGRESS, code, detail):
        return _as(error, Code.SUBMIT_UNKNOWN, Accepted.UNKNOWN, retryable=True)
    if any(_says(sign, code, detail) for sign in _UNDECIDABLE):
        return _as(error, Code.SUBMIT_UNKNOWN, Accepted.UNKNOWN, retryable=False)
    if code == _BAD_PARAMETER or detail.startswith(_BAD_PARAMETER):
        error = _as(error, Code.PROVIDER_REJECTED, Accepted.NO, retryable=False)
    if error.code is Code.PROVIDER_REJECTED and _source_is_gone(code, detail, body):
        return _as(error, Code.PROVIDER_TASK_GONE, Accepted.NO, retryable=False)
    return error


def _says(sign: str, code: str, detail: str) -> bool:
    return code == sign or sign in detail


def _source_is_gone(code: str, detail: str, body: Mapping[str, Any]) -> bool:
    source = str(body.get("extend_from_task_id", "")).lower()
    if not source:
        return False
    if code in {"task_not_found", "task_not_exist"} or "extend_from_task_id" in detail:
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
