"""From the queue to a provider's task: status message, a slot, hand-over of media, the paid POST.

Owns the rule that a POST whose outcome is unknown is never repeated blindly, and which refusals let
another provider take over. How a provider is spoken to is its adapter's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.domain.breaker import DOWN, PAUSING
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, ProviderError, Refused, Superseded
from bot.domain.generation import Failure, Generation, Park, ParkReason, State, Task
from bot.domain.ids import TaskId, idempotency_key
from bot.domain.ports.provider import (
    Candidate,
    PreparedTask,
    Provider,
    Submission,
)
from bot.services.board import Board, Live
from bot.services.identity import OLDER_TASKS, is_ours
from bot.services.lease import Lease
from bot.services.outside import Outside
from bot.services.steps import NOW, Next, backoff, repetition
from bot.services.steps.handover import missing_media, task_spec, with_posted_link
from bot.services.steps.meanings import ANOTHER_MAY_TAKE_IT, TELL_THE_OWNER, failure_at
from bot.services.steps.opening import OpeningSteps
from bot.services.steps.uploads import release
from bot.services.stuck import Stage
from bot.services.timing import Timing
from bot.services.transitions import LONGEST_PARK_SECONDS, Transitions

log = structlog.get_logger(__name__)

CLOCK_STEP = timedelta(seconds=1)
"""A calendar that differs by more was set."""


@dataclass(frozen=True, kw_only=True)
class SubmissionSteps:
    """The steps of ``queued``, ``submitting`` and ``submit_unknown``."""

    outside: Outside
    board: Board
    timing: Timing
    transitions: Transitions
    lease: Lease
    opening: OpeningSteps

    async def queued(self, live: Live) -> Next:
        """Show it, wait for a place at a provider, hand the media over, submit."""
        if live.generation.abandoned:
            live.generation = await self.transitions.end(live.generation, State.CANCELLED)
            return NOW
        if not live.status_opened:
            await self.opening.open(live)
        generation = live.generation
        if generation.ended:
            return NOW
        left = self._seconds_left(live)
        if left <= 0 and not self.board.queue.holds(generation.id):
            live.generation = await self._fail_as_refused(generation, Code.DEADLINE)
            return NOW
        parent = await self._parent(generation)
        try:
            candidates = self.outside.providers.candidates(
                generation.request, parent=parent, without=generation.refused_by
            )
        except Refused as refusal:
            live.generation = await self._fail_as_refused(generation, refusal.code, **refusal.facts)
            return NOW
        queue = self.board.queue
        candidates = sorted(candidates, key=lambda c: c.provider == live.avoid)
        if (reason := queue.hopeless(c.provider for c in candidates)) is not None:
            live.generation = await self._fail_as_refused(generation, reason)
            return NOW
        now = self.outside.clock.monotonic()
        provider = queue.take(generation, [c.provider for c in candidates], now)
        if provider is None:
            if generation.park is not None:
                live.generation = await self.transitions.move(
                    generation, lambda g: replace(g, park=None)
                )
            return Next(after=max(left, 0.0), waiting=True)
        candidate = next(c for c in candidates if c.provider == provider)
        return await self._hand_over(live, candidate, parent)

    def _seconds_left(self, live: Live) -> float:
        """Seconds until it has waited too long for a place."""
        age = live.seconds_since(live.generation.created_at, self.outside.clock)
        return self.outside.policy.queue_deadline - age

    async def submitting(self, live: Live) -> Next:
        """Found in this state, the POST may have been sent: never send it again as new."""
        live.generation = await self.transitions.move(
            live.generation, lambda g: replace(g, state=State.SUBMIT_UNKNOWN)
        )
        return NOW

    async def unknown(self, live: Live) -> Next:
        """Find out what became of the POST: a callback or the key's replay names the task; the list
        may prove that there is none.
        """
        generation = live.generation
        task = _task(generation)
        waited = live.seconds_since(task.started_at, self.outside.clock)
        overdue = waited > self.outside.policy.unknown_deadline
        provider = self.outside.providers.get(task.provider)
        if live.named_task is not None:
            answer = await self._named(live, provider, live.named_task)
            if answer is not None:
                return answer
        prepared = PreparedTask(model_id=task.model_id, body=task.body, uploads=task.uploads)
        if not overdue and self._may_replay(live, provider):
            answer = await self._replay(live, provider, prepared)
            if answer is not None:
                return answer
        if provider.can_list_tasks:
            answer = await self._look_up(live, provider, prepared)
            if answer is not None:
                return answer
        if overdue:
            return await self._give_up(live, task)
        live.misses += 1
        return Next(after=backoff(live.misses, first=5.0, longest=60.0))

    def _may_replay(self, live: Live, provider: Provider) -> bool:
        """Whether the request may be sent once more, with its key.

        A replay is a submission: it keeps to the provider's pause, and it could buy what its
        requester does not want any more.
        """
        generation = live.generation
        if (
            not provider.knows_keys
            or _task(generation).replays >= repetition.REPLAYS
            or generation.abandoned
        ):
            return False
        now = self.outside.clock.monotonic()
        return self.board.queue.may_submit(generation.id, provider.name, now)

    async def _give_up(self, live: Live, task: Task) -> Next:
        """Nobody can tell in time: the one who asked hears the truth, the owner has a look."""
        generation = live.generation
        if generation.abandoned:
            live.generation = await self.transitions.end(generation, State.CANCELLED)
            return NOW
        await self.outside.messenger.alert_owner(
            Code.SUBMIT_UNKNOWN, {"provider": task.provider, "generation": generation.id}
        )
        live.generation = await self.transitions.fail(
            generation, Code.SUBMIT_UNKNOWN, provider=task.provider
        )
        return NOW

    async def _hand_over(self, live: Live, candidate: Candidate, parent: Generation | None) -> Next:
        generation = live.generation
        provider = self.outside.providers.get(candidate.provider)
        if missing_media(self.outside, generation):
            live.generation = await self.transitions.fail(generation, Code.FILE_NOT_KEPT)
            return NOW
        by_task = candidate.provider not in live.taskless
        spec = task_spec(self.outside, generation, candidate, parent, by_task=by_task)
        try:
            prepared = await provider.prepare(await with_posted_link(self.outside, spec, parent))
        except ProviderError as error:
            return await self._not_prepared(live, candidate, error)
        if generation.request.has_files or parent is not None:
            self.board.stuck.succeeded(candidate.provider, Stage.UPLOAD)
        attempt = generation.attempt + 1
        task = Task(
            provider=candidate.provider,
            model_id=prepared.model_id,
            idempotency_key=idempotency_key(generation.id, attempt),
            body=prepared.body,
            uploads=prepared.uploads,
            started_at=live.mark(self.outside.clock),
        )
        try:
            live.generation = await self.transitions.move(
                generation,
                lambda g: replace(
                    g,
                    state=State.SUBMITTING,
                    attempt=attempt,
                    plan=candidate.plan,
                    task=task,
                    park=None,
                ),
            )
        except Superseded:
            await release(self.outside, task)
            raise
        return await self._post(live, provider, prepared)

    async def _not_prepared(self, live: Live, candidate: Candidate, error: ProviderError) -> Next:
        """The files could not be handed over. Nothing was sent that could be paid for."""
        provider = candidate.provider
        ours_alone = error.code in ANOTHER_MAY_TAKE_IT and error.code not in PAUSING - DOWN
        if not (error.retryable and ours_alone):
            return await self._refused(live, provider, error)
        log.info("not_prepared", generation=live.generation.id, error=str(error))
        if error.code in TELL_THE_OWNER:
            await self.outside.messenger.alert_owner(error.code, {"provider": provider})
        # Requests without files need no upload: they are none the worse.
        self.board.stuck.failed(provider, Stage.UPLOAD, live.generation.id)
        live.avoid = provider
        live.misses += 1
        wait = min(error.retry_after or backoff(live.misses), LONGEST_PARK_SECONDS)
        wait = min(wait, max(self._seconds_left(live), 0.0))
        until = self.outside.clock.now() + timedelta(seconds=wait)
        park = Park(reason=ParkReason.PROVIDER_DOWN, until=until)
        live.generation = await self._back_to_the_queue(
            live, failure_at(provider, error), park=park
        )
        return Next(after=wait)

    async def _post(self, live: Live, provider: Provider, prepared: PreparedTask) -> Next:
        task = _task(live.generation)
        await self.lease.check(live.generation)
        now = self.outside.clock.monotonic()
        if not self.board.queue.may_submit(live.generation.id, provider.name, now):
            # Others heard meanwhile that it is to be left alone.
            live.generation = await self._back_to_the_queue(live, live.generation.failure)
            return NOW
        try:
            submission = await provider.submit(prepared, key=task.idempotency_key)
        except ProviderError as error:
            if error.accepted is Accepted.NO:
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown", generation=live.generation.id, error=str(error))
            self.board.failed(provider.name, error, self.outside.clock.monotonic())
            kept = repetition.after_post(error, task)
            live.generation = await self.transitions.record(
                live.generation, lambda g: replace(g, state=State.SUBMIT_UNKNOWN, task=kept)
            )
            return Next(after=error.retry_after or 1.0)
        return await self._accepted(live, submission)

    async def _replay(self, live: Live, provider: Provider, prepared: PreparedTask) -> Next | None:
        """Send the same request with the same key: the answer names the task of the first POST.

        None when no task was named. A refusal of the repetition proves nothing about the first
        POST: the provider may judge the request before it looks at the key, a link in it may have
        expired since, and the account may have changed.
        """
        before = _task(live.generation)
        again = replace(before, replays=before.replays + 1, sent_at=live.mark(self.outside.clock))
        live.generation = await self.transitions.move(
            live.generation, lambda g: replace(g, task=again)
        )
        await self.lease.check(live.generation)
        try:
            submission = await provider.submit(prepared, key=before.idempotency_key)
        except ProviderError as error:
            log.warning("replay_failed", generation=live.generation.id, error=str(error))
            self.board.failed(provider.name, error, self.outside.clock.monotonic())
            kept = repetition.after_repetition(error, before, again)
            if kept is not again:
                live.generation = await self.transitions.record(
                    live.generation, lambda g: replace(g, task=kept)
                )
            wait = repetition.asked_to_wait(error)
            return None if wait is None else Next(after=wait)
        return await self._accepted(live, submission)

    async def _named(self, live: Live, provider: Provider, task_id: TaskId) -> Next | None:
        """Go on with the task that a callback named, if it can be ours; else None."""
        storage = self.outside.storage
        try:
            if not await is_ours(storage, provider, live.generation, task_id):
                live.named_task = None
                return None
        except ProviderError as error:
            log.info("named_task_unchecked", generation=live.generation.id, error=str(error))
            return None
        return await self._accepted(live, Submission(task_id=task_id))

    async def _look_up(self, live: Live, provider: Provider, prepared: PreparedTask) -> Next | None:
        """Send it again as new if the provider's list proves that there is no task; else None."""
        task, clock = _task(live.generation), self.outside.clock
        # Set ahead, the calendar would make the request look older than it is, and the list proof
        # that there is no task; set back, what came to the list since would seem to be before it.
        sent_at = live.by_the_calendar(task.sent_at or task.started_at, clock)
        since = min(task.started_at, live.by_the_calendar(task.started_at, clock))
        if live.claimed and since < task.started_at - CLOCK_STEP:
            return None  # set back while we were not there: nobody can say when it was
        known = await self.outside.storage.read(
            lambda tx: tx.generations.tasks_of_others(
                live.generation.id, task.provider, since=since - OLDER_TASKS
            )
        )
        try:
            if not await provider.proves_absent(
                prepared, since=since, sent_at=sent_at, known=known
            ):
                return None
        except ProviderError as error:
            log.info("look_up_failed", generation=live.generation.id, error=str(error))
            return None
        self.board.leave_slot(live.generation.id)
        live.generation = await self.transitions.move(
            live.generation, lambda g: replace(g, state=State.QUEUED, task=None)
        )
        await release(self.outside, task)
        return NOW

    async def _accepted(self, live: Live, submission: Submission) -> Next:
        now = live.mark(self.outside.clock)
        self.board.queue.took_task(_task(live.generation).provider, self.outside.clock.monotonic())
        live.misses = 0
        live.reading = live.named_task = None
        live.generation = await self.transitions.record(
            live.generation,
            lambda g: replace(
                g,
                state=State.RUNNING,
                strikes=0,
                failure=None,
                task=replace(
                    _task(g),
                    task_id=submission.task_id,
                    submitted_at=now,
                    estimated_seconds=submission.estimated_seconds,
                ),
            ),
        )
        return Next(after=await self.timing.start(live))

    async def _refused(self, live: Live, provider: ProviderName, error: ProviderError) -> Next:
        """A definite refusal: pass it on where that can help, wait where waiting can, else end."""
        log.info("provider_refused", generation=live.generation.id, error=str(error))
        if error.code is Code.PROVIDER_TASK_GONE and provider not in live.taskless:
            # It looked for the task of the video to edit: once more, with the file itself.
            live.taskless.add(provider)
            live.generation = await self._back_to_the_queue(live, live.generation.failure)
            return NOW
        now = self.outside.clock.monotonic()
        self.board.failed(provider, error, now, price=live.generation.plan.micro_usd)
        if error.code in TELL_THE_OWNER:
            await self.outside.messenger.alert_owner(error.code, {"provider": provider})
        failure = failure_at(provider, error)
        if error.code not in ANOTHER_MAY_TAKE_IT:
            live.generation = await self.transitions.end(live.generation, State.FAILED, failure)
            return NOW
        refused_by = live.generation.refused_by
        if not error.retryable:
            refused_by = (*refused_by, provider)
        live.generation = await self._back_to_the_queue(live, failure, refused_by=refused_by)
        return NOW

    async def _back_to_the_queue(
        self,
        live: Live,
        failure: Failure | None,
        *,
        refused_by: Sequence[ProviderName] | None = None,
        park: Park | None = None,
    ) -> Generation:
        """Nothing was bought: it waits for a place again, here or at another provider."""
        self.board.leave_slot(live.generation.id)
        unused = live.generation.task
        queued = await self.transitions.record(
            live.generation,
            lambda g: replace(
                g,
                state=State.QUEUED,
                task=None,
                park=park,
                failure=failure,
                refused_by=g.refused_by if refused_by is None else tuple(refused_by),
            ),
        )
        await release(self.outside, unused)
        return queued

    async def _fail_as_refused(
        self, generation: Generation, code: Code, **facts: object
    ) -> Generation:
        """End with the last provider's refusal where there was one: it says more than ours."""
        failure = generation.failure or Failure(code=code, facts=facts)
        return await self.transitions.end(generation, State.FAILED, failure)

    async def _parent(self, generation: Generation) -> Generation | None:
        parent_id = generation.parent_id
        if parent_id is None:
            return None
        return await self.outside.storage.read(lambda tx: tx.generations.get(parent_id))


def _task(generation: Generation) -> Task:
    if generation.task is None:
        raise ValueError(f"generation {generation.id} is {generation.state} without a task")
    return generation.task
