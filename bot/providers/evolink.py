"""EvoLink: how it spells a request, a task and an error.

Owns EvoLink's JSON, status words, price fields and files service. It must not know of generations,
quotas or Discord. What the vendor documents and what was only seen once is told apart in
``docs/reference/providers.md``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.catalogue import Mode, ProviderName
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import (
    Balance,
    Download,
    PreparedTask,
    SourceVideo,
    Submission,
    TaskReport,
    TaskSpec,
    TaskState,
)
from bot.providers import json_values, moderation
from bot.providers.evolink_files import FILES_VERSION, EvoLinkFiles
from bot.providers.evolink_words import (
    CALL_WORDS,
    GONE_WORDS,
    TASK_FAILED,
    TASK_WORDS,
)
from bot.providers.http import HttpClient
from bot.providers.inline import by_name, inlined
from bot.providers.json_api import JsonApi, task_path
from bot.providers.links import results_of
from bot.providers.mirrors import Mirrors, base_url
from bot.providers.task_status import is_completed, state_of, word_in
from bot.providers.uploads import HostedFile

NAME = ProviderName("evolink")

# About 68 credits make a dollar, by the vendor's own client; a dollar amount wins where it is told.
_CREDITS_PER_USD = 68.0
_RESULTS_LAST = timedelta(hours=24)
_BATCH = 50
# Answers of something that has no batch queries: a provider in between, or an older API.
_NO_BATCHES = frozenset({404, 405, 501})

# All others take links only.
_TAKES_DATA_URLS = frozenset({"gemini-omni-flash-image-to-video"})

# The models of the first generation make 720p and have no parameter that says so.
_WITHOUT_QUALITY = frozenset(
    {
        "gemini-omni-flash-text-to-video",
        "gemini-omni-flash-image-to-video",
        "gemini-omni-flash-reference-to-video",
        "gemini-omni-flash-video-edit",
    }
)

# A POST that we gave up on may still be worked on for a while before its task appears in the list.
_LIST_SETTLES = timedelta(seconds=120)
_CLOCKS_DIFFER = timedelta(seconds=30)
_PAGE = 50
_MOST_PAGES = 10


class EvoLink:
    """The adapter. ``api_url`` and ``files_url`` may carry a path of their own."""

    name = NAME
    supports_idempotency_keys = True
    can_list_tasks = True
    batch_size = _BATCH
    supports_callbacks = True

    def __init__(
        self,
        *,
        api_url: str,
        files_url: str,
        api_key: str,
        http: HttpClient,
        media_root: Path,
        clock: Clock,
    ) -> None:
        self._provider = JsonApi(
            name=NAME,
            mirrors=Mirrors(api_url),
            api_key=api_key,
            http=http,
            media_root=media_root,
            clock=clock,
            words=CALL_WORDS,
        )
        files = Mirrors(base_url(files_url, FILES_VERSION))
        self._files = EvoLinkFiles(replace(self._provider, mirrors=files))

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        hosted: dict[str, HostedFile] = {}
        try:
            body = await self._body(spec, hosted)
        except ProviderError:
            await self.release([file.file_id for file in hosted.values()])
            raise
        uploads = tuple(file.file_id for file in hosted.values() if file.file_id)
        return PreparedTask(model_id=spec.plan.model_id, body=body, uploads=uploads)

    async def _body(self, spec: TaskSpec, hosted: dict[str, HostedFile]) -> dict[str, Any]:
        plan = spec.plan
        body: dict[str, Any] = {"model": plan.model_id, "prompt": spec.prompt}
        images = [*spec.images, *([spec.last_frame] if spec.last_frame else [])]
        if images:
            inline = plan.model_id in _TAKES_DATA_URLS
            body["image_urls"] = [
                (inline and by_name(image, root=self._provider.media_root))
                or await self._host(image, hosted)
                for image in images
            ]
        if plan.mode in {Mode.EDIT, Mode.EXTEND}:
            body["video_urls"] = [await self._source_url(spec.source, hosted)]
        if plan.auto_duration:
            body["duration"] = "auto"
        elif plan.duration is not None:
            body["duration"] = plan.duration
        if plan.aspect_ratio is not None:
            body["aspect_ratio"] = plan.aspect_ratio
        if plan.resolution is not None and plan.model_id not in _WITHOUT_QUALITY:
            body["quality"] = plan.resolution
        if spec.callback_url is not None:
            body["callback_url"] = spec.callback_url
        return body

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        sent = await inlined(prepared.body, root=self._provider.media_root)
        try:
            body = await self._provider.buy(
                "/v1/videos/generations", sent, {"Idempotency-Key": key}
            )
        except ProviderError as refusal:
            error = refusal
            if error.code is Code.PROVIDER_REJECTED:
                error = moderation.classified_by_words(error, CALL_WORDS)
            raise error from None
        task = _task_of(body)
        bare = json_values.items(json_values.mapping(body).get("data"))
        task_id = json_values.first_id(task.get("id"), task.get("task_id"), *bare)
        if not task_id:
            raise self._provider.malformed("id", paid=True)
        info = json_values.mapping(task.get("task_info"))
        usage = json_values.mapping(task.get("usage"))
        return Submission(
            task_id=TaskId(task_id),
            estimated_seconds=json_values.seconds(info.get("estimated_time")),
            reserved_micro_usd=json_values.micro_usd(
                usage.get("credits_reserved"), per_usd=_CREDITS_PER_USD
            ),
        )

    async def proves_absent(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        known: Collection[TaskId] = (),
    ) -> bool:
        """Return True if the account's list holds no task of this model since then but known ones.

        The list is the whole account's, not the key's, and shows model and time, not the request.
        It proves absence and never identity: an unknown task may be another application's.
        """
        if self._provider.now() - (sent_at or since) < _LIST_SETTLES:
            return False
        found = await self._listed(prepared.model_id, since)
        return found is not None and all(task_id in known for task_id in found)

    async def query(self, task_id: TaskId) -> TaskReport:
        body = await self._provider.read(task_path(task_id), gone=GONE_WORDS)
        return self._report(_task_of(body), asked=task_id)

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        if not task_ids:
            return {}
        if len(task_ids) > _BATCH:
            raise ValueError(f"at most {_BATCH} tasks in one query")
        try:
            body = await self._provider.ask("/v1/tasks/batch", {"task_ids": list(task_ids)})
        except ProviderError as error:
            if error.facts.get("status") in _NO_BATCHES:
                raise self._provider.malformed("batch") from None
            raise
        tasks = body.get("data") if isinstance(body, dict) else body
        if not isinstance(tasks, list):
            raise self._provider.malformed("data")
        reports: dict[TaskId, TaskReport | ProviderError] = {}
        unread: ProviderError | None = None
        for task in map(json_values.mapping, tasks):
            task_id = next((one for one in _ids(task) if one in task_ids), None)
            if task_id is None:
                # It could be any of those that are not answered otherwise.
                unread = self._provider.malformed("data.id")
            else:
                reports[task_id] = self._read(task, asked=task_id)
        if unread is not None:
            reports |= {task_id: unread for task_id in task_ids if task_id not in reports}
        return reports

    def _read(self, task: Mapping[str, Any], *, asked: TaskId) -> TaskReport | ProviderError:
        """The report of one task of a batch, or the error of one that cannot be read."""
        try:
            return self._report(task, asked=asked)
        except ProviderError as error:
            return error

    async def release(self, uploads: Sequence[str]) -> None:
        await self._files.release(uploads)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        return await self._provider.download(url, destination, max_bytes=max_bytes)

    async def listed_models(self) -> frozenset[str] | None:
        return await self._provider.listed_models()

    async def spent(
        self,
        *,
        since: datetime,  # noqa: ARG002 - the port's
    ) -> int | None:
        """The pages have no account of what was spent in a time."""
        return None

    async def balance(self) -> Balance:
        body = await self._provider.read("/v1/credits")
        data = json_values.mapping(json_values.mapping(body).get("data")) or json_values.mapping(
            body
        )
        user, token = json_values.mapping(data.get("user")), json_values.mapping(data.get("token"))
        left = [json_values.number(user.get("remaining_credits"))]
        if token.get("unlimited_credits") is not True:
            left.append(json_values.number(token.get("remaining_credits")))
        known = [amount for amount in left if amount is not None]
        if not known:
            return Balance(micro_usd=None, unlimited=token.get("unlimited_credits") is True)
        return Balance(micro_usd=round(max(min(known), 0) / _CREDITS_PER_USD * 1_000_000))

    async def host_video(self, media: StoredMedia) -> HostedFile:
        """Put a video where any provider can fetch it, for 72 hours or until it is released."""
        return await self._files.upload(media)

    async def _host(self, media: StoredMedia, hosted: dict[str, HostedFile]) -> str:
        """Return the link of a file, uploaded once for this request."""
        if media.sha256 not in hosted:
            hosted[media.sha256] = await self._files.upload(media)
        return hosted[media.sha256].url

    async def _source_url(self, source: SourceVideo | None, hosted: dict[str, HostedFile]) -> str:
        """A provider's own link while it is valid, our upload, Discord's link."""
        source = source or SourceVideo()
        if source.result_url is not None:
            return source.result_url
        if source.media is not None:
            try:
                return await self._host(source.media, hosted)
            except ProviderError as error:
                # The pages name images only; should a video be refused, it can still be fetched.
                full = error.code is Code.PROVIDER_FILES_FULL
                if source.discord_url is None or (error.retryable and not full):
                    raise
        if source.discord_url is None:
            raise ProviderError(
                Code.MEDIA_UNAVAILABLE, accepted=Accepted.NO, provider=NAME, reason="no source"
            )
        return source.discord_url

    async def _listed(self, model_id: str, since: datetime) -> list[TaskId] | None:
        """Return the ids of all tasks of a model made after ``since``; None: the list is too long.

        ``since`` is by our clock. The list is by EvoLink's, and its answer tells how far behind.
        """
        found: list[TaskId] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._provider.look(
                "/v1/tasks", params={"model": model_id, "page": page, "page_size": _PAGE}
            )
            body, floor = answer.body, since - _CLOCKS_DIFFER - self._provider.behind(answer)
            tasks = body.get("data") if isinstance(body, dict) else None
            if not isinstance(tasks, list):
                raise self._provider.malformed("data")
            times: list[datetime] = []
            for task in map(json_values.mapping, tasks):
                task_id = json_values.task_id(task.get("id"))
                made_at = json_values.moment(task.get("created_at") or task.get("created"))
                if not task_id or made_at is None:
                    raise self._provider.malformed("data.id")
                times.append(made_at)
                if made_at >= floor and json_values.text(task.get("model")) in {"", model_id}:
                    found.append(TaskId(task_id))
            total = json_values.number(body.get("total"))
            read_all = page * _PAGE >= total if total is not None else len(tasks) < _PAGE
            newest_first = times == sorted(times, reverse=True)
            if not tasks or read_all or (newest_first and times[-1] < floor):
                return found
        return None

    def _report(self, task: Mapping[str, Any], *, asked: TaskId) -> TaskReport:
        reported = _ids(task)
        if reported and asked not in reported:
            # Somebody else's task must never be taken for ours.
            raise self._provider.malformed("another task")
        word = word_in(task)
        urls = results_of(task, completed=is_completed(word))
        if not word and not urls:
            raise self._provider.malformed("status")
        state = state_of(word, has_video=bool(urls))
        info, usage = (
            json_values.mapping(task.get("task_info")),
            json_values.mapping(task.get("usage")),
        )
        refused = (
            json_values.text(json_values.mapping(task.get("error")).get("code")).lower()
            in TASK_WORDS
        )
        if state in {TaskState.ACTIVE, TaskState.COMPLETED} and not urls and refused:
            # Refused under a word that does not say so, as some models end without a video.
            state = TaskState.FAILED
        urls = urls if state is TaskState.COMPLETED else ()
        error = None
        if state is TaskState.FAILED:
            error = moderation.classified_by_words(
                self._provider.failed(
                    task.get("error"), words=TASK_WORDS, charged=False, fallback=TASK_FAILED
                ),
                TASK_WORDS,
            )
        elif state is TaskState.CANCELLED:
            # Whether a cancelled task is refunded is not told anywhere.
            error = ProviderError(
                Code.PROVIDER_FAILED,
                accepted=Accepted.YES,
                charged=True,
                provider=NAME,
                provider_code="cancelled",
            )
        return TaskReport(
            task_id=asked,
            state=state,
            progress=json_values.percent(task.get("progress")),
            estimated_seconds=json_values.seconds(info.get("estimated_time")),
            urls=urls,
            urls_expire_at=self._expiry(task) if urls else None,
            duration_ms=json_values.milliseconds(info.get("video_duration"))
            or json_values.milliseconds(
                json_values.mapping(task.get("result_data")).get("duration")
            ),
            cost_micro_usd=_cost(usage) if state is TaskState.COMPLETED else None,
            error=error,
            model_id=json_values.text(task.get("model")),
            made_at=json_values.moment(task.get("created") or task.get("created_at")),
        )

    def _expiry(self, task: Mapping[str, Any]) -> datetime:
        """Results last 24 hours from completion, which is not told: counted from the creation."""
        made_at = json_values.moment(task.get("created") or task.get("created_at"))
        now = self._provider.now()
        return (min(made_at, now) if made_at is not None else now) + _RESULTS_LAST


def _task_of(body: Any) -> Mapping[str, Any]:
    """The task, plain or wrapped in ``data``."""
    task = json_values.mapping(body)
    inner = json_values.mapping(task.get("data"))
    wrapped = "id" not in task or ("id" in inner and "status" in inner)
    return inner if inner and wrapped else task


def _ids(task: Mapping[str, Any]) -> list[TaskId]:
    """The ids that a task answers to."""
    found = (json_values.task_id(task.get("id")), json_values.task_id(task.get("task_id")))
    return [TaskId(one) for one in found if one]


def _cost(usage: Mapping[str, Any]) -> int | None:
    cost = json_values.mapping(usage.get("cost"))
    dollars = json_values.micro_usd(cost.get("usd"))
    if dollars is not None:
        return dollars
    credits_used = usage.get("credits_used")
    if credits_used is None:
        credits_used = cost.get("credits")
    return json_values.micro_usd(credits_used, per_usd=_CREDITS_PER_USD)
