"""Finding the outcome of a POST without an answer.

This module owns the three ways: a callback that names the task, a replay with the same key, and the
provider's list, which may prove that there is no task. No other task is ever assumed to be ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.domain.errors import Code, ProviderError, Superseded
from bot.domain.generation import State, Task
from bot.domain.ids import TaskId
from bot.domain.ports.provider import PreparedTask, Provider, Submission
from bot.engine.identity import OLDER_TASKS, own_task
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, Next, Steps, backoff, repetition
from bot.engine.steps.acceptance import accepted, task_of
from bot.engine.steps.uploads import release
from bot.engine.transitions import Unchanged

log = structlog.get_logger(__name__)

CLOCK_STEP = timedelta(seconds=1)
"""If the system clock differs by more than this, it was set."""


class UnknownSteps(Steps):
    """The steps of ``submit_unknown``, and of ``submitting`` after a restart."""

    async def submitting(self, live: InFlight) -> Next:
        """After a restart the POST may have been sent: never send it as a new one."""
        live.generation = await self.transitions.move(live.generation, state=State.SUBMIT_UNKNOWN)
        return NOW

    async def unknown(self, live: InFlight) -> Next:
        """Find the outcome of the POST.

        A callback or a replay with the key names the task; the list may prove that there is none.
        """
        # A callback may have come to another process, which saved what it names.
        generation = live.generation = await self.lease.fresh(live.generation)
        task = task_of(generation)
        waited = live.seconds_since(task.started_at, self.ports.clock)
        overdue = waited > self.ports.policy.unknown_deadline
        provider = self.ports.providers.get(task.provider)
        named, unchecked = await own_task(self.ports.storage, provider, generation)
        if named is not None:
            return await accepted(self, live, Submission(task_id=named))
        prepared = PreparedTask(model_id=task.model_id, body=task.body, uploads=task.uploads)
        if not overdue and self._may_replay(live, provider):
            answer = await self._replay(live, provider, prepared)
            if answer is not None:
                return answer
        if provider.can_list_tasks and not unchecked:
            answer = await self._look_up(live, provider, prepared, checked=task.named)
            if answer is not None:
                return answer
        if overdue:
            return await self._give_up(live, task)
        live.misses += 1
        return Next(after=backoff(live.misses, first=5.0, longest=60.0))

    def _may_replay(self, live: InFlight, provider: Provider) -> bool:
        """Return True if the request may be sent again with its key.

        A replay is a submission: it respects the provider's pause, and it could pay for a video
        that its requester has dropped.
        """
        generation = live.generation
        if (
            not provider.supports_idempotency_keys
            or task_of(generation).replays >= repetition.REPLAYS
            or generation.abandoned
        ):
            return False
        now = self.ports.clock.monotonic()
        return self.flights.queue.may_submit(generation.id, provider.name, now)

    async def _give_up(self, live: InFlight, task: Task) -> Next:
        """The deadline has passed: notify the requester and leave it to the owner."""
        generation = live.generation
        if generation.abandoned:
            live.generation = await self.transitions.record(
                generation, state=State.CANCELLED, failure=None
            )
            return NOW
        await self.ports.messenger.alert_owner(
            Code.SUBMIT_UNKNOWN, {"provider": task.provider, "generation": generation.id}
        )
        live.generation = await self.transitions.fail(
            generation, Code.SUBMIT_UNKNOWN, provider=task.provider
        )
        return NOW

    async def _replay(
        self, live: InFlight, provider: Provider, prepared: PreparedTask
    ) -> Next | None:
        """Send the same request with the same key: the answer names the task of the first POST.

        Return None if no task was named. A refusal of the repetition proves nothing about the first
        POST: the provider may check the request before the key, a link in it may have expired, and
        the account may have changed.
        """
        before = task_of(live.generation)
        again = replace(before, replays=before.replays + 1, sent_at=live.mark(self.ports.clock))
        live.generation = await self.transitions.move(live.generation, task=again)
        await self.lease.check(live.generation)
        try:
            submission = await provider.submit(prepared, key=before.idempotency_key)
        except ProviderError as error:
            log.warning("replay_failed", generation=live.generation.id, error=str(error))
            self.flights.failed(provider.name, error, self.ports.clock.monotonic())
            kept = repetition.after_repetition(error, before, again)
            if kept is not again:
                live.generation = await self.transitions.record(live.generation, task=kept)
            wait = repetition.asked_to_wait(error)
            return None if wait is None else Next(after=wait)
        return await accepted(self, live, submission)

    async def _look_up(
        self,
        live: InFlight,
        provider: Provider,
        prepared: PreparedTask,
        *,
        checked: Sequence[TaskId],
    ) -> Next | None:
        """Send it as a new request if the provider's list proves that there is no task.

        Return None otherwise. ``checked`` are the named tasks that are not ours; a name that has
        arrived since takes precedence over the list.
        """
        generation, clock = live.generation, self.ports.clock
        task = task_of(generation)
        if task.named != checked:
            raise Superseded
        # With the clock set ahead, the request would look too old and the list would prove
        # absence too early; with it set back, newer tasks in the list would look older.
        sent_at = live.by_the_calendar(task.sent_at or task.started_at, clock)
        since = min(task.started_at, live.by_the_calendar(task.started_at, clock))
        if live.claimed and since < task.started_at - CLOCK_STEP:
            return None  # the clock was set back while we were down, by an unknown amount
        known = await self.ports.storage.read(
            lambda tx: tx.generations.tasks_of_others(
                generation.id, task.provider, since=since - OLDER_TASKS
            )
        )
        try:
            if not await provider.proves_absent(
                prepared, since=since, sent_at=sent_at, known=known
            ):
                return None
        except ProviderError as error:
            log.info("look_up_failed", generation=generation.id, error=str(error))
            return None
        live.generation = await self.transitions.move(
            generation, state=State.QUEUED, task=None, unchanged=Unchanged.ROW
        )
        self.flights.leave_slot(live.generation.id)
        await release(self.ports, task)
        return NOW
