"""Polling: how long after a provider is done the video is posted, and how many polls that took.

The real services over the real SQLite storage, with fakes of the ports and our own clock, so
that hours take seconds. Transfers take no time here: what is measured is the schedule. Every
schedule sees the same 200 completion times, after the same 200 past ones were learned.

    python -m bench.polls
"""

import asyncio
import logging
import math
import random
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bench.report import Report, options, percentile
from bot.domain.generation import Generation, Posting
from bot.domain.ids import ChannelId, GuildId, TaskId, UserId, idempotency_key, new_worker_id
from bot.domain.limits import Limits
from bot.domain.media import FitStep
from bot.domain.ports.provider import PreparedTask, Submission, TaskReport, TaskState
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import VideoRequest
from bot.engine.build import build
from bot.engine.context import Policy, Ports
from bot.engine.in_flight import InFlight
from bot.engine.timing import Timing, kind_of
from bot.services.admission import GenerationRequest
from bot.services.generate import Generate
from bot.storage import open_storage
from tests.fakes.ports import START, FakeMedia, FakeMessenger, OwnedClock, WatchedStorage
from tests.fakes.providers import EVOLINK, FakeDirectory, FakeProvider, FakeTask
from tests.fakes.telemetry import NoTelemetry

MEDIAN_SECONDS = 60.0
SIGMA = 0.3
TASKS = 200
BETWEEN_SECONDS = 4.0
MOST_POLLS, MOST_P50, MOST_P95 = 6.5, 0.8, 2.0


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When to ask, and what the provider lets one see. ``every`` None is the rule of the house.

    ``step`` is the step of progress in percent (None: no progress is told), ``noise`` the share by
    which the bar strays from the straight line.
    """

    name: str
    every: float | None = None
    step: int | None = 1
    noise: float = 0.0
    history: bool = True
    batch: int = 1


SCHEDULES = (
    Schedule(name="hazard, 1 % steps"),
    Schedule(name="hazard, 1 % steps, batches of 50", batch=50),
    Schedule(name="hazard, 1 % steps, bar strays by 3 %", noise=0.03),
    Schedule(name="hazard, 1 % steps, nothing learned", history=False),
    Schedule(name="hazard, 10 % steps", step=10),
    Schedule(name="hazard, no progress", step=None),
    Schedule(name="fixed, every 1 s (baseline)", every=1.0),
    Schedule(name="fixed, every 8 s (baseline)", every=8.0),
)


@dataclass
class Seen:
    """What one schedule came to: seconds from done to posted, and polls, task by task."""

    lags: list[float] = field(default_factory=list[float])
    polls: list[int] = field(default_factory=list[int])
    requests: int = 0


class EveryFew(Timing):
    """A fixed interval in the place of the rule."""

    seconds: float = 1.0

    async def start(self, live: InFlight) -> float:
        del live
        return self.seconds

    def delay(self, live: InFlight) -> float:
        del live
        return self.seconds


@dataclass
class Provider(FakeProvider):
    """Takes for each task the next of ``times``, and estimates the median for all of them."""

    times: list[float] = field(default_factory=list[float])
    step: int | None = 1
    noise: float = 0.0
    asked: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    started: dict[TaskId, float] = field(default_factory=dict[TaskId, float])
    strays: random.Random = field(default_factory=lambda: random.Random(3))

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        takes = self.times[len(self.tasks)]
        task_id = TaskId(f"task-{len(self.tasks)}")
        self.started[task_id] = self.clock.seconds
        self.tasks[task_id] = FakeTask(
            task_id, key, prepared.body, self.clock.now(), self.clock.seconds + takes
        )
        return Submission(task_id=task_id, estimated_seconds=round(MEDIAN_SECONDS))

    def _report(self, task: FakeTask) -> TaskReport:
        self.asked[task.task_id] = self.asked.get(task.task_id, 0) + 1
        now = self.clock.seconds
        if now >= task.ends_after:
            return super()._report(task)
        progress = None
        if self.step is not None:
            began = self.started[task.task_id]
            share = (now - began) / (task.ends_after - began) + self.strays.gauss(0, self.noise)
            progress = int(min(max(share, 0.0), 0.99) * 100) // self.step * self.step
        return TaskReport(task_id=task.task_id, state=TaskState.ACTIVE, progress=progress)


@dataclass
class Posts(FakeMessenger):
    """Discord, remembering when a video arrived, by the idempotency key of its task."""

    clock: OwnedClock = field(default_factory=OwnedClock)
    posted: dict[str, float] = field(default_factory=dict[str, float])

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        step: FitStep,
        original_url: str | None,
    ) -> Posting:
        self.posted[idempotency_key(generation.id, generation.attempt)] = self.clock.seconds
        return await super().post_video(
            generation, posting, file, step=step, original_url=original_url
        )


def completion_times(count: int, *, seed: int) -> list[float]:
    """Log-normal seconds about the median."""
    numbers = random.Random(seed)
    return [numbers.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA) for _ in range(count)]


async def watch(schedule: Schedule, times: Sequence[float], past: Sequence[float]) -> Seen:
    """Make the videos under a schedule."""
    clock = OwnedClock()
    with tempfile.TemporaryDirectory(prefix="retake-bench-") as folder:
        media = Path(folder) / "media"
        media.mkdir()
        async with open_storage(f"sqlite+aiosqlite:///{folder}/retake.db", clock=clock) as storage:
            simulation = Simulation(clock, storage, media, schedule, times)
            await simulation.run(past if schedule.history else ())
    return simulation.seen()


class Simulation:
    """One worker, one provider, and people who ask every few seconds."""

    def __init__(
        self,
        clock: OwnedClock,
        storage: Storage,
        media: Path,
        schedule: Schedule,
        times: Sequence[float],
    ) -> None:
        self.clock = clock
        self.storage = WatchedStorage(storage)
        self.provider = Provider(
            EVOLINK,
            clock,
            times=list(times),
            step=schedule.step,
            noise=schedule.noise,
            batch_size=schedule.batch,
        )
        self.posts = Posts(clock=clock)
        ports = Ports(
            storage=self.storage,
            clock=clock,
            providers=FakeDirectory(self.provider),
            media=FakeMedia(media),
            messenger=self.posts,
            telemetry=NoTelemetry(),
            policy=Policy(limits=Limits(videos=0, concurrent=0), max_running={EVOLINK: TASKS}),
        )
        timing = Timing(ports=ports)
        if schedule.every is not None:
            timing = EveryFew(ports=ports)
            timing.seconds = schedule.every
        engine = build(ports, worker_id=new_worker_id(START), alone=True, timing=timing)
        self.flights, self.scheduler = engine.flights, engine.scheduler
        self.generate = Generate(
            ports=ports,
            flights=self.flights,
            owner=self.scheduler.ownership.owner,
            wake=self.scheduler.take,
        )

    async def _learn(self, generation: Generation, past: Sequence[float]) -> None:
        """Put past durations where a bot that ran before has left them."""
        key = kind_of(generation)

        async def remember(tx: Transaction) -> None:
            for seconds in past:
                await tx.durations.add(key, seconds, at=START)

        await self.storage.transact(remember)

    async def run(self, past: Sequence[float]) -> None:
        """Until every video is posted."""
        count = len(self.provider.times)
        first = await self.generate.request(_ask(1))
        await self._learn(first.generation, past)
        work = asyncio.ensure_future(self.scheduler.run())
        asking = asyncio.ensure_future(self._ask_all(count))
        try:
            await self._settle(work, asking)
            while len(self.posts.posted) < count:
                if not self.clock.ring_next():
                    raise RuntimeError("nothing is due, and not every video was posted")
                await self._settle(work, asking)
        finally:
            for task in (asking, work):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def seen(self) -> Seen:
        """Lag and polls, in the order of the tasks."""
        tasks = self.provider.tasks.values()
        return Seen(
            lags=[self.posts.posted[task.key] - task.ends_after for task in tasks],
            polls=[self.provider.asked[task.task_id] for task in tasks],
            requests=self.provider.polls,
        )

    async def _ask_all(self, count: int) -> None:
        for number in range(2, count + 1):
            await self.clock.sleep(BETWEEN_SECONDS)
            await self.generate.request(_ask(number))

    async def _settle(self, *running: asyncio.Future[None]) -> None:
        """Let everything run that needs no time to pass."""
        quiet = 0
        while quiet < 25:
            await asyncio.sleep(0)
            quiet = 0 if self.storage.under_way else quiet + 1
            for task in running:
                if task.done():
                    task.result()


def _ask(number: int) -> GenerationRequest:
    return GenerationRequest(
        request_key=f"interaction:{number}",
        requester_id=UserId(1 + number % 20),
        guild_id=GuildId(100),
        channel_id=ChannelId(200),
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(prompt=f"a red kite {number}"),
    )


async def measure(report: Report, *, quick: bool) -> None:
    """Every schedule on the same times."""
    times, past = completion_times(3 if quick else TASKS, seed=1), completion_times(TASKS, seed=2)
    for schedule in (SCHEDULES[0], SCHEDULES[-1]) if quick else SCHEDULES:
        seen = await watch(schedule, times, past)
        polls = sum(seen.polls) / len(seen.polls)
        p50, p95 = percentile(seen.lags, 0.5), percentile(seen.lags, 0.95)
        report.add(
            schedule=schedule.name,
            polls=round(polls, 2),
            requests=round(seen.requests / len(seen.polls), 2),
            p50_s=round(p50, 2),
            p95_s=round(p95, 2),
            max_s=round(max(seen.lags), 2),
        )
        if schedule is SCHEDULES[0]:
            report.promise("polls per video", round(polls, 2), MOST_POLLS)
            report.promise("done to posted, p50", round(p50, 2), MOST_P50, "s")
            report.promise("done to posted, p95", round(p95, 2), MOST_P95, "s")


def main() -> None:
    """Run it."""
    quick = options(__doc__ or "").quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report(
        bench="polls",
        quick=quick,
        about="Provider done to video posted, and polls per video (virtual time)",
        notes=[
            f"completion times: log-normal, median {MEDIAN_SECONDS:g} s, sigma {SIGMA}",
            f"the provider always estimates {MEDIAN_SECONDS:g} s",
            "polls: questions about a task; requests: calls to the provider, per task",
        ],
    )
    asyncio.run(measure(report, quick=quick))
    report.show()


if __name__ == "__main__":
    main()
