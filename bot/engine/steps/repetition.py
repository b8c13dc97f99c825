"""How often a request with a lost answer may still be repeated."""

from dataclasses import replace

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.generation import Task
from bot.engine.steps.meanings import TURNED_AWAY

REPLAYS = 4
"""How many times a request is repeated with the same key. More than once, because a crash or a lost
answer may use one up; not forever, because the retention of keys is not documented.
"""


def after_post(error: ProviderError, task: Task) -> Task:
    """Return the task after an unknown outcome. It is not repeated if that proves nothing."""
    pointless = error.code is Code.SUBMIT_UNKNOWN and not error.retryable
    return replace(task, replays=REPLAYS) if pointless else task


def after_repetition(error: ProviderError, before: Task, again: Task) -> Task:
    """Return the task after a failed repetition, from the ones before and as sent.

    Some answers use up no repetition: a refusal before the request is read, and the answer that the
    first request is still being processed.
    """
    if error.accepted is Accepted.NO and error.code in TURNED_AWAY:
        return before
    if error.code is Code.SUBMIT_UNKNOWN:
        return after_post(error, replace(again, replays=before.replays))
    return again


def asked_to_wait(error: ProviderError) -> float | None:
    """Return the seconds after which the provider knows more; None if it does not say."""
    worked_on = error.code is Code.SUBMIT_UNKNOWN and error.retryable
    return error.retry_after or None if worked_on else None
