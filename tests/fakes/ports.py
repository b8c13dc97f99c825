"""Fakes of the ports for the services' tests, and a clock that the tests move.

The storage is the real one, on SQLite: its rules are half of what is tested. The fakes keep what
reached them, and do as their scripts say.
"""

import asyncio
import hashlib
import heapq
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from bot.domain.catalogue import Catalogue, Mode, ModelName, Offer, ProviderName
from bot.domain.errors import Accepted, Code, MediaError, ProviderError, Refused
from bot.domain.fitting import fit, modes_for
from bot.domain.generation import Generation, LiveStatus, Place, Posting, Target
from bot.domain.ids import ChannelId, GenerationId, MessageId, TaskId
from bot.domain.media import FitStep, FittedMedia, MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
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
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import VideoRequest

T = TypeVar("T")
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")
VIDEO = b"\x00\x00\x00\x18ftypmp42 a video"


class OwnedClock:
    """Time that moves only when ``World.until`` lets it.

    ``ahead``: so many seconds the calendar is ahead of the true time; it may be set at any moment,
    and the monotonic clock does not notice.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ahead = 0.0
        self._timers: list[tuple[float, int, asyncio.Event]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.ahead)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        if event.is_set():
            return True
        if seconds is not None:
            due = self.seconds + max(seconds, 0.0)
            rung = asyncio.Event()
            heapq.heappush(self._timers, (due, next(self._numbers), rung))
            waiters = [asyncio.ensure_future(e.wait()) for e in (event, rung)]
            try:
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiter in waiters:
                    waiter.cancel()
                rung.set()
            return event.is_set()
        return await event.wait()

    def ring_next(self) -> bool:
        """Move to the next timer and ring it; False when there is none."""
        if (due := self.next_due()) is None:
            return False
        _, _, rung = heapq.heappop(self._timers)
        self.seconds = max(self.seconds, due)
        rung.set()
        return True

    def next_due(self) -> float | None:
        """Return when the next timer rings that a caller still waits for."""
        while self._timers and self._timers[0][2].is_set():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None


class WatchedStorage:
    """The real storage, counting what is under way, so that time stands still meanwhile.

    ``faults`` are raised by the next transactions, before (or, with ``after``, behind) the commit;
    ``away`` is raised by everything, for as long as it is set.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.under_way = 0
        self.reads = 0
        self.faults: list[tuple[str, BaseException]] = []
        self.away: BaseException | None = None

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.under_way += 1
        try:
            if self.away is not None:
                raise self.away
            moment, fault = self.faults.pop(0) if self.faults else ("", None)
            if fault is not None and moment == "before":
                raise fault
            result = await self._storage.transact(work)
            if fault is not None and moment == "after":
                raise fault
            return result
        finally:
            self.under_way -= 1

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.under_way += 1
        self.reads += 1
        try:
            if self.away is not None:
                raise self.away
            return await self._storage.read(work)
        finally:
            self.under_way -= 1


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


@dataclass
class FakeMedia:
    """Files in a temporary folder, believed to be five-second videos unless ``unplayable``."""

    folder: Path
    adopt_faults: list[Exception] = field(default_factory=list)
    unplayable: bytes = b""
    fit_faults: list[Exception] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    full_disk: bool = False

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        raise NotImplementedError

    def partial_path(self, generation_id: GenerationId) -> Path:
        return self.folder / f"{generation_id}.part"

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        if self.adopt_faults:
            raise self.adopt_faults.pop(0)
        part = self.partial_path(generation_id)
        if self.unplayable and part.read_bytes() == self.unplayable:
            raise MediaError(Code.RESULT_BROKEN)
        size = part.stat().st_size
        part.rename(self.folder / f"{generation_id}.mp4")
        return StoredMedia(
            kind=MediaKind.VIDEO,
            path=f"{generation_id}.mp4",
            mime="video/mp4",
            size=size,
            sha256=sha256,
            width=1280,
            height=720,
            duration_ms=5000,
        )

    def path_of(self, media: StoredMedia) -> Path:
        return self.folder / media.path

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        if self.fit_faults:
            raise self.fit_faults.pop(0)
        self.sizes.append(max_bytes)
        return FittedMedia(path=str(self.path_of(media)), size=media.size, step=FitStep.ORIGINAL)

    async def make_room(self) -> bool:
        return False

    async def can_keep(self) -> bool:
        return not self.full_disk

    async def discard(self, media: StoredMedia) -> None:
        self.path_of(media).unlink(missing_ok=True)


