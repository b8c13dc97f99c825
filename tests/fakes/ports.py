"""Fakes of the ports for the services' tests, and a clock that the tests move.

The storage is the real one, on SQLite: its rules are half of what is tested. The fakes keep what
reached them, and do as their scripts say.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from bot.domain.errors import Code, MediaError
from bot.domain.generation import Generation, LiveStatus, Place, Posting, Target
from bot.domain.ids import ChannelId, GenerationId, MessageId
from bot.domain.media import FitStep, FittedMedia, MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.domain.ports.storage import Storage, Transaction

T = TypeVar("T")
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


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
