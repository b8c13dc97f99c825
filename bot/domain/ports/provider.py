"""A video gateway as the services see it.

One conformance suite runs over every implementation. Every method raises ``ProviderError`` and
nothing else for what happens outside.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.domain.catalogue import Plan, ProviderName
from bot.domain.errors import ProviderError
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, TaskId
from bot.domain.media import StoredMedia
from bot.domain.request import VideoRequest


@dataclass(frozen=True, kw_only=True)
class SourceVideo:
    """The video to edit or extend, in every way it can be named. At least one is set.

    ``task_id`` is set only when the video was made at the very provider asked now. ``result_url``
    is a gateway's own link, given only while valid; ``discord_url`` a signed CDN link, the last
    resort.
    """

    task_id: TaskId | None = None
    result_url: str | None = None
    media: StoredMedia | None = None
    discord_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """All that a provider needs to make one video."""

    generation_id: GenerationId
    plan: Plan
    prompt: str
    images: tuple[StoredMedia, ...] = ()
    last_frame: StoredMedia | None = None
    source: SourceVideo | None = None
    callback_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class PreparedTask:
    """A request ready to be paid for: uploads done, body final (JSON values only).

    ``uploads`` are the provider's ids of the files that were uploaded for this request. They take
    up room there until ``Provider.release`` deletes them.
    """

    model_id: str
    body: dict[str, Any]
    uploads: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A task the provider has taken. ``reserved_micro_usd`` is None where it is not told."""

    task_id: TaskId
    estimated_seconds: int | None = None
    reserved_micro_usd: int | None = None


class TaskState(StrEnum):
    """A task at its provider. Words that nobody knows mean ``ACTIVE``."""

    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """One answer about a task. ``progress`` in percent; ``error`` is set when it failed.

    ``urls`` holds every link that may be the video, the most likely first. It may be empty for a
    completed task: the link can follow a little later, so the task is worth asking about again.
    ``model_id`` and ``made_at`` are what the provider says of the task ("" and None: nothing).
    """

    task_id: TaskId
    state: TaskState
    progress: int | None = None
    estimated_seconds: int | None = None
    urls: tuple[str, ...] = ()
    urls_expire_at: datetime | None = None
    duration_ms: int | None = None
    cost_micro_usd: int | None = None
    error: ProviderError | None = None
    model_id: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What is left at a provider; ``micro_usd`` None means unlimited or not told."""

    micro_usd: int | None
    unlimited: bool = False


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file fetched to disk: bytes, SHA-256 in hex."""

    size: int
    sha256: str


class Provider(Protocol):
    """A gateway. Methods wait at most the timeouts of the HTTP door and never retry a paid POST."""

    @property
    def name(self) -> ProviderName:
        """The name used in the configuration and the catalogue."""
        ...

    @property
    def supports_idempotency_keys(self) -> bool:
        """Whether repeating a submission with the same key is safe."""
        ...

    @property
    def can_list_tasks(self) -> bool:
        """Whether ``proves_absent`` can ever be true: the provider lists the account's tasks."""
        ...

    @property
    def batch_size(self) -> int:
        """How many tasks one query can ask about (1: no batches)."""
        ...

    @property
    def supports_callbacks(self) -> bool:
        """Whether it accepts a callback URL."""
        ...

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        """Hand over the media (uploads, nothing paid) and build the final body."""
        ...

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        """The paid POST, once. ``ProviderError.accepted`` tells whether a task may exist after an
        error.
        """
        ...

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        """Return True if the provider's list proves that no task came of this request.

        The list is the whole account's and does not name requests: other applications' tasks are
        in it. A task in it that nobody here knows means "cannot tell" (False); it is never taken
        for ours.

        ``since`` is when the request was sent first; ``sent_at`` is when it was sent last, if that
        was later: a request sent a moment ago may still be on its way. ``known`` are the tasks of
        all other generations at this provider.
        """
        ...

    async def query(self, task_id: TaskId) -> TaskReport:
        """One task. An unknown id raises PROVIDER_TASK_GONE."""
        ...

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        """Query several tasks at once, at most ``batch_size``.

        A task that the provider does not know is absent from the result. The value of a task whose
        part of the answer cannot be read is a ``ProviderError``; it says nothing about the others.

        Raises:
            ProviderError: nothing was answered. PROVIDER_MALFORMED means that batches do not work
                at this provider now; single queries may.
        """
        ...

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete uploaded files (``PreparedTask.uploads``) whose task has ended.

        It is done as well as possible and never raises: the provider deletes them in time itself.
        """
        ...

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Stream a finished video to ``destination`` (made anew).

        Whether it is a video that plays is for ``MediaStore.adopt`` to judge.

        Raises:
            ProviderError: RESULT_GONE (404, 410, 403 or an expired link), RESULT_BROKEN (text in
                the place of a video, or shorter than announced), RESULT_TOO_LARGE, or a retryable
                PROVIDER_UNAVAILABLE.
        """
        ...

    async def balance(self) -> Balance:
        """What is left to spend."""
        ...


class InformedProvider(Provider, Protocol):
    """A provider that also answers what only an operator asks."""

    async def listed_models(self) -> frozenset[str] | None:
        """The model ids that the provider lists; None where it has no list."""
        ...

    async def spent(self, *, since: datetime) -> int | None:
        """Micro-USD paid since then, at most 31 days ago; None where the provider does not tell.

        An error means that it is not known, never that nothing was spent.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A provider that can do a request, and what it would do."""

    provider: ProviderName
    plan: Plan


class ProviderDirectory(Protocol):
    """The providers that are switched on, and the choice among them."""

    def candidates(
        self,
        request: VideoRequest,
        *,
        parent: Generation | None = None,
        without: Sequence[ProviderName] = (),
    ) -> Sequence[Candidate]:
        """Those that can serve a request, the best first, never empty.

        Order: the parent's provider (if it can), fewer adjustments, the configured order.

        Raises:
            Refused: the refusal of the offer that came nearest, MODE_UNSUPPORTED, MODEL_UNKNOWN,
                or NO_PROVIDER.
        """
        ...

    def get(self, name: ProviderName) -> Provider:
        """A provider by its name; KeyError when it is off."""
        ...

    def names(self) -> Sequence[ProviderName]:
        """Those that are on, in the configured order."""
        ...
