"""The words that providers use for the state of a task: one list for all of them.

The same word means the same everywhere, and providers change theirs without notice.
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
    """Return the status word of a task, "" where it has none."""
    return next(filter(None, (_word(task.get(name)) for name in _FIELDS)), "")


def _word(value: Any) -> str:
    """Return a status word in lower case, with ``_`` between its parts.

    What it is the status of says nothing: TASK_STATUS_SUCCEEDED is "succeeded".
    """
    parts = json_values.text(value).lower().replace("-", " ").replace("_", " ").split()
    while len(parts) > 1 and parts[0] in _ABOUT:
        del parts[0]
    return "_".join(parts)


def is_completed(word: str) -> bool:
    """Return whether a word says by itself that the task is done."""
    return word in _COMPLETED


def state_of(word: str, *, has_video: bool) -> TaskState:
    """Return the state that a word means.

    A word that nobody knows means that the task is still active, unless its video is there: a link
    is a result under any word that does not say that the task ended otherwise.
    """
    if word in _FAILED:
        return TaskState.FAILED
    if word in _CANCELLED:
        return TaskState.CANCELLED
    if word in _COMPLETED or has_video:
        return TaskState.COMPLETED
    return TaskState.ACTIVE
