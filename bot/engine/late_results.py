"""Results that arrive after their generation has ended. They are delivered free of charge.

This module owns the search for them, and the generation that delivers one: a new turn of the same
conversation with the same request and place, without a hold in the ledger, once per task. It only
queries providers and never sends a paid POST.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError, Superseded
from bot.domain.generation import Generation, State, Task, late_key
from bot.domain.ids import GenerationId, TaskId, new_generation_id
from bot.domain.late import UNFETCHED, may_come_late
from bot.domain.limits import Amounts
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import (
    PreparedTask,
    Provider,
    ProviderDirectory,
    TaskReport,
    TaskState,
)
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.ports.telemetry import Telemetry
from bot.engine.identity import OLDER_TASKS, own_task
from bot.engine.steps.fetching import RESULTS_LAST
from bot.engine.transitions import apply

log = structlog.get_logger(__name__)


LOOK_EVERY_SECONDS = 600.0


LOOK_AT_MOST = 200
"""The most ended generations that one search asks about, the latest first."""


SILENT_TIMES = 3
"""After this many queries in a row without an answer, a provider is not asked until next time."""


async def take_over(
    tx: Transaction, ended: Generation, task_id: TaskId, *, now: datetime
) -> Generation:
    """Move an ended generation's task to a new generation, which costs nothing.

    The new one has no owner: the next worker that looks for work claims and delivers it. If the
    task was moved before, the first new generation is returned.

    Raises:
        Superseded: ``ended`` differs from the row in the database.
        ValueError: it has no task.
    """
    if ended.task is None:
        raise ValueError(f"generation {ended.id} has no task")
    task = replace(ended.task, task_id=task_id, submitted_at=now, named=())
    key = late_key(task.provider, task_id, after=ended.id if ended.late else None)
    known = await tx.generations.by_request_key(key)
    if known is not None:
        return known
    late = replace(
        ended,
        id=new_generation_id(now),
        version=await tx.conversations.next_version(ended.conversation_id),
        request_key=key,
        state=State.RUNNING,
        revision=0,
        owner_id=None,
        strikes=0,
        announced=False,
        task=task,
        result=None,
        file=None,
        posting=None,
        failure=None,
        park=None,
        created_at=now,
        updated_at=now,
        ended_at=None,
    )
    # A task belongs to one generation at a time, so it is removed from the old one first.
    await apply(tx, ended, at=now, task=None)
    await tx.generations.add(late)
    await tx.ledger.lock(late.place.guild_id, late.requester_id)
    await tx.ledger.hold(late, Amounts(), at=now)
    return late


@dataclass(kw_only=True)
class LateResults:
    """Looks for late results every few minutes, and soon after a callback about one.

    A provider's final answer about a task is remembered, so that it is not asked again.
    """

    storage: Storage
    clock: Clock
    providers: ProviderDirectory
    telemetry: Telemetry
    _called_back: set[GenerationId] = field(default_factory=set[GenerationId])
    _closed: set[GenerationId] = field(default_factory=set[GenerationId])
    _next_look: float = 0.0

    def callback_received(self, generation_id: GenerationId) -> None:
        """A provider reports that the task of an ended generation is done: ask about it soon."""
        if len(self._called_back) < LOOK_AT_MOST:
            self._called_back.add(generation_id)

    async def look(self) -> Sequence[Generation]:
        """Search if it is time or a callback came; return the generations that deliver results.

        Raises:
            StorageUnavailable: try again later.
        """
        now = self.clock.monotonic()
        everything = now >= self._next_look
        called_back, self._called_back = self._called_back, set()
        if not everything and not called_back:
            return ()
        since = self.clock.now() - RESULTS_LAST
        ended = await self.storage.read(
            lambda tx: tx.generations.ended_without_video(since=since, limit=5 * LOOK_AT_MOST)
        )
        if everything:
            self._next_look = now + LOOK_EVERY_SECONDS
            self._closed &= {generation.id for generation in ended}
        asked = [
            generation
            for generation in ended
            if may_come_late(generation)
            and (generation.id in called_back or (everything and generation.id not in self._closed))
        ][:LOOK_AT_MOST]
        found: list[Generation] = []
        for name, generations in _by_provider(asked).items():
            if name in self.providers.names():
                found += await self._look_at(self.providers.get(name), generations)
        return found

    async def _look_at(
        self, provider: Provider, generations: Sequence[Generation]
    ) -> list[Generation]:
        try:
            known = await self._found(provider, generations)
            reports = await _reports(provider, list(known))
        except ProviderError as error:
            log.info("late_look_failed", provider=provider.name, error=str(error))
            return []
        taken: list[Generation] = []
        for task_id, generation in known.items():
            if task_id not in reports:
                continue  # asked again next time
            report = reports[task_id]
            if report is not None and report.state is TaskState.ACTIVE:
                continue
            if report is not None and report.state is TaskState.COMPLETED and not report.urls:
                continue  # its link may follow
            if (
                report is None
                or report.state is not TaskState.COMPLETED
                or not _is_worth_fetching(generation, report, now=self.clock.now())
            ):
                self._closed.add(generation.id)
                await provider.release(_task(generation).uploads)
            elif (late := await self._taken_over(generation, task_id)) is not None:
                taken.append(late)
        return taken

    async def _found(
        self, provider: Provider, generations: Sequence[Generation]
    ) -> dict[TaskId, Generation]:
        """Return the generations by the ids of their tasks. A callback may have named an id.

        A generation whose task is proven absent is closed.
        """
        known: dict[TaskId, Generation] = {}
        for generation in generations:
            task = _task(generation)
            if task.task_id is not None:
                known[task.task_id] = generation
                continue
            named, unchecked = await own_task(self.storage, provider, generation)
            if named is not None:
                known[named] = generation
            elif (
                not unchecked
                and provider.can_list_tasks
                and await self._is_absent(provider, generation, task)
            ):
                self._closed.add(generation.id)
        return known

    async def _is_absent(self, provider: Provider, generation: Generation, task: Task) -> bool:
        known = await self.storage.read(
            lambda tx: tx.generations.tasks_of_others(
                generation.id, task.provider, since=task.started_at - OLDER_TASKS
            )
        )
        prepared = PreparedTask(model_id=task.model_id, body=task.body)
        return await provider.proves_absent(
            prepared, since=task.started_at, sent_at=task.sent_at, known=known
        )

    async def _taken_over(self, generation: Generation, task_id: TaskId) -> Generation | None:
        now = self.clock.now()

        async def work(tx: Transaction) -> Generation | None:
            other = await tx.generations.by_task(_task(generation).provider, task_id)
            if other is not None and other.id != generation.id:
                return None
            return await take_over(tx, generation, task_id, now=now)

        try:
            late = await self.storage.transact(work)
        except Superseded:
            # It was changed meanwhile: the next search sees the new row.
            return None
        if late is None:
            self._closed.add(generation.id)
            return None
        log.info("late_result", generation=generation.id, delivered_by=late.id)
        self.telemetry.moved(None, late.state)
        return late


async def _reports(
    provider: Provider, task_ids: Sequence[TaskId]
) -> Mapping[TaskId, TaskReport | None]:
    """Return the provider's reports about tasks, in batches if it can; None: an unknown task.

    Tasks that a batch did not answer are queried alone. Tasks without any answer are absent.
    """
    reports: dict[TaskId, TaskReport | None] = {}
    silent = 0
    for start in range(0, len(task_ids), provider.batch_size):
        batch = task_ids[start : start + provider.batch_size]
        if len(batch) > 1:
            reports |= await _batch_reports(provider, batch)
        for task_id in (task_id for task_id in batch if task_id not in reports):
            try:
                reports[task_id] = await provider.query(task_id)
            except ProviderError as error:
                if error.code is not Code.PROVIDER_TASK_GONE:
                    log.info("late_look_failed", provider=provider.name, error=str(error))
                    silent += 1
                    if silent == SILENT_TIMES or error.code is Code.PROVIDER_RATE_LIMITED:
                        return reports
                    continue
                reports[task_id] = None
            silent = 0
    return reports


async def _batch_reports(
    provider: Provider, batch: Sequence[TaskId]
) -> Mapping[TaskId, TaskReport]:
    """Return the readable reports of a batch query."""
    try:
        answers = await provider.query_many(batch)
    except ProviderError as error:
        log.info("late_batch_failed", provider=provider.name, error=str(error))
        return {}
    return {id_: report for id_, report in answers.items() if isinstance(report, TaskReport)}


def _is_worth_fetching(ended: Generation, report: TaskReport, *, now: datetime) -> bool:
    """Return True if a task's result may be fetched now although it could not be before.

    That is so if its provider reports another link (ignoring the query string), or keeps the result
    longer than was known.
    """
    failure, before = ended.failure, ended.result
    if failure is None or failure.code not in UNFETCHED or before is None:
        return True
    if {url.partition("?")[0] for url in report.urls} - {
        url.partition("?")[0] for url in before.urls
    }:
        return True
    lasting = report.urls_expire_at is not None and report.urls_expire_at > now
    return lasting and failure.code not in {Code.RESULT_BROKEN, Code.RESULT_TOO_LARGE}


def _by_provider(generations: Iterable[Generation]) -> dict[ProviderName, list[Generation]]:
    grouped: dict[ProviderName, list[Generation]] = {}
    for generation in generations:
        grouped.setdefault(_task(generation).provider, []).append(generation)
    return grouped


def _task(generation: Generation) -> Task:
    if generation.task is None:
        raise ValueError(f"generation {generation.id} has no task")
    return generation.task
