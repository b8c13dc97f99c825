"""From the queue to a provider's task: status message, a slot, hand-over of media, the paid POST.

Owns the rule that a POST whose outcome is unknown is never repeated blindly, and which refusals let
another provider take over. How a provider is spoken to is its adapter's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, PostError, ProviderError, Refused, Superseded
from bot.domain.generation import Failure, Generation, ParkReason, Place, State, Task
from bot.domain.ids import TaskId, idempotency_key
from bot.domain.ports.provider import (
    Candidate,
    PreparedTask,
    Provider,
    Submission,
)
from bot.domain.ports.storage import Transaction
from bot.services.board import Board, Live
from bot.services.identity import OLDER_TASKS, is_ours
from bot.services.lease import Lease
from bot.services.outside import Outside
from bot.services.steps import NOW, WAITING, Next, backoff
from bot.services.steps.handover import missing_media, task_spec
from bot.services.steps.uploads import release
from bot.services.timing import Timing
from bot.services.transitions import Transitions

log = structlog.get_logger(__name__)

ANOTHER_MAY_TAKE_IT = frozenset(
    {
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_MODEL_ACCESS,
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_UNAVAILABLE,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_FILES_FULL,
    }
)
TELL_THE_OWNER = frozenset(
    {
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_MODEL_ACCESS,
        Code.PROVIDER_FILES_FULL,
    }
)
TURNED_AWAY = frozenset(
    {
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_UNAVAILABLE,
        Code.PROVIDER_TIMEOUT,
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
    }
)
"""Refusals that say nothing about the request itself: a repetition that meets one may be made once
more. No refusal of a repetition says anything about the first POST.
"""

REPLAYS = 4
"""So often a request is repeated with its key. More than once, because a crash or a lost answer
may use one up; not for ever, because a key's retention is not known.
"""

CLOCK_STEP = timedelta(seconds=1)
"""A calendar that differs by more was set."""

BUSY_REASONS = frozenset({None, Code.PROVIDER_RATE_LIMITED})
"""A provider left alone for these only asked for a pause."""


@dataclass(frozen=True, kw_only=True)
class SubmissionSteps:
    """The steps of ``queued``, ``submitting`` and ``submit_unknown``."""

    outside: Outside
    board: Board
    timing: Timing
    transitions: Transitions
    lease: Lease

    async def queued(self, live: Live) -> Next:
        """Show it, find a provider with a free slot, hand the media over, submit."""
        if not live.status_opened:
            await self._open_status(live)
        generation = live.generation
        if generation.ended:
            return NOW
        age = live.seconds_since(generation.created_at, self.outside.clock)
        if age > self.outside.policy.queue_deadline:
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
        now = self.outside.clock.monotonic()
        able = [c for c in candidates if self.board.may_ask(live, c.provider, now)]
        if not able:
            return await self._none_able(live, [c.provider for c in candidates], now)
        candidate = self.board.take_slot(generation.id, able)
        if candidate is None:
            return WAITING
        return await self._hand_over(live, candidate, parent)

    async def _none_able(self, live: Live, providers: Sequence[ProviderName], now: float) -> Next:
        """All of them are to be left alone: wait, or end when waiting cannot help."""
        if (reason := self.board.hopeless(providers, now)) is not None:
            live.generation = await self._fail_as_refused(live.generation, reason)
            return NOW
        wait = self.board.wait(live, providers, now)
        throttled = {self.board.breaker(p).reason for p in providers} <= BUSY_REASONS
        reason_shown = ParkReason.PROVIDER_BUSY if throttled else ParkReason.PROVIDER_DOWN
        live.generation = await self.transitions.park(live.generation, reason_shown, wait)
        return Next(after=wait)

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
        if provider.knows_keys and task.replays < REPLAYS and not overdue:
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

    async def _give_up(self, live: Live, task: Task) -> Next:
        """Nobody can tell in time: the one who asked hears the truth, the owner has a look."""
        generation = live.generation
        await self.outside.messenger.alert_owner(
            Code.SUBMIT_UNKNOWN, {"provider": task.provider, "generation": generation.id}
        )
        live.generation = await self.transitions.fail(
            generation, Code.SUBMIT_UNKNOWN, provider=task.provider
        )
        return NOW

    async def _open_status(self, live: Live) -> None:
        generation = live.generation
        live.status_opened = True
        if generation.place.status_message_id is not None:
            return
        place = await self._status_place(live)
        if place is None:
            return

        async def remember(tx: Transaction, saved: Generation) -> None:
            if place.thread_id is not None:
                await tx.conversations.set_thread(saved.conversation_id, place.thread_id)

        live.generation = await self.transitions.record(
            generation, lambda g: replace(g, place=place), also=remember, in_any_state=True
        )

    async def _status_place(self, live: Live) -> Place | None:
        """Post the status message, or find it; None when that cannot be had."""
        generation, again = live.generation, live.doubtful
        standing = self.board.standing(generation, now=self.outside.clock.now())
        looked = False
        while True:
            await self.lease.check(generation)
            try:
                return await self.outside.messenger.open_status(generation, standing, again=again)
            except PostError as error:
                # The status is a courtesy: the video has a ladder of places of its own.
                log.info("status_not_posted", generation=generation.id, error=str(error))
                if error.definite or looked:
                    return None
                # It may stand there, and would never change: look for it once.
                again = looked = True

    async def _hand_over(self, live: Live, candidate: Candidate, parent: Generation | None) -> Next:
        generation = live.generation
        provider = self.outside.providers.get(candidate.provider)
        if missing_media(self.outside, generation):
            self.board.leave_slot(generation.id)
            live.generation = await self.transitions.fail(generation, Code.MEDIA_UNAVAILABLE)
            return NOW
        try:
            prepared = await provider.prepare(
                task_spec(self.outside, generation, candidate, parent)
            )
        except ProviderError as error:
            self.board.leave_slot(generation.id)
            return await self._refused(live, candidate.provider, error)
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

    async def _post(self, live: Live, provider: Provider, prepared: PreparedTask) -> Next:
        task = _task(live.generation)
        await self.lease.check(live.generation)
        try:
            submission = await provider.submit(prepared, key=task.idempotency_key)
        except ProviderError as error:
            if error.accepted is Accepted.NO:
                self.board.leave_slot(live.generation.id)
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown", generation=live.generation.id, error=str(error))
            self.board.failed(provider.name, error, self.outside.clock.monotonic())
            live.generation = await self.transitions.record(
                live.generation, lambda g: replace(g, state=State.SUBMIT_UNKNOWN)
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
            if error.accepted is Accepted.NO and error.code in TURNED_AWAY:
                live.generation = await self.transitions.record(
                    live.generation, lambda g: replace(g, task=before)
                )
            return None
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
        self.board.answered(_task(live.generation).provider, took_a_task=True)
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
        now = self.outside.clock.monotonic()
        self.board.failed(provider, error, now)
        if error.code in TELL_THE_OWNER:
            await self.outside.messenger.alert_owner(error.code, {"provider": provider})
        failure = Failure(code=error.code, facts={**error.facts, "provider": provider})
        if error.code not in ANOTHER_MAY_TAKE_IT:
            live.generation = await self.transitions.end(live.generation, State.FAILED, failure)
            return NOW
        refused_by, dropped = live.generation.refused_by, live.generation.task
        if error.retryable:
            live.misses += 1
            live.paused[provider] = now + (error.retry_after or backoff(live.misses, first=5.0))
        else:
            refused_by = (*refused_by, provider)
        live.generation = await self.transitions.record(
            live.generation,
            lambda g: replace(
                g, state=State.QUEUED, task=None, failure=failure, refused_by=refused_by
            ),
        )
        await release(self.outside, dropped)
        return NOW

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
