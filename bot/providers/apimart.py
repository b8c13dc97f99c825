"""APIMart: how it spells a request, a task and an error.

Owns APIMart's JSON, status words, price fields and image uploads. It must not know of generations,
quotas or Discord. What the vendor documents and what third parties saw is told apart in
``docs/reference/providers.md``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
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
    Submission,
    TaskReport,
    TaskSpec,
    TaskState,
)
from bot.providers import json_values, moderation
from bot.providers.apimart_refusals import submit_error
from bot.providers.apimart_requests import (
    aspect_ratio_of,
    has_frames,
    links_of,
    prompt_of,
    task_of,
)
from bot.providers.http import HttpClient
from bot.providers.json_api import GONE, JsonApi, task_path
from bot.providers.links import results_of, tidy
from bot.providers.mirrors import Mirrors
from bot.providers.refusals import REJECTED, ErrorMeaning, verdict_of_status
from bot.providers.task_status import is_completed, state_of, word_in
from bot.providers.uploads import Uploads, VideoHost

NAME = ProviderName("apimart")

_GONE_WORDS: Mapping[str, ErrorMeaning] = {"task_not_found": GONE, "task_not_exist": GONE}

_FAILED = ErrorMeaning(code=Code.PROVIDER_FAILED)

# Both shapes of an answer are understood; this asks for the newer one, where the key counts.
_VERSION = {"X-APIMart-Response-Version": "2026-07-27"}

# The page's example has cost 1.0 beside credits_cost 10 for a video of a dollar's worth.
_CREDITS_PER_USD = 10.0


class ApiMart:
    """The adapter. ``api_url`` may carry a path of its own; several are mirrors of one account.

    ``supports_callbacks`` is false where the bot's own address is none that APIMart would call.
    """

    name = NAME
    supports_idempotency_keys = True
    can_list_tasks = False
    batch_size = 1

    def __init__(
        self,
        *,
        api_url: str | Sequence[str],
        api_key: str,
        http: HttpClient,
        media_root: Path,
        clock: Clock,
        video_host: VideoHost | None = None,
        supports_callbacks: bool = True,
    ) -> None:
        self.supports_callbacks = supports_callbacks
        self._provider = JsonApi(
            name=NAME,
            mirrors=Mirrors(api_url),
            api_key=api_key,
            http=http,
            media_root=media_root,
            clock=clock,
            words={},
        )
        self._uploads = Uploads(clock=clock)
        self._video_host = video_host

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        plan = spec.plan
        body: dict[str, Any] = {"model": plan.model_id}
        if prompt := prompt_of(spec):
            body["prompt"] = prompt
        body |= await self._images(spec)
        uploads: list[str] = []
        if plan.mode in {Mode.EDIT, Mode.EXTEND}:
            body |= await self._source(spec, uploads)
        if (aspect_ratio := aspect_ratio_of(spec, body)) is not None:
            body["aspect_ratio"] = aspect_ratio
        if plan.resolution is not None:
            body["resolution"] = plan.resolution
        if (task := task_of(spec)) is not None:
            body["metadata"] = {"task": task}
        if spec.callback_url is not None:
            # Only a base: the provider appends a path of its own.
            body["webhook"] = spec.callback_url
        return PreparedTask(model_id=plan.model_id, body=body, uploads=tuple(uploads))

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        try:
            body = await self._provider.buy(
                "/v1/videos/generations", prepared.body, {"Idempotency-Key": key, **_VERSION}
            )
        except ProviderError as refusal:
            error = submit_error(refusal, prepared.body)
            if error.code is Code.PROVIDER_REJECTED:
                # It may be one of our uploads that is gone: do not offer the same link again.
                self._uploads.forget(links_of(prepared.body))
                # There is no list of moderation codes.
                error = moderation.classified_by_words(error)
            raise error from None
        whole = json_values.mapping(body)
        task, bare = json_values.mapping(whole.get("data")), json_values.items(whole.get("data"))
        task_id = json_values.first_id(
            task.get("task_id"), task.get("id"), *bare, whole.get("task_id"), whole.get("id")
        )
        if not task_id:
            raise self._provider.malformed("data.task_id", paid=True)
        return Submission(
            task_id=TaskId(task_id),
            estimated_seconds=json_values.seconds(task.get("estimated_time")),
        )

    async def proves_absent(
        self,
        prepared: PreparedTask,  # noqa: ARG002 - the port's
        *,
        since: datetime,  # noqa: ARG002 - the port's
        sent_at: datetime | None = None,  # noqa: ARG002 - the port's
        known: Collection[TaskId] = (),  # noqa: ARG002 - the port's
    ) -> bool:
        """There is no list of tasks, so nothing is ever proven."""
        return False

    async def query(self, task_id: TaskId) -> TaskReport:
        body = await self._provider.read(task_path(task_id), gone=_GONE_WORDS)
        task = json_values.mapping(json_values.mapping(body).get("data")) or json_values.mapping(
            body
        )
        return self._report(task, asked=task_id)

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        if len(task_ids) > self.batch_size:
            raise ValueError("one task in one query")
        reports: dict[TaskId, TaskReport | ProviderError] = {}
        for task_id in task_ids:
            try:
                reports[task_id] = await self.query(task_id)
            except ProviderError as error:
                if error.code is not Code.PROVIDER_TASK_GONE:
                    raise
        return reports

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete hosted videos. APIMart's own uploads cannot be deleted, and have no limit."""
        if self._video_host is not None:
            await self._video_host.release(uploads)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        return await self._provider.download(url, destination, max_bytes=max_bytes)

    async def balance(self) -> Balance:
        body = json_values.mapping(await self._provider.read("/v1/user/balance"))
        data = body if "remain_balance" in body else json_values.mapping(body.get("data"))
        remaining = json_values.number(data.get("remain_balance"))
        if data.get("unlimited_quota") is True or remaining == -1:
            return Balance(micro_usd=None, unlimited=True)
        return Balance(micro_usd=None if remaining is None else round(max(remaining, 0) * 1e6))

    async def listed_models(self) -> frozenset[str] | None:
        return await self._provider.listed_models()

    async def spent(self, *, since: datetime) -> int | None:
        """What this key has paid for; the last minute may be missing."""
        span = {"start": int(since.timestamp()), "end": int(self._provider.now().timestamp()) + 1}
        body = json_values.mapping(await self._provider.read("/v1/usage", params=span))
        total = json_values.mapping(json_values.mapping(body.get("data")).get("total"))
        spent = json_values.micro_usd(total.get("amount_usd"))
        if spent is None:
            spent = json_values.micro_usd(total.get("credits"), per_usd=_CREDITS_PER_USD)
        if spent is None:
            raise self._provider.malformed("data.total")
        return spent

    async def _host_image(self, media: StoredMedia) -> str:
        known = self._uploads.url_of(media.sha256)
        if known is not None:
            return known
        body = json_values.mapping(await self._provider.upload("/v1/uploads/images", media))
        url = json_values.text(body.get("url")) or json_values.text(
            json_values.mapping(body.get("data")).get("url")
        )
        url = tidy(url)
        if not url:
            raise self._provider.malformed("url")
        self._uploads.remember(media.sha256, url, None)
        return url

    async def _images(self, spec: TaskSpec) -> dict[str, Any]:
        """The pictures: frames by their parameters where the model has these, the others as
        references.
        """
        body: dict[str, Any] = {}
        references = spec.images
        if has_frames(spec):
            first, references = spec.images[:1], spec.images[1:]
            if first:
                body["first_frame_image"] = await self._host_image(first[0])
        if spec.last_frame is not None:
            body["last_frame_image"] = await self._host_image(spec.last_frame)
        if references:
            body["image_urls"] = [await self._host_image(image) for image in references]
        return body

    async def _source(self, spec: TaskSpec, uploads: list[str]) -> dict[str, Any]:
        """The video to edit: its own task, a provider's link, a hosted copy, Discord's link.

        The id of a hosted copy is added to ``uploads``.
        """
        source = spec.source
        if source is None:
            raise self._no_source()
        if source.task_id is not None:
            return {"extend_from_task_id": source.task_id}
        if source.result_url is not None:
            return {"video_urls": [source.result_url]}
        if source.media is not None and self._video_host is not None:
            try:
                hosted = await self._video_host.host_video(source.media)
                uploads += [hosted.file_id] if hosted.file_id else []
                return {"video_urls": [hosted.url]}
            except ProviderError:
                # The host is another provider, and its trouble must not look like this one's.
                if source.discord_url is None:
                    raise self._no_source() from None
        if source.discord_url is not None:
            return {"video_urls": [source.discord_url]}
        raise self._no_source()

    def _no_source(self) -> ProviderError:
        return ProviderError(
            Code.PROVIDER_UNAVAILABLE, accepted=Accepted.NO, provider=NAME, reason="no source"
        )

    def _report(self, task: Mapping[str, Any], *, asked: TaskId) -> TaskReport:
        reported_id = json_values.task_id(task.get("id")) or json_values.task_id(
            task.get("task_id")
        )
        if reported_id and reported_id != asked:
            # Somebody else's task must never be taken for ours.
            raise self._provider.malformed("another task")
        word = word_in(task)
        urls, expires_at = _results(task, completed=is_completed(word))
        if not word and not urls:
            raise self._provider.malformed("status")
        state = state_of(word, has_video=bool(urls))
        if state is not TaskState.COMPLETED:
            urls, expires_at = (), None
        cost = _cost(task)
        error = None
        if state is TaskState.FAILED:
            # The money of a failed task comes back, unless a cost is told all the same.
            error = self._failure(task.get("error"), charged=bool(cost))
        elif state is TaskState.CANCELLED:
            error = self._provider.failed(
                task.get("error"), words={}, charged=cost != 0, fallback=_FAILED
            )
        return TaskReport(
            task_id=asked,
            state=state,
            progress=json_values.percent(task.get("progress")),
            estimated_seconds=json_values.seconds(task.get("estimated_time")),
            urls=urls,
            urls_expire_at=expires_at,
            cost_micro_usd=cost if state is TaskState.COMPLETED or cost else None,
            error=error,
            model_id=json_values.text(task.get("model")),
            made_at=json_values.moment(task.get("created")),
        )

    def _failure(self, error: Any, *, charged: bool) -> ProviderError:
        status = json_values.number(json_values.mapping(error).get("code"))
        fallback = _FAILED
        if status is not None and (status == 429 or status >= 500):
            fallback = ErrorMeaning(
                code=Code.PROVIDER_FAILED, retryable=verdict_of_status(int(status)).retryable
            )
        elif status is not None and 400 <= status < 500:
            fallback = REJECTED
        return moderation.classified_by_words(
            self._provider.failed(error, words={}, charged=charged, fallback=fallback)
        )


def _results(
    task: Mapping[str, Any], *, completed: bool
) -> tuple[tuple[str, ...], datetime | None]:
    result = json_values.mapping(task.get("result"))
    videos = [*json_values.items(result.get("videos")), *json_values.items(result.get("video"))]
    expiry_times = (
        json_values.moment(json_values.mapping(video).get("expires_at")) for video in videos
    )
    expiries = [moment for moment in expiry_times if moment is not None]
    return results_of(task, completed=completed), min(expiries, default=None)


def _cost(task: Mapping[str, Any]) -> int | None:
    dollars = json_values.micro_usd(task.get("cost"))
    if dollars is not None:
        return dollars
    return json_values.micro_usd(task.get("credits_cost"), per_usd=_CREDITS_PER_USD)
