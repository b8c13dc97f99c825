"""Providers and the disk, as what outlives the bot: nothing that was paid for is forgotten, nothing
that was renamed is lost. Trouble is lasting, as in ``wires``: who comes back meets the same world.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.domain.errors import Accepted, Code, MediaError, ProviderError
from bot.domain.ids import GenerationId, TaskId
from bot.domain.media import FitStep, FittedMedia, StoredMedia
from bot.domain.ports.provider import PreparedTask, Submission, TaskReport
from tests.fakes.ports import FakeMedia
from tests.fakes.providers import FakeProvider, FakeTask

LIST_SETTLES = 120
"""How long a POST may still be processed before its task appears in the list."""


@dataclass
class Provider(FakeProvider):
    """A provider whose troubles are lasting.

    ``refuses`` is its answer to every POST, ``refuses_now`` the one at this time; ``mute`` tells
    whether a POST is taken and its answer lost, ``deaf`` whether it is lost on the way; ``ends``
    how every task ends; the list is complete after ``settles`` seconds. A POST takes ``latency``
    seconds. ``uses`` are the files of each task, ``wrongs`` what must not be done with them.
    """

    refuses: ProviderError | None = None
    mute: Callable[[], bool] = lambda: False
    deaf: Callable[[], bool] = lambda: False
    ends: Callable[[TaskId], TaskReport] | None = None
    refuses_now: Callable[[], ProviderError | None] = lambda: None
    settles: float = LIST_SETTLES
    latency: float = 0.0
    uses: dict[TaskId, tuple[str, ...]] = field(default_factory=dict[TaskId, tuple[str, ...]])
    wrongs: list[str] = field(default_factory=list[str])

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        if self.latency:
            await self.clock.sleep(self.latency)
        if self.deaf():
            raise ProviderError(Code.PROVIDER_TIMEOUT, accepted=Accepted.UNKNOWN, retryable=True)
        if self.refuses is not None:
            self.posts += 1
            raise self.refuses
        if (refusal := self.refuses_now()) is not None:
            self.posts += 1
            raise refusal
        taken = await super().submit(prepared, key=key)
        if taken.task_id not in self.uses and set(prepared.uploads) & set(self.released):
            self.wrongs.append(f"{taken.task_id} was made from a file that had been deleted")
        self.uses.setdefault(taken.task_id, tuple(prepared.uploads))
        if self.mute():
            raise ProviderError(Code.PROVIDER_TIMEOUT, accepted=Accepted.UNKNOWN, retryable=True)
        return taken

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        """As EvoLink's list: it proves absence, never identity, and not too early."""
        if not self.can_list_tasks:
            return False
        if (self.clock.now() - (sent_at or since)).total_seconds() < self.settles:
            return False
        after = since - timedelta(seconds=30)
        return await super().proves_absent(prepared, since=after, known=known)

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete files. What a task still reads must not be deleted."""
        for task_id, used in self.uses.items():
            under_way = self.tasks[task_id].ends_after > self.clock.seconds
            if under_way and set(used) & set(uploads):
                self.wrongs.append(f"a file of {task_id} was deleted while it was under way")
        await super().release(uploads)

    def of(self, generation_id: GenerationId) -> list[FakeTask]:
        """Tasks paid for a generation, by the key they came with."""
        return [t for t in self.tasks.values() if t.key.split("-")[1] == generation_id]

    def _report(self, task: FakeTask) -> TaskReport:
        report = super()._report(task)
        if self.ends is not None and task.ends_after <= self.clock.seconds:
            return self.ends(task.task_id)
        return report


@dataclass
class Disk(FakeMedia):
    """Files of ``size`` bytes; making one smaller takes ``fit_seconds``, and the copy is kept.

    ``full`` tells whether nothing can be written.
    """

    clock: Any = None
    fit_seconds: float = 0.0
    full: Callable[[], bool] = lambda: False

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        if self.full():
            raise MediaError(Code.INTERNAL, reason="disk_full")
        return await super().adopt(generation_id, sha256)

    async def can_keep(self) -> bool:
        return not self.full()

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        source = self.path_of(media)
        if media.size <= max_bytes:
            return FittedMedia(path=str(source), size=media.size, step=FitStep.ORIGINAL)
        copy = source.with_suffix(f".{max_bytes}.mp4")
        if not copy.exists():
            await self.clock.sleep(self.fit_seconds)
            copy.write_bytes(source.read_bytes()[:max_bytes])
        return FittedMedia(path=str(copy), size=max_bytes, step=FitStep.REENCODED)
