"""A video provider as the services see it.

One conformance suite runs over every implementation. Every method raises ``ProviderError`` and
nothing else for errors outside of our process.
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

    ``task_id`` is set only if the video was made by the provider that is asked now. ``result_url``
    is a provider's link, set only while valid; ``discord_url`` is a signed CDN link, the last
    resort.
    """

    task_id: TaskId | None = None
    result_url: str | None = None
    media: StoredMedia | None = None
    discord_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Everything that a provider needs to make one video."""

    generation_id: GenerationId
    plan: Plan
    prompt: str
    images: tuple[StoredMedia, ...] = ()
    last_frame: StoredMedia | None = None
    source: SourceVideo | None = None
    callback_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class PreparedTask:
    """A request that is ready to be submitted: uploads done, body final (JSON values only).

    ``uploads`` are the provider's ids of the files that were uploaded for this request. They use
    space there until ``Provider.release`` deletes them.
    """

    model_id: str
    body: dict[str, Any]
    uploads: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A task that the provider accepted. ``reserved_micro_usd`` is None if it is not reported."""

    task_id: TaskId
    estimated_seconds: int | None = None
    reserved_micro_usd: int | None = None


class TaskState(StrEnum):
    """The state of a task at its provider. Unknown words are read as ``ACTIVE``."""

    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """One answer about a task. ``progress`` is in percent; ``error`` is set if it failed.

    ``urls`` holds every link that may be the video, the most likely first. It may be empty for a
    completed task: the link can follow a little later, so the task is worth asking about again.
    ``model_id`` and ``made_at`` are what the provider reports ("" and None: nothing).
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
    """The balance at a provider; ``micro_usd`` is None if unlimited or not reported."""

    micro_usd: int | None
    unlimited: bool = False


@dataclass(frozen=True, kw_only=True)
class Download:
    """A downloaded file: its size in bytes, its SHA-256 in hex."""

    size: int
    sha256: str


class Provider(Protocol):
    """A provider. Every call has the HTTP client's timeout, and a paid POST is never retried."""

    @property
    def name(self) -> ProviderName:
        """``name`` is the name in the configuration and the catalogue."""
        ...

    @property
    def supports_idempotency_keys(self) -> bool:
        """True if repeating a submission with the same key makes no second task."""
        ...

    @property
    def can_list_tasks(self) -> bool:
        """True if the provider lists the account's tasks, so that ``proves_absent`` can be True."""
        ...

    @property
    def batch_size(self) -> int:
        """``batch_size`` is how many tasks one query can ask about (1: no batches)."""
        ...

    @property
    def supports_callbacks(self) -> bool:
        """True if the provider accepts a callback URL."""
        ...

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        """Upload the media (free of charge) and build the final body."""
        ...

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        """Send the paid POST, once. After an error, ``ProviderError.accepted`` says whether a task
        may exist.
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
        """Return True if the provider's list proves that this request made no task.

        The list is the whole account's and does not name requests: other applications' tasks are
        in it. An unknown task in it means that nothing is proven (False); it is never assumed to be
        ours.

        ``since`` is when the request was sent first; ``sent_at`` is when it was sent last, if that
        was later: a request sent a moment ago may still be on its way. ``known`` are the tasks of
        all other generations at this provider.
        """
        ...

    async def query(self, task_id: TaskId) -> TaskReport:
        """Query one task. An unknown id raises PROVIDER_TASK_GONE."""
        ...

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        """Query several tasks at once, at most ``batch_size``.

        A task that the provider does not know is absent from the result. The value of a task whose
        part of the answer cannot be read is a ``ProviderError``; it says nothing about the others.

        Raises:
            ProviderError: there was no answer. PROVIDER_MALFORMED means that batches do not work at
                this provider now; single queries may.
        """
        ...

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete uploaded files (``PreparedTask.uploads``) whose task has ended.

        It is a best effort and never raises: the provider deletes the files in time anyway.
        """
        ...

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Stream a finished video to ``destination``, replacing a file that is there.

        ``MediaStore.adopt`` checks whether it is a playable video.

        Raises:
            ProviderError: RESULT_GONE (404, 410, 403 or an expired link), RESULT_BROKEN (text in
                the place of a video, or shorter than announced), RESULT_TOO_LARGE, or a retryable
                PROVIDER_UNAVAILABLE.
        """
        ...

    async def balance(self) -> Balance:
        """Return the balance of the account."""
        ...


class InformedProvider(Provider, Protocol):
    """A provider with additional queries for the operator."""

    async def listed_models(self) -> frozenset[str] | None:
        """Return the model ids that the provider lists; None if it has no list."""
        ...

    async def spent(self, *, since: datetime) -> int | None:
        """Return the micro-USD spent since then, at most 31 days ago; None if not reported.

        An error means that the amount is unknown, never that it is 0.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A provider that can serve a request, and its plan for it."""

    provider: ProviderName
    plan: Plan


class ProviderDirectory(Protocol):
    """The enabled providers, and the choice among them."""

    def candidates(
        self,
        request: VideoRequest,
        *,
        parent: Generation | None = None,
        without: Sequence[ProviderName] = (),
    ) -> Sequence[Candidate]:
        """Return the providers that can serve a request, the best first, never empty.

        Order: the parent's provider (if it can), fewer adjustments, the configured order.

        Raises:
            Refused: the refusal of the offer that came nearest, MODE_UNSUPPORTED, MODEL_UNKNOWN,
                or NO_PROVIDER.
        """
        ...

    def get(self, name: ProviderName) -> Provider:
        """Return a provider by its name; raise KeyError if it is not enabled."""
        ...

    def names(self) -> Sequence[ProviderName]:
        """Return the names of the enabled providers, in the configured order."""
        ...
