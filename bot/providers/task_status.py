"""The status words of tasks, in one list for all providers.

A word means the same at every provider, and providers change theirs without notice.
"""

from collections.abc import Mapping
from typing import Any

from bot.domain.ports.provider import TaskState
from bot.providers import json_values

_COMPLETED = frozenset(
    {
        "complete", "completed", "succeed", "succeeded", "success", "successful", "done", "finish",
        "finished",
    }
)  # fmt: skip
_FAILED = frozenset(
    {
        "fail", "failed", "failure", "error", "errored", "rejected", "blocked", "moderated",
        "timeout", "timed_out", "timedout", "expired",
    }
)  # fmt: skip
_CANCELLED = frozenset(
    {"cancel", "cancelled", "canceled", "abort", "aborted", "terminated", "revoked"}
)


_FIELDS = ("status", "state", "task_status")
_ABOUT = frozenset({"task", "job", "status", "state", "video", "generation"})


def word_in(task: Mapping[str, Any]) -> str:
    """Return the status word of a task, or ""."""
    return next(filter(None, (_word(task.get(name)) for name in _FIELDS)), "")


def _word(value: Any) -> str:
    """Return a word in lower case, without a prefix: TASK_STATUS_SUCCEEDED is "succeeded"."""
    parts = json_values.text(value).lower().replace("-", " ").replace("_", " ").split()
    while len(parts) > 1 and parts[0] in _ABOUT:
        del parts[0]
    return "_".join(parts)


def is_completed(word: str) -> bool:
    """Return True if a word alone means that the task is completed."""
    return word in _COMPLETED


def state_of(word: str, *, has_video: bool) -> TaskState:
    """Return the state that a word means.

    An unknown word means that the task is active, or completed if it has a video.
    """
    if word in _FAILED:
        return TaskState.FAILED
    if word in _CANCELLED:
        return TaskState.CANCELLED
    if word in _COMPLETED or has_video:
        return TaskState.COMPLETED
    return TaskState.ACTIVE
