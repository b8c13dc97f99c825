"""The task of a generation is known: from here on it runs.

This module owns what is saved then. The callers decide which task it is.
"""

from dataclasses import replace

from bot.domain.generation import Generation, State, Task
from bot.domain.ports.provider import Submission
from bot.engine.in_flight import InFlight
from bot.engine.steps import Next, Steps


async def accepted(steps: Steps, live: InFlight, submission: Submission) -> Next:
    """Save the task and start polling it."""
    now, task = live.mark(steps.ports.clock), task_of(live.generation)
    steps.flights.queue.took_task(task.provider, steps.ports.clock.monotonic())
    live.misses = 0
    live.reading = None
    live.generation = await steps.transitions.record(
        live.generation,
        state=State.RUNNING,
        strikes=0,
        failure=None,
        task=replace(
            task,
            task_id=submission.task_id,
            submitted_at=now,
            estimated_seconds=submission.estimated_seconds,
            named=(),
        ),
    )
    return Next(after=await steps.timing.start(live))


def task_of(generation: Generation) -> Task:
    """Return the task of a generation that has one."""
    if generation.task is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a task")
    return generation.task
