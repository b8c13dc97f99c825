"""The operator's actions on cases: attach a task that was found, release or settle.

Every action is a compare-and-set with a line in the audit trail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.domain.errors import Code, ProviderError, RowUnreadable, Superseded
from bot.domain.generation import Failure, Generation, State, late_key
from bot.domain.ids import GenerationId, TaskId
from bot.domain.ports.clock import Clock
from bot.domain.ports.limits import OPERATOR, AuditEntry
from bot.domain.ports.provider import ProviderDirectory, TaskReport, TaskState
from bot.domain.ports.storage import Storage, Transaction
from bot.engine.late_results import take_over
from bot.engine.transitions import Settle, apply
from bot.services.cases import Case, find_cases


class Obstacle(StrEnum):
    """Why an action is not possible; nothing was changed."""

    NOT_FOUND = "not_found"
    NOT_OPEN = "not_open"
    NOT_A_CASE = "not_a_case"
    NOT_WANTED = "not_wanted"
    NEVER_SENT = "never_sent"
    NOT_KEPT = "not_kept"
    UNREADABLE = "unreadable"
    NO_TASK_ID = "no_task_id"
    PROVIDER_OFF = "provider_off"
    PROVIDER_SILENT = "provider_silent"
    TASK_UNKNOWN = "task_unknown"
    TASK_FAILED = "task_failed"
    TASK_TAKEN = "task_taken"
    DONE_BEFORE = "done_before"
    CHANGED = "changed"


class CannotReconcile(Exception):
    """An action is not possible. ``facts`` are the values that the sentence about it may use."""

    def __init__(self, obstacle: Obstacle, /, **facts: Any) -> None:
        super().__init__(obstacle, facts)
        self.obstacle = obstacle
        self.facts = facts


@dataclass(frozen=True, kw_only=True)
class Attached:
    """The outcome of an attached task: ``generation`` continues with it.

    ``late`` is true if it is a new generation that delivers the result of one that has ended.
    """

    generation: Generation
    state: TaskState
    late: bool


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """The operator's actions. ``wake`` informs this process's scheduler of a changed row."""

    storage: Storage
    clock: Clock
    providers: ProviderDirectory
    wake: Callable[[Generation], None] = lambda _: None

    async def cases(self, *, within: timedelta) -> Sequence[Case]:
        """Return the open cases, oldest first, then those ended within a time, latest first."""
        since = self.clock.now() - within
        return await self.storage.read(lambda tx: find_cases(tx, since=since))

    async def attach(
        self, generation_id: GenerationId, task_id: TaskId | None, *, by: str
    ) -> Attached:
        """Continue with a task that was found at the provider, by default the known one.

        An unconfirmed generation runs with it. If the generation has ended, a new one delivers the
        video, free of charge.

        Raises:
            CannotReconcile: nothing was changed.
            StorageUnavailable: unknown whether it was done; repeating it is harmless.
        """
        found = await self._found(generation_id)
        provider_name = found.plan.provider if found.task is None else found.task.provider
        task_id = task_id or (found.task.task_id if found.task is not None else None)
        if task_id is not None:
            after = found.id if found.late else None
            key = late_key(provider_name, task_id, after=after)
            known = await self.storage.read(lambda tx: tx.generations.by_request_key(key))
            if known is not None:
                raise CannotReconcile(Obstacle.DONE_BEFORE, task=task_id, generation=known.id)
        _check_attachable(found)
        if task_id is None:
            raise CannotReconcile(Obstacle.NO_TASK_ID)
        report = await self._report(found, task_id)
        now = self.clock.now()

        async def work(tx: Transaction) -> Attached:
            fresh = await tx.generations.get(generation_id)
            if fresh is None or fresh.state is not found.state or fresh.task is None:
                raise CannotReconcile(Obstacle.CHANGED)
            other = await tx.generations.by_task(fresh.task.provider, task_id)
            if other is not None and other.id != fresh.id:
                raise CannotReconcile(Obstacle.TASK_TAKEN, task=task_id, generation=other.id)
            if fresh.ended:
                gone_on = await take_over(tx, fresh, task_id, now=now)
            else:
                gone_on = await apply(
                    tx,
                    fresh,
                    at=now,
                    state=State.RUNNING,
                    task=replace(fresh.task, task_id=task_id, submitted_at=now),
                    strikes=0,
                    park=None,
                    failure=None,
                )
            details = {"provider": fresh.task.provider, "task": task_id, "goes_on_as": gone_on.id}
            await self._audit(tx, fresh, "attach", by, **details)
            return Attached(generation=gone_on, state=report.state, late=fresh.ended)

        attached = await self._changed(work)
        self.wake(attached.generation)
        return attached

    async def release(self, generation_id: GenerationId, *, by: str) -> Generation:
        """End an unconfirmed generation and release what it holds.

        Raises:
            CannotReconcile: nothing was changed.
            StorageUnavailable: unknown whether it was done; check the list again.
        """
        return await self._close(generation_id, settle=False, by=by)

    async def settle(self, generation_id: GenerationId, *, by: str) -> Generation:
        """End an unconfirmed generation and count what it holds as spent; as ``release``."""
        return await self._close(generation_id, settle=True, by=by)

    async def _close(self, generation_id: GenerationId, *, settle: bool, by: str) -> Generation:
        now = self.clock.now()
        found = await self._found(generation_id)

        async def work(tx: Transaction) -> Generation:
            fresh = await tx.generations.get(generation_id)
            if fresh is None or fresh.state is not State.SUBMIT_UNKNOWN:
                state = found.state if fresh is None else fresh.state
                raise CannotReconcile(Obstacle.NOT_OPEN, state=state.value)
            facts = {"provider": fresh.plan.provider, "counted": settle}
            saved = await apply(
                tx,
                fresh,
                at=now,
                state=State.FAILED,
                failure=Failure(code=Code.SUBMIT_UNKNOWN, facts=facts),
                close=Settle(seconds=fresh.plan.seconds) if settle else None,
            )
            action = "settle" if settle else "release"
            await self._audit(tx, fresh, action, by, provider=fresh.plan.provider)
            return saved

        saved = await self._changed(work)
        self.wake(saved)
        return saved

    async def _found(self, generation_id: GenerationId) -> Generation:
        try:
            found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        except RowUnreadable:
            raise CannotReconcile(Obstacle.UNREADABLE) from None
        if found is None:
            raise CannotReconcile(Obstacle.NOT_FOUND)
        return found

    async def _report(self, generation: Generation, task_id: TaskId) -> TaskReport:
        name = generation.plan.provider if generation.task is None else generation.task.provider
        if name not in self.providers.names():
            raise CannotReconcile(Obstacle.PROVIDER_OFF, provider=name)
        try:
            report = await self.providers.get(name).query(task_id)
        except ProviderError as error:
            if error.code is Code.PROVIDER_TASK_GONE:
                raise CannotReconcile(Obstacle.TASK_UNKNOWN, provider=name, task=task_id) from None
            raise CannotReconcile(
                Obstacle.PROVIDER_SILENT, provider=name, code=error.code.value
            ) from None
        over = report.state in {TaskState.FAILED, TaskState.CANCELLED}
        if generation.ended and (over or (report.state is TaskState.COMPLETED and not report.urls)):
            raise CannotReconcile(Obstacle.TASK_FAILED, provider=name, task=task_id)
        return report

    async def _changed(self, work: Callable[[Transaction], Any]) -> Any:
        try:
            return await self.storage.transact(work)
        except Superseded:
            raise CannotReconcile(Obstacle.CHANGED) from None

    async def _audit(
        self, tx: Transaction, generation: Generation, action: str, by: str, **details: Any
    ) -> None:
        await tx.guilds.audit(
            AuditEntry(
                guild_id=generation.place.guild_id,
                actor_id=OPERATOR,
                action=f"reconcile.{action}",
                subject=generation.id,
                details={**details, "by": by, "was": generation.state.value},
                at=self.clock.now(),
            )
        )


def _check_attachable(generation: Generation) -> None:
    state = generation.state
    if state not in {State.SUBMIT_UNKNOWN, State.FAILED, State.EXPIRED, State.UNDELIVERABLE}:
        raise CannotReconcile(Obstacle.NOT_A_CASE, state=state.value)
    if generation.pruned_at is not None:
        raise CannotReconcile(Obstacle.NOT_KEPT)
    if generation.task is None:
        raise CannotReconcile(Obstacle.NEVER_SENT)
    if generation.abandoned or generation.deleted_at is not None:
        raise CannotReconcile(Obstacle.NOT_WANTED)
