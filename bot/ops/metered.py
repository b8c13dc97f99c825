"""A provider whose calls are measured."""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.domain.catalogue import ProviderName
from bot.domain.errors import ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import (
    Balance,
    Download,
    PreparedTask,
    Provider,
    Submission,
    TaskReport,
    TaskSpec,
)
from bot.domain.ports.telemetry import Telemetry

T = TypeVar("T")


class MeteredProvider:
    """Passes calls on to ``provider`` and reports their outcome and duration."""

    def __init__(self, provider: Provider, *, telemetry: Telemetry, clock: Clock) -> None:
        self._provider = provider
        self._telemetry = telemetry
        self._clock = clock

    @property
    def name(self) -> ProviderName:
        return self._provider.name

    @property
    def supports_idempotency_keys(self) -> bool:
        return self._provider.supports_idempotency_keys

    @property
    def can_list_tasks(self) -> bool:
        return self._provider.can_list_tasks

    @property
    def batch_size(self) -> int:
        return self._provider.batch_size

    @property
    def supports_callbacks(self) -> bool:
        return self._provider.supports_callbacks

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        return await self._timed("prepare", self._provider.prepare(spec))

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        return await self._timed("submit", self._provider.submit(prepared, key=key))

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        proof = self._provider.proves_absent(prepared, since=since, sent_at=sent_at, known=known)
        return await self._timed("proves_absent", proof)

    async def query(self, task_id: TaskId) -> TaskReport:
        return await self._timed("query", self._provider.query(task_id))

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        return await self._timed("query_many", self._provider.query_many(task_ids))

    async def release(self, uploads: Sequence[str]) -> None:
        await self._timed("release", self._provider.release(uploads))

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        got = self._provider.download(url, destination, max_bytes=max_bytes)
        return await self._timed("download", got)

    async def balance(self) -> Balance:
        return await self._timed("balance", self._provider.balance())

    async def _timed(self, call: str, work: Awaitable[T]) -> T:
        began = self._clock.monotonic()
        outcome = "ok"
        try:
            return await work
        except ProviderError as error:
            outcome = error.code.value
            raise
        finally:
            took = self._clock.monotonic() - began
            self._telemetry.called(self.name, call, outcome, took)
