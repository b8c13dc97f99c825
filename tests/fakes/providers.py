"""Fakes of the providers and their directory: tasks take the time and faults that a test sets."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.catalogue import Catalogue, Mode, ModelName, Offer, ProviderName
from bot.domain.errors import Accepted, Code, ProviderError, Refused
from bot.domain.fitting import fit, modes_for
from bot.domain.generation import Generation
from bot.domain.ids import TaskId
from bot.domain.ports.provider import (
    Balance,
    Candidate,
    Download,
    PreparedTask,
    Submission,
    TaskReport,
    TaskSpec,
    TaskState,
)
from bot.domain.request import VideoRequest
from tests.fakes.ports import START, OwnedClock

EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")
VIDEO = b"\x00\x00\x00\x18ftypmp42 a video"


@dataclass
class FakeTask:
    task_id: TaskId
    key: str
    body: dict[str, Any]
    made_at: datetime
    ends_after: float
    outcome: TaskReport | None = None


@dataclass
class FakeProvider:
    """A provider that takes ``seconds`` for a task and reports progress in steps of 1 %.

    ``keeps`` is how long it keeps a result, from its end on (None: it does not say).
    ``refuses_batches`` is its answer to questions about several tasks; ``garbled`` ones cannot be
    read in such an answer, ``unreadable`` ones in none, ``missing`` ones are left out of it.
    The first ``empty_reports`` of a task that is done hold no link.
    ``refuses_links`` is its answer to the download of a link, ``content`` what it sends.
    """

    name: ProviderName
    clock: OwnedClock
    seconds: float = 60.0
    supports_idempotency_keys: bool = True
    can_list_tasks: bool = True
    batch_size: int = 1
    supports_callbacks: bool = False
    tasks: dict[TaskId, FakeTask] = field(default_factory=dict)
    polls: int = 0
    posts: int = 0
    submit_faults: list[tuple[str, ProviderError]] = field(default_factory=list)
    prepare_faults: list[ProviderError] = field(default_factory=list)
    upload_faults: list[ProviderError] = field(default_factory=list)
    foreign: list[datetime] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    query_faults: list[ProviderError] = field(default_factory=list)
    download_faults: list[ProviderError] = field(default_factory=list)
    refuses_links: Callable[[str], ProviderError | None] = lambda _: None
    content: bytes = VIDEO
    keeps: float | None = None
    empty_reports: int = 0
    downloads: list[tuple[float, str]] = field(default_factory=list)
    refuses_batches: ProviderError | None = None
    garbled: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    batches: int = 0
    outcomes: list[TaskReport] = field(default_factory=list)
    specs: list[TaskSpec] = field(default_factory=list)
    micro_usd: int = 1_000_000
    balance_questions: int = 0
    posted_at: list[float] = field(default_factory=list)

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        if self.prepare_faults:
            raise self.prepare_faults.pop(0)
        if spec.images and self.upload_faults:
            raise self.upload_faults.pop(0)
        self.specs.append(spec)
        files = range(len(self.uploads), len(self.uploads) + len(spec.images))
        uploads = tuple(f"file-{number}" for number in files)
        self.uploads.extend(uploads)
        return PreparedTask(
            model_id=spec.plan.model_id, body={"prompt": spec.prompt}, uploads=uploads
        )

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        self.posts += 1
        self.posted_at.append(self.clock.seconds)
        moment, fault = self.submit_faults.pop(0) if self.submit_faults else ("", None)
        if fault is not None and moment == "before":
            raise fault
        task = next(
            (t for t in self.tasks.values() if t.key == key and self.supports_idempotency_keys),
            None,
        )
        if task is None:
            task_id = TaskId(f"{self.name}-{len(self.tasks) + 1}")
            outcome = self.outcomes.pop(0) if self.outcomes else None
            if outcome is not None:
                outcome = replace(outcome, task_id=task_id)
            task = FakeTask(
                task_id, key, prepared.body, self.clock.now(), self.clock.seconds + self.seconds,
                outcome,
            )  # fmt: skip
            self.tasks[task_id] = task
        if fault is not None:
            raise fault
        return Submission(task_id=task.task_id, estimated_seconds=round(self.seconds))

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        """As a list of the whole account: it shows times, not requests, and other people's tasks
        (made at the times ``foreign``).
        """
        ours = [task.made_at for task in self.tasks.values() if task.task_id not in known]
        return all(made_at < since for made_at in (*ours, *self.foreign))

    async def query(self, task_id: TaskId) -> TaskReport:
        self.polls += 1
        if self.query_faults:
            raise self.query_faults.pop(0)
        if task_id not in self.tasks:
            raise ProviderError(Code.PROVIDER_TASK_GONE)
        if task_id in self.unreadable:
            raise ProviderError(Code.PROVIDER_MALFORMED)
        return self._report(self.tasks[task_id])

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        if len(task_ids) > self.batch_size:
            raise ValueError(f"at most {self.batch_size} tasks in one query")
        self.polls += 1
        self.batches += 1
        if self.query_faults:
            raise self.query_faults.pop(0)
        if self.refuses_batches is not None:
            raise self.refuses_batches
        known = [self.tasks[task_id] for task_id in task_ids if task_id in self.tasks]
        reports: dict[TaskId, TaskReport | ProviderError] = {
            task.task_id: self._report(task) for task in known
        }
        return {
            task_id: ProviderError(Code.PROVIDER_MALFORMED)
            if task_id in self.garbled | self.unreadable
            else report
            for task_id, report in reports.items()
            if task_id not in self.missing
        }

    async def release(self, uploads: Sequence[str]) -> None:
        self.released.extend(uploads)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        self.downloads.append((self.clock.seconds, url))
        if self.download_faults:
            raise self.download_faults.pop(0)
        if (refusal := self.refuses_links(url)) is not None:
            raise refusal
        if len(self.content) > max_bytes:
            raise ProviderError(Code.RESULT_TOO_LARGE)
        destination.write_bytes(self.content)
        digest = hashlib.sha256(self.content).hexdigest()
        return Download(size=len(self.content), sha256=digest)

    async def balance(self) -> Balance:
        self.balance_questions += 1
        return Balance(micro_usd=self.micro_usd)

    def _report(self, task: FakeTask) -> TaskReport:
        left = task.ends_after - self.clock.seconds
        if left > 0:
            done = 1 - left / self.seconds
            return TaskReport(
                task_id=task.task_id,
                state=TaskState.ACTIVE,
                progress=int(done * 100),
                made_at=task.made_at,
            )
        if task.outcome is not None:
            return task.outcome
        if self.empty_reports:
            self.empty_reports -= 1
            return TaskReport(task_id=task.task_id, state=TaskState.COMPLETED, progress=100)
        return TaskReport(
            task_id=task.task_id,
            state=TaskState.COMPLETED,
            made_at=task.made_at,
            progress=100,
            urls=(f"https://results.example/{task.task_id}.mp4",),
            urls_expire_at=None
            if self.keeps is None
            else START + timedelta(seconds=task.ends_after + self.keeps),
            duration_ms=5000,
            cost_micro_usd=430_000,
        )


@dataclass
class SlowList(FakeProvider):
    """Without keys; its list shows a task ``settles`` seconds after it was sent, by true time."""

    supports_idempotency_keys: bool = False
    settles: float = 120.0

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        if (self.clock.now() - (sent_at or since)).total_seconds() < self.settles:
            return False
        for task in self.tasks.values():
            made = task.ends_after - self.seconds
            listed = START + timedelta(seconds=made) >= since
            settled = self.clock.seconds - made >= self.settles
            if task.task_id not in known and listed and settled:
                return False
        return True


class FakeDirectory:
    """Providers in order, all of one family with text, image and edit modes."""

    def __init__(self, *providers: FakeProvider) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self.catalogue = catalogue(*self._providers)

    def candidates(
        self,
        request: VideoRequest,
        *,
        parent: Generation | None = None,
        without: Sequence[ProviderName] = (),
    ) -> Sequence[Candidate]:
        mode = modes_for(request)[0]
        found = [
            Candidate(provider=offer.provider, plan=fit(request, offer))
            for offer in self.catalogue.offers
            if offer.mode is mode and offer.provider not in without
        ]
        if not found:
            raise Refused(Code.NO_PROVIDER)
        return found

    def get(self, name: ProviderName) -> FakeProvider:
        return self._providers[name]

    def names(self) -> Sequence[ProviderName]:
        return tuple(self._providers)


def catalogue(*providers: ProviderName) -> Catalogue:
    """One family, 3 to 10 seconds, at every provider named."""
    model = ModelName("omni-flash")
    offers = tuple(
        Offer(
            provider=provider,
            model=model,
            mode=mode,
            model_id=f"{model}-{mode}",
            min_duration=3,
            max_duration=0 if mode is Mode.EDIT else 10,
            default_duration=5,
            aspect_ratios=() if mode is Mode.EDIT else ("16:9", "9:16"),
            max_images=4,
            max_source_seconds=10,
            micro_usd_per_second={"": 86_000},
        )
        for provider in providers
        for mode in (Mode.TEXT, Mode.IMAGE, Mode.EDIT, Mode.EXTEND)
    )
    return Catalogue(offers=offers, titles={model: "Omni Flash"}, default_model=model)


def refusal(code: Code, **kwargs: Any) -> ProviderError:
    """A definite refusal of a submission."""
    return ProviderError(code, accepted=Accepted.NO, **kwargs)


def silence(code: Code = Code.PROVIDER_TIMEOUT) -> ProviderError:
    """An answer that never came: the task may exist."""
    return ProviderError(code, accepted=Accepted.UNKNOWN, retryable=True)
