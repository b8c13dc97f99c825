"""The ``Provider`` of APIMart: one method for each call of its API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import (
    Balance,
    Download,
    PreparedTask,
    Submission,
    TaskReport,
    TaskSpec,
)
from bot.providers import json_values, moderation
from bot.providers.apimart.reports import CREDITS_PER_USD, report_of
from bot.providers.apimart.requests import RequestBuilder, links_of
from bot.providers.apimart.submit_errors import submit_error
from bot.providers.http import HttpClient
from bot.providers.json_api import GONE, JsonApi, task_path
from bot.providers.mirrors import Mirrors
from bot.providers.response_errors import ErrorMeaning
from bot.providers.uploads import Uploads, VideoHost

_GONE_CODES: Mapping[str, ErrorMeaning] = {"task_not_found": GONE, "task_not_exist": GONE}

# Both versions of a response are read. This requests the newer one, which honours the key.
_VERSION = {"X-APIMart-Response-Version": "2026-07-27"}


class ApiMart:
    """The adapter. ``api_url`` may contain a path; several addresses are mirrors of one account.

    ``supports_callbacks`` is False if APIMart would not call the bot's own address.
    """

    name = ProviderName("apimart")
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
        self._api = JsonApi(
            name=self.name,
            mirrors=Mirrors(api_url),
            api_key=api_key,
            http=http,
            media_root=media_root,
            clock=clock,
            codes={},
        )
        self._uploads = Uploads(clock=clock)
        self._video_host = video_host

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        request = RequestBuilder(
            spec, api=self._api, uploads=self._uploads, video_host=self._video_host
        )
        body = await request.body()
        return PreparedTask(model_id=spec.plan.model_id, body=body, uploads=request.uploads)

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        try:
            body = await self._api.post_paid(
                "/v1/videos/generations", prepared.body, {"Idempotency-Key": key, **_VERSION}
            )
        except ProviderError as refusal:
            error = submit_error(refusal, prepared.body)
            if error.code is Code.PROVIDER_REJECTED:
                # One of our uploads may have expired: do not use these links again.
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
            raise self._api.malformed("data.task_id", paid=True)
        return Submission(
            task_id=TaskId(task_id),
            estimated_seconds=json_values.seconds(task.get("estimated_time")),
        )

    async def proves_absent(self, prepared: PreparedTask, **_: Any) -> bool:  # noqa: ARG002 - the port's
        """Return False: APIMart does not list tasks."""
        return False

    async def query(self, task_id: TaskId) -> TaskReport:
        body = await self._api.get(task_path(task_id), gone=_GONE_CODES)
        return report_of(json_values.unwrapped(body), asked=task_id, api=self._api)

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
        return await self._api.download(url, destination, max_bytes=max_bytes)

    async def balance(self) -> Balance:
        body = json_values.mapping(await self._api.get("/v1/user/balance"))
        data = body if "remain_balance" in body else json_values.mapping(body.get("data"))
        remaining = json_values.number(data.get("remain_balance"))
        if data.get("unlimited_quota") is True or remaining == -1:
            return Balance(micro_usd=None, unlimited=True)
        return Balance(micro_usd=None if remaining is None else round(max(remaining, 0) * 1e6))

    async def listed_models(self) -> frozenset[str] | None:
        return await self._api.listed_models()

    async def spent(self, *, since: datetime) -> int | None:
        """Return what this key has spent; the last minute may be missing."""
        span = {"start": int(since.timestamp()), "end": int(self._api.now().timestamp()) + 1}
        body = json_values.mapping(await self._api.get("/v1/usage", params=span))
        total = json_values.mapping(json_values.mapping(body.get("data")).get("total"))
        spent = json_values.cost(
            total.get("amount_usd"), total.get("credits"), credits_per_usd=CREDITS_PER_USD
        )
        if spent is None:
            raise self._api.malformed("data.total")
        return spent
