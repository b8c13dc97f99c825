"""Providers' callbacks: save the id of the named task, and poll the provider now.

This module owns which names are worth a write. If the answer to the POST was lost, a callback may
be the only source of the task's id, and the provider repeats it only until it is answered. The name
is therefore saved before the answer. Nothing in a callback is trusted: ``identity`` decides whether
the task is ours.
"""

from dataclasses import dataclass, replace

import structlog

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Superseded
from bot.domain.generation import Generation, State, Task
from bot.domain.ids import GenerationId, TaskId
from bot.domain.late import may_bring_a_video
from bot.domain.ports.clock import Clock
from bot.domain.ports.storage import Storage, Transaction
from bot.engine.in_flight import Flights
from bot.engine.late_results import LateResults
from bot.engine.transitions import apply
from bot.engine.worker import Scheduler

log = structlog.get_logger(__name__)

NAMES_AT_MOST = 3
"""The most names saved for one task, so that callers cannot fill the database."""

UNANSWERED = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN})
"""States in which the POST has no answer yet."""


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Handles providers' callbacks."""

    storage: Storage
    clock: Clock
    flights: Flights
    scheduler: Scheduler
    late: LateResults

    async def called(
        self, provider: ProviderName, generation_id: GenerationId, task_id: TaskId | None
    ) -> None:
        """Handle a report that a generation's task is done, which may name the task.

        Raises:
            StorageUnavailable: the name may not be saved, the provider has to call again.
            Superseded: likewise.
            RowUnreadable: the generation cannot be read.
        """
        if task_id is not None and await self._saved(provider, generation_id, task_id):
            self.scheduler.wake(generation_id)
        else:
            self.scheduler.callback_received(generation_id)
        if generation_id not in self.flights.live:
            self.late.callback_received(generation_id)

    async def _saved(
        self, provider: ProviderName, generation_id: GenerationId, task_id: TaskId
    ) -> bool:
        """Save a name; return True if it was new."""

        async def work(tx: Transaction) -> Generation | None:
            found = await tx.generations.get(generation_id)
            task = found and _named(found, provider, task_id)
            if found is None or task is None:
                return None
            return await apply(tx, found, at=self.clock.now(), task=task)

        # Most callbacks name nothing new, so they need no write transaction.
        live = self.flights.live.get(generation_id)
        if live is not None and _named(live.generation, provider, task_id) is None:
            return False
        known = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        if known is None or _named(known, provider, task_id) is None:
            return False
        try:
            saved = await self.storage.transact(work)
        except Superseded:  # a step saved in between: look again, once
            saved = await self.storage.transact(work)
        if saved is None:
            return False
        log.info("task_named_by_callback", generation=generation_id, task=task_id)
        self.flights.refresh(saved)
        return True


def _named(generation: Generation, provider: ProviderName, task_id: TaskId) -> Task | None:
    """Return the generation's task with this name; None if the name is not worth a write.

    A new name is saved if the task's id is unknown and the task may still bring a video.
    """
    task = generation.task
    if task is None or task.provider != provider or task.task_id is not None:
        return None
    if task_id in task.named or len(task.named) >= NAMES_AT_MOST:
        return None
    if generation.state not in UNANSWERED and not may_bring_a_video(generation):
        return None
    return replace(task, named=(*task.named, task_id))
