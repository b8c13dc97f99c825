"""EvoLink's error codes and their meaning, by the vendor's pages and official client."""

from collections.abc import Mapping

from bot.domain.errors import Code
from bot.providers.json_api import GONE
from bot.providers.response_errors import REJECTED, UNAVAILABLE, ErrorMeaning

_BALANCE = ErrorMeaning(code=Code.PROVIDER_BALANCE)
_MODERATED = ErrorMeaning(code=Code.MODERATED)

_MODERATION: Mapping[str, ErrorMeaning] = {
    "content_policy_violation": _MODERATED,
    "content_filter": _MODERATED,
    "sensitive_content": _MODERATED,
    "moderation_blocked": _MODERATED,
    "input_moderation_failed": _MODERATED,
}

CALL_CODES: Mapping[str, ErrorMeaning] = {
    **_MODERATION,
    "insufficient_quota": _BALANCE,
    "insufficient_user_quota": _BALANCE,
    "quota_not_enough": _BALANCE,
    "key_quota_exhausted": _BALANCE,
    "token_daily_quota_exceeded": _BALANCE,
    "model_access_denied": ErrorMeaning(code=Code.PROVIDER_MODEL_ACCESS),
    "no_available_channel": UNAVAILABLE,
    "model_unavailable": UNAVAILABLE,
    "channel_selection_failed": UNAVAILABLE,
    "service_unavailable": UNAVAILABLE,
    # By the pages, the limit of requests or of running tasks: it lasts a moment.
    "quota_exceeded": ErrorMeaning(
        code=Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=2.0
    ),
    "idempotency_conflict": REJECTED,
    "paid_outcome_unknown": UNAVAILABLE,
}
"""The codes of refused calls."""

GONE_CODES: Mapping[str, ErrorMeaning] = {
    "invalid_task_id": GONE,
    "task_not_found": GONE,
    "resource_not_found": GONE,
}
"""The codes that mean "no such task" in the response to a query."""

TASK_FAILED = ErrorMeaning(code=Code.PROVIDER_FAILED)
"""The meaning of a failed task with an unknown code."""

TASK_CODES: Mapping[str, ErrorMeaning] = {
    **_MODERATION,
    "invalid_parameters": REJECTED,
    "image_processing_error": REJECTED,
    "image_dimension_mismatch": REJECTED,
    # The task expired.
    "resource_not_found": GONE,
    "request_cancelled": TASK_FAILED,
    "service_error": ErrorMeaning(code=Code.PROVIDER_FAILED, retryable=True),
    "unknown_error": ErrorMeaning(code=Code.PROVIDER_FAILED, retryable=True),
    "generation_timeout": ErrorMeaning(code=Code.PROVIDER_TIMEOUT, retryable=True),
    "quota_exceeded": ErrorMeaning(
        code=Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=2.0
    ),
    "resource_exhausted": ErrorMeaning(
        code=Code.PROVIDER_UNAVAILABLE, retryable=True, retry_after=180.0
    ),
    "service_unavailable": ErrorMeaning(
        code=Code.PROVIDER_UNAVAILABLE, retryable=True, retry_after=120.0
    ),
    # The same request fails again; another prompt may succeed.
    "generation_failed_no_content": ErrorMeaning(code=Code.NO_VIDEO),
}
"""The codes of tasks that failed after they were accepted."""
