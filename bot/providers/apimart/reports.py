"""What APIMart reports about a task: its state, links, cost and error."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.errors import Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from bot.providers import json_values, moderation
from bot.providers.json_api import JsonApi
from bot.providers.response_errors import REJECTED, ErrorMeaning, meaning_of_status

# The page's example has a cost of 1.0 and a credits_cost of 10 for the same video.
CREDITS_PER_USD = 10.0

_FAILED = ErrorMeaning(code=Code.PROVIDER_FAILED)


def report_of(task: Mapping[str, Any], *, asked: TaskId, api: JsonApi) -> TaskReport:
    """Return the report of a task.

    Raises:
        ProviderError: PROVIDER_MALFORMED, the task is not the ``asked`` one or has no status.
    """
    state, urls = api.status(task, asked=asked)
    completed = state is TaskState.COMPLETED
    cost = json_values.cost(
        task.get("cost"), task.get("credits_cost"), credits_per_usd=CREDITS_PER_USD
    )
    return TaskReport(
        task_id=asked,
        state=state,
        progress=json_values.percent(task.get("progress")),
        estimated_seconds=json_values.seconds(task.get("estimated_time")),
        urls=urls if completed else (),
        urls_expire_at=_expiry(task) if completed else None,
        cost_micro_usd=cost if completed or cost else None,
        error=_error(state, task.get("error"), cost, api),
        model_id=json_values.text(task.get("model")),
        made_at=json_values.moment(task.get("created")),
    )


def _error(state: TaskState, error: Any, cost: int | None, api: JsonApi) -> ProviderError | None:
    if state is TaskState.FAILED:
        # A failed task is refunded unless it reports a cost.
        fallback = _meaning(json_values.number(json_values.mapping(error).get("code")))
        failure = api.failed(error, codes={}, charged=bool(cost), fallback=fallback)
        return moderation.classified_by_words(failure)
    if state is TaskState.CANCELLED:
        # It counts as charged unless it reports a cost of 0.
        return api.failed(error, codes={}, charged=cost != 0, fallback=_FAILED)
    return None


def _meaning(status: float | None) -> ErrorMeaning:
    if status is not None and (status == 429 or status >= 500):
        retryable = meaning_of_status(int(status)).retryable
        return ErrorMeaning(code=Code.PROVIDER_FAILED, retryable=retryable)
    return REJECTED if status is not None and 400 <= status < 500 else _FAILED


def _expiry(task: Mapping[str, Any]) -> datetime | None:
    result = json_values.mapping(task.get("result"))
    videos = [*json_values.items(result.get("videos")), *json_values.items(result.get("video"))]
    times = (json_values.moment(json_values.mapping(video).get("expires_at")) for video in videos)
    return min((at for at in times if at is not None), default=None)
