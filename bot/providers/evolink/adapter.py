"""The ``Provider`` of EvoLink: one method for each call of its API."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
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
)
from bot.providers import json_values, moderation
from bot.providers.evolink.error_codes import CALL_CODES, GONE_CODES
from bot.providers.evolink.files import FILES_VERSION, EvoLinkFiles
from bot.providers.evolink.reports import CREDITS_PER_USD, report_of, task_in
from bot.providers.evolink.requests import RequestBuilder
from bot.providers.http import HttpClient
from bot.providers.inline import inlined
from bot.providers.json_api import JsonApi, task_path
from bot.providers.mirrors import Mirrors, base_url
from bot.providers.uploads import HostedFile

_BATCH = 50
# An intermediary or an older API answers like this: it has no batch queries.
_NO_BATCHES = frozenset({404, 405, 501})

# After we gave up on a POST, its task may still appear in the list for this long.
_LIST_SETTLES = timedelta(seconds=120)
_CLOCKS_DIFFER = timedelta(seconds=30)
_PAGE = 50
_MAX_PAGES = 10


class EvoLink:
    """The adapter. ``api_url`` and ``files_url`` may contain a path."""

    name = ProviderName("evolink")
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
        self._api = JsonApi(
            name=self.name,
            mirrors=Mirrors(api_url),
            api_key=api_key,
            http=http,
            media_root=media_root,
            clock=clock,
            codes=CALL_CODES,
        )
        files = Mirrors(base_url(files_url, FILES_VERSION))
        self._files = EvoLinkFiles(replace(self._api, mirrors=files))

    async def prepare(self, spec: TaskSpec) -> PreparedTask:
        request = RequestBuilder(spec, files=self._files, media_root=self._api.media_root)
        try:
            body = await request.body()
        except ProviderError:
            await self.release(request.uploads)
            raise
        return PreparedTask(model_id=spec.plan.model_id, body=body, uploads=request.uploads)

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        sent = await inlined(prepared.body, root=self._api.media_root)
        try:
            body = await self._api.post_paid(
                "/v1/videos/generations", sent, {"Idempotency-Key": key}
            )
        except ProviderError as error:
            if error.code is not Code.PROVIDER_REJECTED:
                raise
            raise moderation.classified_by_words(error, CALL_CODES) from None
        task = task_in(body)
        bare = json_values.items(json_values.mapping(body).get("data"))
        task_id = json_values.first_id(task.get("id"), task.get("task_id"), *bare)
        if not task_id:
            raise self._api.malformed("id", paid=True)
        info = json_values.mapping(task.get("task_info"))
        usage = json_values.mapping(task.get("usage"))
        return Submission(
            task_id=TaskId(task_id),
            estimated_seconds=json_values.seconds(info.get("estimated_time")),
            reserved_micro_usd=json_values.micro_usd(
                usage.get("credits_reserved"), per_usd=CREDITS_PER_USD
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
        """Return True if the account's list holds no unknown task of this model since then.

        The list shows the model and the time of every task of the account, not its request. So it
        proves absence and never identity: an unknown task may be another application's.
        """
        if self._api.now() - (sent_at or since) < _LIST_SETTLES:
            return False
        found = await self._listed(prepared.model_id, since)
        return found is not None and all(task_id in known for task_id in found)

    async def query(self, task_id: TaskId) -> TaskReport:
        body = await self._api.get(task_path(task_id), gone=GONE_CODES)
        return report_of(task_in(body), asked=task_id, api=self._api)

    async def query_many(
        self, task_ids: Sequence[TaskId]
    ) -> Mapping[TaskId, TaskReport | ProviderError]:
        if not task_ids:
            return {}
        if len(task_ids) > _BATCH:
            raise ValueError(f"at most {_BATCH} tasks in one query")
        try:
            body = await self._api.post("/v1/tasks/batch", {"task_ids": list(task_ids)})
        except ProviderError as error:
            if error.facts.get("status") in _NO_BATCHES:
                raise self._api.malformed("batch") from None
            raise
        tasks = body.get("data") if isinstance(body, dict) else body
        if not isinstance(tasks, list):
            raise self._api.malformed("data")
        reports: dict[TaskId, TaskReport | ProviderError] = {}
        unread: ProviderError | None = None
        for task in map(json_values.mapping, tasks):
            task_id = next((TaskId(i) for i in json_values.task_ids(task) if i in task_ids), None)
            if task_id is None:
                # It may be any of the tasks that are missing in the response.
                unread = self._api.malformed("data.id")
                continue
            try:
                reports[task_id] = report_of(task, asked=task_id, api=self._api)
            except ProviderError as error:
                reports[task_id] = error
        if unread is not None:
            reports |= {task_id: unread for task_id in task_ids if task_id not in reports}
        return reports

    async def release(self, uploads: Sequence[str]) -> None:
        await self._files.release(uploads)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        return await self._api.download(url, destination, max_bytes=max_bytes)

    async def listed_models(self) -> frozenset[str] | None:
        return await self._api.listed_models()

    async def spent(self, **_: Any) -> int | None:
        """Return None: EvoLink's pages name no call that reports it."""
        return None

    async def balance(self) -> Balance:
        data = json_values.unwrapped(await self._api.get("/v1/credits"))
        user, token = json_values.mapping(data.get("user")), json_values.mapping(data.get("token"))
        unlimited = token.get("unlimited_credits") is True
        limits = [user] if unlimited else [user, token]
        left = [json_values.number(limit.get("remaining_credits")) for limit in limits]
        known = [amount for amount in left if amount is not None]
        if not known:
            return Balance(micro_usd=None, unlimited=unlimited)
        return Balance(micro_usd=round(max(min(known), 0) / CREDITS_PER_USD * 1_000_000))

    async def host_video(self, media: StoredMedia) -> HostedFile:
        """Upload a video to where any provider can fetch it, for 72 hours or until released."""
        return await self._files.upload(media)

    async def _listed(self, model_id: str, since: datetime) -> list[TaskId] | None:
        """Return the ids of all tasks of a model made after ``since``; None: the list is too long.

        ``since`` is a time by our clock, the list's times are by EvoLink's.
        """
        found: list[TaskId] = []
        for page in range(1, _MAX_PAGES + 1):
            params = {"model": model_id, "page": page, "page_size": _PAGE}
            response = await self._api.get_response("/v1/tasks", params=params)
            body, floor = response.body, since - _CLOCKS_DIFFER - self._api.lag(response)
            tasks = body.get("data") if isinstance(body, dict) else None
            if not isinstance(tasks, list):
                raise self._api.malformed("data")
            times: list[datetime] = []
            for task in map(json_values.mapping, tasks):
                task_id = json_values.task_id(task.get("id"))
                made_at = json_values.moment(task.get("created_at") or task.get("created"))
                if not task_id or made_at is None:
                    raise self._api.malformed("data.id")
                times.append(made_at)
                if made_at >= floor and json_values.text(task.get("model")) in {"", model_id}:
                    found.append(TaskId(task_id))
            total = json_values.number(body.get("total"))
            read_all = page * _PAGE >= total if total is not None else len(tasks) < _PAGE
            newest_first = times == sorted(times, reverse=True)
            if not tasks or read_all or (newest_first and times[-1] < floor):
                return found
        return None
