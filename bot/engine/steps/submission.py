"""From the queue to a provider's task: status message, slot, upload of media, the paid POST.

This module owns which refusals let another provider take over. A POST with an unknown outcome is
left to ``unknown``, so that it is never repeated blindly.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from bot.domain.breaker import DOWN, PAUSING
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, ProviderError, Refused, Superseded
from bot.domain.generation import Failure, Generation, Park, ParkReason, State, Task
from bot.domain.ids import idempotency_key
from bot.domain.ports.provider import Candidate, PreparedTask, Provider
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, Next, Steps, backoff, repetition
from bot.engine.steps.acceptance import accepted, task_of
from bot.engine.steps.meanings import ANOTHER_MAY_TAKE_IT, TELL_THE_OWNER, failure_at
from bot.engine.steps.opening import open_status
from bot.engine.steps.task_spec import missing_media, task_spec, with_posted_link
from bot.engine.steps.uploads import release
from bot.engine.stuck import Stage
from bot.engine.transitions import LONGEST_PARK_SECONDS, Unchanged

log = structlog.get_logger(__name__)


class SubmissionSteps(Steps):
    """The steps of ``queued``, up to the answer of the POST."""

    async def queued(self, live: InFlight) -> Next:
        """Post the status message, wait for a slot, upload the media, submit."""
        if live.generation.abandoned:
            live.generation = await self.transitions.record(
                live.generation, state=State.CANCELLED, failure=None
            )
            return NOW
        if not live.status_opened:
            await open_status(self, live)
        generation = live.generation
        if generation.ended:
            return NOW
        if (grace := self._grace_left(live)) > 0:
            return Next(after=grace)
        left = self._seconds_left(live)
        if left <= 0 and not self.flights.queue.holds(generation.id):
            live.generation = await self._fail_as_refused(generation, Code.DEADLINE)
            return NOW
        parent = await self._parent(generation)
        try:
            candidates = self.ports.providers.candidates(
                generation.request, parent=parent, without=generation.refused_by
            )
        except Refused as refusal:
            live.generation = await self._fail_as_refused(generation, refusal.code, **refusal.facts)
            return NOW
        queue = self.flights.queue
        candidates = sorted(candidates, key=lambda c: c.provider == live.avoid)
        if (reason := queue.hopeless(c.provider for c in candidates)) is not None:
            live.generation = await self._fail_as_refused(generation, reason)
            return NOW
        now = self.ports.clock.monotonic()
        provider = queue.take(generation, [c.provider for c in candidates], now)
        if provider is None:
            if generation.park is not None:
                live.generation = await self.transitions.move(generation, park=None)
            return Next(after=max(left, 0.0), waiting=True)
        candidate = next(c for c in candidates if c.provider == provider)
        return await self._hand_over(live, candidate, parent)

    def _grace_left(self, live: InFlight) -> float:
        """Return the seconds in which its member may still undo it."""
        asked_at, park = live.generation.created_at, live.generation.park
        if park is None or not live.generation.in_grace:
            return 0.0
        grace = (park.until - asked_at).total_seconds()
        return grace - live.seconds_since(asked_at, self.ports.clock)

    def _seconds_left(self, live: InFlight) -> float:
        """Return the seconds until the deadline for a slot."""
        age = live.seconds_since(live.generation.created_at, self.ports.clock)
        return self.ports.policy.queue_deadline - age

    async def _hand_over(
        self, live: InFlight, candidate: Candidate, parent: Generation | None
    ) -> Next:
        generation = live.generation
        provider = self.ports.providers.get(candidate.provider)
        if missing_media(self.ports, generation):
            live.generation = await self.transitions.fail(generation, Code.FILE_NOT_KEPT)
            return NOW
        by_task = candidate.provider not in live.taskless
        spec = task_spec(self.ports, generation, candidate, parent, by_task=by_task)
        try:
            prepared = await provider.prepare(await with_posted_link(self.ports, spec, parent))
        except ProviderError as error:
            return await self._not_prepared(live, candidate, error)
        if generation.request.has_files or parent is not None:
            self.flights.stuck.succeeded(candidate.provider, Stage.UPLOAD)
        attempt = generation.attempt + 1
        task = Task(
            provider=candidate.provider,
            model_id=prepared.model_id,
            idempotency_key=idempotency_key(generation.id, attempt),
            body=prepared.body,
            uploads=prepared.uploads,
            started_at=live.mark(self.ports.clock),
        )
        try:
            # The body was made from this very row: its words may have been changed since.
            live.generation = await self.transitions.move(
                generation,
                unchanged=Unchanged.ROW,
                state=State.SUBMITTING,
                attempt=attempt,
                plan=candidate.plan,
                task=task,
                park=None,
            )
        except Superseded:
            await release(self.ports, task)
            raise
        return await self._post(live, provider, prepared)

    async def _not_prepared(
        self, live: InFlight, candidate: Candidate, error: ProviderError
    ) -> Next:
        """The files could not be uploaded. No paid request was sent."""
        provider = candidate.provider
        ours_alone = error.code in ANOTHER_MAY_TAKE_IT and error.code not in PAUSING - DOWN
        if not (error.retryable and ours_alone):
            return await self._refused(live, provider, error)
        log.info("not_prepared", generation=live.generation.id, error=str(error))
        if error.code in TELL_THE_OWNER:
            await self.ports.messenger.alert_owner(error.code, {"provider": provider})
        # Requests without files need no upload and are not affected.
        self.flights.stuck.failed(provider, Stage.UPLOAD, live.generation.id)
        live.avoid = provider
        live.misses += 1
        wait = min(error.retry_after or backoff(live.misses), LONGEST_PARK_SECONDS)
        wait = min(wait, max(self._seconds_left(live), 0.0))
        until = self.ports.clock.now() + timedelta(seconds=wait)
        park = Park(reason=ParkReason.PROVIDER_DOWN, until=until)
        live.generation = await self._back_to_the_queue(
            live, failure_at(provider, error), park=park
        )
        return Next(after=wait)

    async def _post(self, live: InFlight, provider: Provider, prepared: PreparedTask) -> Next:
        task = task_of(live.generation)
        await self.lease.check(live.generation)
        now = self.ports.clock.monotonic()
        if not self.flights.queue.may_submit(live.generation.id, provider.name, now):
            # Another submission has started a pause meanwhile.
            live.generation = await self._back_to_the_queue(live, live.generation.failure)
            return NOW
        try:
            submission = await provider.submit(prepared, key=task.idempotency_key)
        except ProviderError as error:
            if error.accepted is Accepted.NO:
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown", generation=live.generation.id, error=str(error))
            self.flights.failed(provider.name, error, self.ports.clock.monotonic())
            kept = repetition.after_post(error, task)
            live.generation = await self.transitions.record(
                live.generation, state=State.SUBMIT_UNKNOWN, task=kept
            )
            return Next(after=error.retry_after or 1.0)
        return await accepted(self, live, submission)

    async def _refused(self, live: InFlight, provider: ProviderName, error: ProviderError) -> Next:
        """After a definite refusal: use another provider if that can help, wait, or end."""
        log.info("provider_refused", generation=live.generation.id, error=str(error))
        if error.code is Code.PROVIDER_TASK_GONE and provider not in live.taskless:
            # It did not find the task of the video to edit: try again with the file itself.
            live.taskless.add(provider)
            live.generation = await self._back_to_the_queue(live, live.generation.failure)
            return NOW
        now = self.ports.clock.monotonic()
        self.flights.failed(provider, error, now, price=live.generation.plan.micro_usd)
        if error.code in TELL_THE_OWNER:
            await self.ports.messenger.alert_owner(error.code, {"provider": provider})
        failure = failure_at(provider, error)
        if error.code not in ANOTHER_MAY_TAKE_IT:
            live.generation = await self.transitions.record(
                live.generation, state=State.FAILED, failure=failure
            )
            return NOW
        refused_by = live.generation.refused_by
        if not error.retryable:
            refused_by = (*refused_by, provider)
        live.generation = await self._back_to_the_queue(live, failure, refused_by=refused_by)
        return NOW

    async def _back_to_the_queue(
        self,
        live: InFlight,
        failure: Failure | None,
        *,
        refused_by: Sequence[ProviderName] | None = None,
        park: Park | None = None,
    ) -> Generation:
        """Nothing was paid: it waits for a slot again, at this or another provider."""
        self.flights.leave_slot(live.generation.id)
        unused = live.generation.task
        queued = await self.transitions.record(
            live.generation,
            state=State.QUEUED,
            task=None,
            park=park,
            failure=failure,
            refused_by=live.generation.refused_by if refused_by is None else tuple(refused_by),
        )
        await release(self.ports, unused)
        return queued

    async def _fail_as_refused(
        self, generation: Generation, code: Code, **facts: object
    ) -> Generation:
        """End with the last provider's refusal, if any: it explains more than ours."""
        failure = generation.failure or Failure(code=code, facts=facts)
        return await self.transitions.record(generation, state=State.FAILED, failure=failure)

    async def _parent(self, generation: Generation) -> Generation | None:
        parent_id = generation.parent_id
        if parent_id is None:
            return None
        return await self.ports.storage.read(lambda tx: tx.generations.get(parent_id))