@dataclass
class FakeMessenger:
    """Keeps what would stand in Discord; each list of faults is used up in order."""

    limit: int = 10 * 2**20
    statuses: list[GenerationId] = field(default_factory=list)
    shown: list[tuple[GenerationId, str, int | None]] = field(default_factory=list)
    videos: list[tuple[GenerationId, Target, str]] = field(default_factory=list)
    ended: list[Generation] = field(default_factory=list)
    alerts: list[Code] = field(default_factory=list)
    status_faults: list[Exception] = field(default_factory=list)
    post_faults: list[tuple[str, Exception]] = field(default_factory=list)
    find_faults: list[Exception] = field(default_factory=list)
    end_faults: list[Exception] = field(default_factory=list)
    end_away: Callable[[], Exception | Literal[False] | None] = lambda: None
    threads: bool = True
    deletable: bool = True
    deleted: list[str] = field(default_factory=list[str])
    looks: int = 0
    links: dict[GenerationId, str] = field(default_factory=dict)

    async def open_status(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        if self.status_faults:
            raise self.status_faults.pop(0)
        self.statuses.append(generation.id)
        number = 5000 + len(self.statuses)
        return replace(
            generation.place,
            status_message_id=MessageId(number),
            status_channel_id=generation.place.channel_id,
            thread_id=ChannelId(number) if self.threads else None,
        )

    async def update_status(self, generation: Generation, live_status: LiveStatus) -> None:
        self.shown.append((generation.id, generation.state.value, live_status.progress))

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        step: FitStep,
        original_url: str | None,
    ) -> Posting:
        moment, fault = self.post_faults.pop(0) if self.post_faults else ("", None)
        if fault is not None and moment == "before":
            raise fault
        known = [nonce for _, _, nonce in self.videos]
        if posting.nonce not in known:
            self.videos.append((generation.id, posting.target, posting.nonce))
        if fault is not None:
            raise fault
        return self._posted(posting)

    async def find_video(
        self, generation: Generation, target: Target, *, since: datetime
    ) -> Posting | None:
        self.looks += 1
        if self.find_faults:
            raise self.find_faults.pop(0)
        for generation_id, where, nonce in self.videos:
            there = (generation_id, where) == (generation.id, target) and nonce not in self.deleted
            if there and generation.posting:
                return self._posted(generation.posting)
        return None

    async def video_link(self, generation: Generation) -> str | None:
        return self.links.get(generation.id)

    async def delete_video(self, generation: Generation) -> bool:
        posting = generation.posting
        if posting is None or posting.message_id is None or posting.nonce in self.deleted:
            return True
        if self.deletable:
            self.deleted.append(posting.nonce)
        return self.deletable

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        if self.end_faults:
            raise self.end_faults.pop(0)
        if fault := self.end_away():
            raise fault
        self.ended.append(generation)

    def upload_limit(self, generation: Generation, target: Target) -> int:
        return self.limit

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        self.alerts.append(code)

    def _posted(self, posting: Posting) -> Posting:
        nonces = [nonce for _, _, nonce in self.videos]
        number = 9000 + nonces.index(posting.nonce)
        return replace(
            posting, message_id=MessageId(number), channel_id=ChannelId(posting.target.id)
        )


def refusal(code: Code, **kwargs: Any) -> ProviderError:
    """A definite refusal of a submission."""
    return ProviderError(code, accepted=Accepted.NO, **kwargs)


def silence(code: Code = Code.PROVIDER_TIMEOUT) -> ProviderError:
    """An answer that never came: the task may exist."""
    return ProviderError(code, accepted=Accepted.UNKNOWN, retryable=True)
