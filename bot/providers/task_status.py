"""The words that gateways use for the state of a task: one list for all of them.

The same word means the same everywhere, and gateways change theirs without notice.
"""

from typing import Any

from bot.domain.ports.provider import TaskState
from bot.providers import answers

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


def word_of(value: Any) -> str:
    """Return a status word in lower case, with ``_`` between its parts; "" where there is none."""
    return "_".join(answers.text(value).lower().replace("-", " ").replace("_", " ").split())


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
