"""A JSON API with a bearer key, as all providers have one.

Owns the way from a call to its JSON or its domain error, uploads of our files, and the parts of a
task that all providers share. It knows no provider's paths, fields or codes: the adapters do.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import Download, TaskState
from bot.providers import json_values, moderation
from bot.providers.files import clear, is_text
from bot.providers.http import HttpClient, JsonResponse
from bot.providers.links import results_of
from bot.providers.mirrors import Mirrors
from bot.providers.response_errors import ErrorMeaning, response_error
from bot.providers.task_status import is_completed, state_of, word_in

GONE = ErrorMeaning(code=Code.PROVIDER_TASK_GONE)


@dataclass(frozen=True, kw_only=True, repr=False)
class JsonApi:
    """The API of one provider: its addresses, key and error codes, and the HTTP client."""

    name: ProviderName
    mirrors: Mirrors
    api_key: str
    http: HttpClient
    media_root: Path
    clock: Clock
    codes: Mapping[str, ErrorMeaning]

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> Any:
        """GET a JSON value. ``gone`` are the codes that, like a 404, mean "no such task"."""
        return (await self.get_response(path, params=params, gone=gone)).body

    async def get_response(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> JsonResponse:
        """GET a JSON value with its headers."""
        get = partial(self.http.get, key=self.api_key, params=params)
        response = await self.mirrors.call(path, get)
        return self._checked(response, gone=gone)

    async def listed_models(self) -> frozenset[str] | None:
        """Return the model ids that the provider lists; None if it has no list."""
        get = partial(self.http.get, key=self.api_key)
        response = await self.mirrors.call("/v1/models", get)
        if response.status in {404, 405}:
            return None
        listed = json_values.items(json_values.mapping(self._checked(response).body).get("data"))
        ids = (json_values.text(json_values.mapping(entry).get("id")) for entry in listed)
        return frozenset(name for name in ids if name) or None

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST that costs nothing."""
        post = partial(self.http.post, key=self.api_key, body=body)
        return self._checked(await self.mirrors.call(path, post)).body

    async def post_paid(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Any:
        """Send the paid POST, once.

        It goes to another address only if nothing was sent to the first one.
        """
        post = partial(self.http.post_paid, key=self.api_key, body=body, headers=headers)
        return self._checked(await self.mirrors.call(path, post), paid=True).body

    async def upload(self, path: str, media: StoredMedia) -> Any:
        """Upload a stored file under a name that does not reveal its owner."""
        suffix = Path(media.path).suffix or ("." + media.mime.rpartition("/")[2])
        upload = partial(
            self.http.upload,
            key=self.api_key,
            file=self.media_root / media.path,
            name=f"{media.sha256[:16]}{suffix}",
            mime=media.mime,
        )
        return self._checked(await self.mirrors.call(path, upload)).body

    async def delete(self, path: str) -> None:
        """Send a DELETE."""
        delete = partial(self.http.delete, key=self.api_key)
        self._checked(await self.mirrors.call(path, delete))

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Download a finished video; the only content that is refused here is text."""
        got = await self.http.download(url, destination, max_bytes=max_bytes)
        if not await asyncio.to_thread(is_text, destination):
            return got
        await clear(destination)
        raise ProviderError(
            Code.RESULT_BROKEN,
            accepted=Accepted.YES,
            charged=True,
            retryable=True,
            provider=self.name,
            reason="text instead of a video",
            size=got.size,
        )

    def status(
        self, task: Mapping[str, Any], *, asked: TaskId
    ) -> tuple[TaskState, tuple[str, ...]]:
        """Return the state of a task and the links that may be its video.

        Raises:
            ProviderError: PROVIDER_MALFORMED, the task is another one or has no status.
        """
        reported = json_values.task_ids(task)
        if reported and asked not in reported:
            raise self.malformed("another task")
        word = word_in(task)
        urls = results_of(task, completed=is_completed(word))
        if not word and not urls:
            raise self.malformed("status")
        return state_of(word, has_video=bool(urls)), urls

    def malformed(self, what: str, *, paid: bool = False) -> ProviderError:
        """Return the error of a response in which ``what`` is missing or makes no sense."""
        return ProviderError(
            Code.PROVIDER_MALFORMED,
            accepted=Accepted.UNKNOWN if paid else Accepted.NO,
            retryable=True,
            provider=self.name,
            reason=what,
        )

    def failed(
        self,
        error: Any,
        *,
        codes: Mapping[str, ErrorMeaning],
        charged: bool,
        fallback: ErrorMeaning,
    ) -> ProviderError:
        """Return the error of a failed task, from its ``error`` field (an object or a string)."""
        fields = json_values.mapping(error)
        code = json_values.text(fields.get("code")).lower()
        message = json_values.text(fields.get("message")) or json_values.text(error)
        kind = json_values.text(fields.get("type")).lower()
        meaning = codes.get(code) or codes.get(kind) or fallback
        is_moderated = meaning.code is Code.MODERATED
        return ProviderError(
            meaning.code,
            accepted=Accepted.YES,
            retryable=meaning.retryable,
            retry_after=meaning.retry_after,
            charged=charged,
            provider=self.name,
            provider_code=json_values.excerpt(code, self.api_key)[:80],
            detail=json_values.excerpt(message, self.api_key),
            **(moderation.facts(code, moderation.kinds(fields), message) if is_moderated else {}),
        )

    def now(self) -> datetime:
        """Return the current time by our clock."""
        return self.clock.now()

    def lag(self, response: JsonResponse) -> timedelta:
        """Return how far the provider's clock is behind ours, never less than zero."""
        server_time = json_values.http_date(response.headers.get("date", ""))
        return timedelta() if server_time is None else max(self.now() - server_time, timedelta())

    def _checked(
        self,
        response: JsonResponse,
        *,
        paid: bool = False,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> JsonResponse:
        error = response_error(
            response,
            provider=self.name,
            codes={**self.codes, **gone} if gone else self.codes,
            statuses={404: GONE} if gone is not None else {},
            secret=self.api_key,
            paid=paid,
            now=self.now(),
        )
        if error is not None:
            raise error
        return response


def task_path(task_id: str) -> str:
    """Return the path of a task."""
    return f"/v1/tasks/{quote(task_id, safe='')}"
