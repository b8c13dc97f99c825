"""The task of a generation is known: from here on it runs.

This module owns what is saved then. The callers decide which task it is.
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
        """Save the task and start polling it."""
        now = live.mark(self.ports.clock)
        self.flights.queue.took_task(
            task_of(live.generation).provider, self.ports.clock.monotonic()
        )
        live.misses = 0
        live.reading = None
        live.generation = await self.transitions.record(
            live.generation,
            state=State.RUNNING,
            strikes=0,
            failure=None,
            task=replace(
                task_of(live.generation),
                task_id=submission.task_id,
                submitted_at=now,
                estimated_seconds=submission.estimated_seconds,
                named=(),
            ),
        )
        return Next(after=await self.timing.start(live))


def task_of(generation: Generation) -> Task:
    """Return the task of a generation that has one."""
    if generation.task is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a task")
    return generation.task
