"""Polling tasks at a provider, one or many at a time, and acting on the answers.

A poll that changes nothing writes nothing. A failed poll never fails a generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from bot.domain.catalogue import Plan, ProviderName
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.generation import Failure, Generation, Result, State
from bot.domain.ids import GenerationId, TaskId
from bot.domain.plausible import is_plausible_cost, is_plausible_length
from bot.domain.ports.provider import TaskReport, TaskState
from bot.engine.context import Ports
from bot.engine.in_flight import InFlight
from bot.engine.steps import NOW, Next, Steps, backoff
from bot.engine.steps.batches import Batches
from bot.engine.steps.fetching import RESULTS_LAST
from bot.engine.steps.meanings import TELL_THE_OWNER
from bot.engine.transitions import Spend

log = structlog.get_logger(__name__)

GONE_TIMES = 3
GONE_SECONDS = 60
"""A task is gone after this many "not found" answers, this long after submission."""

PROBES = 2
"""After a failed batch query, this many of its tasks are queried alone before the provider counts
as not answering.
"""

EMPTY_TIMES = 7
"""A completed task without a link is queried this many times, over some minutes: with some
providers the link follows a little later.
"""


@dataclass(frozen=True, kw_only=True)
class PollingSteps(Steps):
    """The steps of ``running``."""

    batches: Batches = field(default_factory=Batches)

    async def poll(
        self, provider: ProviderName, lives: Sequence[InFlight]
    ) -> dict[GenerationId, Next]:
        """Query several tasks of one provider, and act on each answer."""
        for live in lives:
            if live.accepted is Accepted.UNKNOWN:
                # Just claimed: polls have no effects to confirm, only the timing is unknown.
                live.accepted = Accepted.NO
                await self.timing.start(live)
        alone = len(lives) == 1
        try:
            reports = await self._ask(provider, [_task_id(live) for live in lives])
        except ProviderError as error:
            if not alone and await self._single_queries_work(provider, lives, error):
                return {live.generation.id: NOW for live in lives}
            return await self._unanswered(provider, lives, error)
        if not alone:
            self.batches.answered(provider)
        answers: dict[GenerationId, Next] = {}
        for live in lives:
            live.polls += 1
            answers[live.generation.id] = await self._answer(
                live, reports.get(_task_id(live)), alone=alone
            )
        self.ports.telemetry.polled(provider, len(lives))
        return answers

    async def _answer(
        self, live: InFlight, report: TaskReport | ProviderError | None, *, alone: bool
    ) -> Next:
        """Act on what one poll, of this task or of several, returned for it."""
        if isinstance(report, TaskReport):
            live.misses = 0
            return await self.report(live, report)
        if not alone:
            # In a batch its answer was unreadable or missing: query it alone next time.
            live.solo = True
            return Next(after=1.0)
        if report is None:
            return await self._gone(live)
        log.info("poll_failed", generation=live.generation.id, error=str(report))
        return await self._later(live, report)

    async def _single_queries_work(
        self, provider: ProviderName, lives: Sequence[InFlight], error: ProviderError
    ) -> bool:
        """Return True if only the batch query failed, and the provider answers single ones.

        The provider then gets single queries for a while.
        """
        if not self.batches.may_be_broken(provider, error):
            return False
        for live in lives[:PROBES]:
            try:
                await self._ask(provider, [_task_id(live)])
            except ProviderError as again:
                log.info("probe_failed", provider=provider, error=str(again))
            else:
                log.warning("batch_queries_fail", provider=provider, error=str(error))
                self.batches.avoid(provider, self.ports.clock.monotonic())
                return True
        return False

    async def report(self, live: InFlight, report: TaskReport) -> Next:
        """Act on one answer about a task."""
        if report.state is TaskState.ACTIVE:
            return await self._active(live, report)
        self.flights.leave_slot(live.generation.id)
        if report.state is TaskState.COMPLETED and report.urls:
            await self._completed(live, report)
        elif report.state is TaskState.COMPLETED:
            return await self._empty(live, report)
        elif report.error is not None:
            error = report.error
            await self._ended(live, report, Failure(code=error.code, facts=error.facts))
        else:
            await self._ended(live, report, Failure(code=Code.PROVIDER_FAILED))
        return NOW

    async def _ask(
        self, provider: ProviderName, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        adapter = self.ports.providers.get(provider)
        if len(task_ids) > 1:
            return await adapter.query_many(task_ids)
        try:
            return {task_ids[0]: await adapter.query(task_ids[0])}
        except ProviderError as error:
            if error.code is Code.PROVIDER_TASK_GONE:
                return {}
            raise

    async def _unanswered(
        self, provider: ProviderName, lives: Sequence[InFlight], error: ProviderError
    ) -> dict[GenerationId, Next]:
        log.info("poll_failed", provider=provider, tasks=len(lives), error=str(error))
        if error.code is Code.PROVIDER_RATE_LIMITED:
            self.timing.throttled(provider)
        if error.code in TELL_THE_OWNER:
            await self.ports.messenger.alert_owner(error.code, {"provider": provider})
        return {live.generation.id: await self._later(live, error) for live in lives}

    async def _later(self, live: InFlight, error: ProviderError) -> Next:
        """Nothing was learned about a task: query again with growing delays."""
        live.misses += 1
        if await self._expired(live):
            return NOW
        wait = max(error.retry_after or 0.0, backoff(live.misses, first=1.0, longest=45.0))
        return Next(after=max(wait, self.timing.delay(live)))

    async def _active(self, live: InFlight, report: TaskReport) -> Next:
        estimated = report.estimated_seconds
        task = live.generation.task
        if task is not None and estimated and task.estimated_seconds is None:
            live.generation = replace(
                live.generation, task=replace(task, estimated_seconds=estimated)
            )
        self.timing.seen_running(live)
        self.timing.read_progress(live, report.progress)
        if await self._expired(live):
            return NOW
        return Next(after=self.timing.delay(live))

    async def _expired(self, live: InFlight) -> bool:
        generation = live.generation
        deadline = self.ports.policy.running_deadline
        if _age(self.ports, live) < deadline:
            return False
        self.flights.leave_slot(generation.id)
        failure = Failure(code=Code.DEADLINE, facts={"seconds": deadline})
        live.generation = await self.transitions.record(
            generation, state=State.EXPIRED, failure=failure
        )
        return True

    async def _gone(self, live: InFlight) -> Next:
        live.misses += 1
        generation = live.generation
        if live.misses < GONE_TIMES or _age(self.ports, live) < GONE_SECONDS:
            return Next(after=max(backoff(live.misses), self.timing.delay(live)))
        self.flights.leave_slot(generation.id)
        live.generation = await self.transitions.fail(
            generation, Code.PROVIDER_TASK_GONE, provider=generation.plan.provider
        )
        return NOW

    async def _completed(self, live: InFlight, report: TaskReport) -> None:
        now = live.mark(self.ports.clock)
        plan = live.generation.plan
        length, cost = report.duration_ms, report.cost_micro_usd
        odd_length = length is not None and not is_plausible_length(plan, length)
        odd_cost = cost is not None and not is_plausible_cost(plan, cost)
        result = Result(
            urls=report.urls,
            expires_at=report.urls_expire_at or now + RESULTS_LAST,
            ready_at=now,
            duration_ms=None if odd_length else length,
            cost_micro_usd=None if odd_cost else cost,
            doubtful_micro_usd=cost if odd_cost else None,
        )
        took = self.timing.duration(live)
        live.generation = await self.transitions.record(
            live.generation,
            state=State.READY,
            result=result,
            strikes=0,
            spend=_spend(plan, report),
            took=took,
        )
        if took is not None:
            self.timing.learn(live.generation, took)
        if odd_length or odd_cost:
            await self._doubt(live.generation, report)

    async def _empty(self, live: InFlight, report: TaskReport) -> Next:
        """The task is completed, but there is no link (yet)."""
        live.empty += 1
        if live.empty < EMPTY_TIMES:
            return Next(after=backoff(live.empty, first=5.0, longest=120.0))
        await self._ended(live, report, Failure(code=Code.NO_VIDEO))
        return NOW

    async def _ended(self, live: InFlight, report: TaskReport, failure: Failure) -> None:
        facts = {**failure.facts, "provider": live.generation.plan.provider}
        cost = report.cost_micro_usd
        odd_cost = cost is not None and not is_plausible_cost(live.generation.plan, cost)
        if odd_cost:
            facts["doubtful_micro_usd"] = cost
        live.generation = await self.transitions.record(
            live.generation,
            state=State.FAILED,
            failure=Failure(code=failure.code, facts=facts),
            spend=_spend(live.generation.plan, report),
        )
        if odd_cost:
            await self._doubt(live.generation, report)

    async def _doubt(self, generation: Generation, report: TaskReport) -> None:
        """Alert the owner of an implausible report."""
        log.warning(
            "doubtful_report",
            generation=generation.id,
            provider=generation.plan.provider,
            cost_micro_usd=report.cost_micro_usd,
            duration_ms=report.duration_ms,
            estimate_micro_usd=generation.plan.micro_usd,
        )
        await self.ports.messenger.alert_owner(
            Code.DOUBTFUL_REPORT,
            {"provider": generation.plan.provider, "generation": generation.id},
        )


def _spend(plan: Plan, report: TaskReport) -> Spend | None:
    """Return what a task cost, the estimate if that is implausible; None if no cost is reported."""
    cost = report.cost_micro_usd
    if cost is not None and not is_plausible_cost(plan, cost):
        cost = plan.micro_usd
    return Spend(task_id=report.task_id, micro_usd=cost) if cost else None


def _task_id(live: InFlight) -> TaskId:
    task = live.generation.task
    if task is None or task.task_id is None:
        raise ValueError(f"generation {live.generation.id} runs without a task id")
    return task.task_id


def _age(ports: Ports, live: InFlight) -> float:
    """Return the seconds since the provider accepted the task."""
    generation, task = live.generation, live.generation.task
    since = generation.created_at if task is None else task.submitted_at or task.started_at
    return live.seconds_since(since, ports.clock)
