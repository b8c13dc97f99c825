"""A provider named the task: from here on the generation runs.

Owns what is written then. Which task it is, and how that is known, is for the callers to judge.
"""

from dataclasses import dataclass, replace

from bot.domain.generation import Generation, State, Task
from bot.domain.ports.provider import Submission
from bot.engine.context import Ports
from bot.engine.in_flight import Flights, InFlight
from bot.engine.steps import Next
from bot.engine.timing import Timing
from bot.engine.transitions import Transitions


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """The step from a submission to a running task."""

    ports: Ports
    flights: Flights
    timing: Timing
    transitions: Transitions

    async def accepted(self, live: InFlight, submission: Submission) -> Next:
        """The task exists: write that down and go on to watch it."""
        now = live.mark(self.ports.clock)
        self.flights.queue.took_task(
            task_of(live.generation).provider, self.ports.clock.monotonic()
        )
        live.misses = 0
        live.reading = None
        live.generation = await self.transitions.record(
            live.generation,
            lambda g: replace(
                g,
                state=State.RUNNING,
                strikes=0,
                failure=None,
                task=replace(
                    task_of(g),
                    task_id=submission.task_id,
                    submitted_at=now,
                    estimated_seconds=submission.estimated_seconds,
                    named=(),
                ),
            ),
        )
        return Next(after=await self.timing.start(live))


def task_of(generation: Generation) -> Task:
    """The task of a generation that has one."""
    if generation.task is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a task")
    return generation.task


def with_names(task: Task, fresh: Generation) -> Task:
    """A task as a step means to save it, with what callbacks have named by now."""
    return replace(task, named=task_of(fresh).named)
