"""Deleting uploaded files at a provider when their task no longer needs them."""

from bot.domain.generation import Generation, Task
from bot.domain.late import MAY_COME_LATE
from bot.engine.context import Ports


def are_over(generation: Generation) -> bool:
    """Return True if a generation and its task have ended, so that no file is needed."""
    failure = generation.failure
    return generation.ended and (failure is None or failure.code not in MAY_COME_LATE)


async def release(ports: Ports, task: Task | None) -> None:
    """Delete the files that a provider holds for a task."""
    if task is not None and task.uploads and task.provider in ports.providers.names():
        await ports.providers.get(task.provider).release(task.uploads)
