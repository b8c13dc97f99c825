"""What may still be repeated of a request whose answer was lost, by the answers since then."""

from dataclasses import replace

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.generation import Task
from bot.engine.steps.meanings import TURNED_AWAY

REPLAYS = 4
"""So often a request is repeated with its key. More than once, because a crash or a lost answer
may use one up; not for ever, because a key's retention is not known.
"""


def after_post(error: ProviderError, task: Task) -> Task:
    """The task after an answer that left it unknown; not repeated where that tells nothing."""
    pointless = error.code is Code.SUBMIT_UNKNOWN and not error.retryable
    return replace(task, replays=REPLAYS) if pointless else task


def after_repetition(error: ProviderError, before: Task, again: Task) -> Task:
    """The task after a repetition without success, from before it and as it was sent.

    Some answers use no repetition up: a refusal at the door, and that the first request is still
    worked on.
    """
    if error.accepted is Accepted.NO and error.code in TURNED_AWAY:
        return before
    if error.code is Code.SUBMIT_UNKNOWN:
        return after_post(error, replace(again, replays=before.replays))
    return again


def asked_to_wait(error: ProviderError) -> float | None:
    """The seconds after which the provider will know more; None where it does not say so."""
    worked_on = error.code is Code.SUBMIT_UNKNOWN and error.retryable
    return error.retry_after or None if worked_on else None
