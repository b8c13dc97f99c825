"""Which task is ours, when a provider's callback names it after the answer to the POST was lost.

This module owns the checks that a named task must pass. The list of the account's tasks is not used
to identify one, because it contains other applications' tasks as well.
"""

from datetime import timedelta

import structlog

from bot.domain.errors import Code, ProviderError
from bot.domain.generation import Generation
from bot.domain.ids import TaskId
from bot.domain.ports.provider import Provider, TaskReport
from bot.domain.ports.storage import Storage

log = structlog.get_logger(__name__)

OLDER_TASKS = timedelta(hours=1)
"""Tasks from this long before a request count as known when the list is checked, because the list
uses the provider's clock.
"""

CLOCKS_DIFFER = timedelta(minutes=10)
"""A provider's clock may be this far behind ours."""


async def is_ours(
    storage: Storage, provider: Provider, generation: Generation, task_id: TaskId
) -> bool:
    """Return True if the task that a callback to this generation's address named can be its own.

    The address is secret and was given to the provider with this one request. The body is checked
    anyway: the task must exist in our account, have the requested model, have been made after the
    request was sent, and belong to no other generation.

    Raises:
        ProviderError: the provider did not answer.
    """
    try:
        report = await provider.query(task_id)
    except ProviderError as error:
        if error.code is Code.PROVIDER_TASK_GONE:
            return False
        raise
    if not _fits(generation, report):
        return False
    other = await storage.read(lambda tx: tx.generations.by_task(provider.name, task_id))
    return other is None or other.id == generation.id


async def own_task(
    storage: Storage, provider: Provider, generation: Generation
) -> tuple[TaskId | None, bool]:
    """Return the first of the named tasks that can be a generation's own, or None.

    The second value is True if one of them could not be checked because the provider did not
    answer. Then None proves nothing.
    """
    unchecked = False
    for task_id in generation.task.named if generation.task is not None else ():
        try:
            if await is_ours(storage, provider, generation, task_id):
                return task_id, False
        except ProviderError as error:
            log.info("named_task_unchecked", generation=generation.id, error=str(error))
            unchecked = True
    return None, unchecked


def _fits(generation: Generation, report: TaskReport) -> bool:
    task = generation.task
    if task is None or report.made_at is None:
        return False
    asked_model = report.model_id in {"", task.model_id}
    return asked_model and report.made_at >= task.started_at - CLOCKS_DIFFER
