"""What EvoLink reports about a task: its state, links, cost and error."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.errors import ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from bot.providers import json_values, moderation
from bot.providers.evolink.error_codes import TASK_CODES, TASK_FAILED
from bot.providers.json_api import JsonApi

# By the vendor's own client, a dollar is about 68 credits. An amount in dollars is preferred.
CREDITS_PER_USD = 68.0
_RESULTS_LAST = timedelta(hours=24)


def task_in(body: Any) -> Mapping[str, Any]:
    """Return the task in a response, which may be wrapped in ``data``."""
    task = json_values.mapping(body)
    inner = json_values.mapping(task.get("data"))
    wrapped = "id" not in task or ("id" in inner and "status" in inner)
    return inner if inner and wrapped else task


def report_of(task: Mapping[str, Any], *, asked: TaskId, api: JsonApi) -> TaskReport:
    """Return the report of a task.

    Raises:
        ProviderError: PROVIDER_MALFORMED, the task is not the ``asked`` one or has no status.
    """
    state, urls = api.status(task, asked=asked)
    code = json_values.text(json_values.mapping(task.get("error")).get("code")).lower()
    if state in {TaskState.ACTIVE, TaskState.COMPLETED} and not urls and code in TASK_CODES:
        # Some models end without a video under a status word that does not mean a failure.
        state = TaskState.FAILED
    completed = state is TaskState.COMPLETED
    info = json_values.mapping(task.get("task_info"))
    result = json_values.mapping(task.get("result_data"))
    made_at = json_values.moment(task.get("created") or task.get("created_at"))
    return TaskReport(
        task_id=asked,
        state=state,
        progress=json_values.percent(task.get("progress")),
        estimated_seconds=json_values.seconds(info.get("estimated_time")),
        urls=urls if completed else (),
        urls_expire_at=_expiry(made_at, api.now()) if completed and urls else None,
        duration_ms=json_values.milliseconds(info.get("video_duration"))
        or json_values.milliseconds(result.get("duration")),
        cost_micro_usd=_cost(json_values.mapping(task.get("usage"))) if completed else None,
        error=_error(state, task.get("error"), api),
        model_id=json_values.text(task.get("model")),
        made_at=made_at,
    )


def _error(state: TaskState, error: Any, api: JsonApi) -> ProviderError | None:
    if state is TaskState.FAILED:
        failure = api.failed(error, codes=TASK_CODES, charged=False, fallback=TASK_FAILED)
        return moderation.classified_by_words(failure, TASK_CODES)
    if state is TaskState.CANCELLED:
        # No page says whether a cancelled task is refunded.
        return api.failed(error, codes={}, charged=True, fallback=TASK_FAILED)
    return None


def _expiry(made_at: datetime | None, now: datetime) -> datetime:
    """Results last 24 hours from completion. Its time is not reported, the task's creation is."""
    return (now if made_at is None else min(made_at, now)) + _RESULTS_LAST


def _cost(usage: Mapping[str, Any]) -> int | None:
    cost = json_values.mapping(usage.get("cost"))
    credits_used = usage.get("credits_used")
    if credits_used is None:
        credits_used = cost.get("credits")
    return json_values.cost(cost.get("usd"), credits_used, credits_per_usd=CREDITS_PER_USD)
