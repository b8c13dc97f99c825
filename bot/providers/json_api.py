"""What every provider with a bearer key and a JSON interface has in common.

Owns the way from a call to its JSON or its domain error, the hand-over of our files, and the check
of a finished one. It knows no provider's paths, fields or words: those are the adapters'.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.provider import Download
from bot.providers import json_values, moderation
from bot.providers.files import clear, is_text
from bot.providers.http import Answer, HttpClient
from bot.providers.mirrors import Mirrors
from bot.providers.refusals import ErrorMeaning, refusal

GONE = ErrorMeaning(code=Code.PROVIDER_TASK_GONE)


@dataclass(frozen=True, kw_only=True, repr=False)
class JsonApi:
    """One provider's addresses, key, error words and HTTP client."""

    name: str
    mirrors: Mirrors
    api_key: str
    http: HttpClient
    media_root: Path
    clock: Clock
    words: Mapping[str, ErrorMeaning]

    async def read(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> Any:
        """GET a JSON value. ``gone``: the words (and with them a 404) for "no such task"."""
        return (await self.look(path, params=params, gone=gone)).body

    async def look(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> Answer:
        """As ``read``, with the headers."""
        answer = await self.mirrors.call(
            path, lambda url: self.http.get(url, key=self.api_key, params=params)
        )
        return self._checked(answer, gone=gone)

    async def listed_models(self) -> frozenset[str] | None:
        """The model ids that the provider lists; None where it has no list."""
        answer = await self.mirrors.call(
            "/v1/models", lambda url: self.http.get(url, key=self.api_key)
        )
        if answer.status in {404, 405}:
            return None
        listed = json_values.items(json_values.mapping(self._checked(answer).body).get("data"))
        ids = (json_values.text(json_values.mapping(entry).get("id")) for entry in listed)
        return frozenset(name for name in ids if name) or None

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST something that costs nothing."""
        answer = await self.mirrors.call(
            path, lambda url: self.http.post(url, key=self.api_key, body=body)
        )
        return self._checked(answer).body

    async def buy(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """The paid POST, sent once: to another address only where nothing was sent to the first."""
        answer = await self.mirrors.call(
            path,
            lambda url: self.http.buy(url, key=self.api_key, body=body, headers=headers),
        )
        return self._checked(answer, paid=True).body

    async def upload(self, path: str, media: StoredMedia) -> Any:
        """Hand a kept file over, under a name that tells nothing about who gave it."""
        suffix = Path(media.path).suffix or ("." + media.mime.rpartition("/")[2])
        answer = await self.mirrors.call(
            path,
            lambda url: self.http.upload(
                url,
                key=self.api_key,
                file=self.media_root / media.path,
                name=f"{media.sha256[:16]}{suffix}",
                mime=media.mime,
            ),
        )
        return self._checked(answer).body

    async def delete(self, path: str) -> None:
        """Delete something."""
        answer = await self.mirrors.call(path, lambda url: self.http.delete(url, key=self.api_key))
        self._checked(answer)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Fetch a finished video; only text in its place is refused here."""
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

    def malformed(self, what: str, *, paid: bool = False) -> ProviderError:
        """An answer that cannot be understood; ``what`` names the missing or senseless part."""
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
        words: Mapping[str, ErrorMeaning],
        charged: bool,
        fallback: ErrorMeaning,
    ) -> ProviderError:
        """The error of a task that failed, from its ``error`` field (an object or a string)."""
        fields = json_values.mapping(error)
        code = json_values.text(fields.get("code")).lower()
        message = json_values.text(fields.get("message")) or json_values.text(error)
        verdict = (
            words.get(code) or words.get(json_values.text(fields.get("type")).lower()) or fallback
        )
        is_moderated = verdict.code is Code.MODERATED
        return ProviderError(
            verdict.code,
            accepted=Accepted.YES,
            retryable=verdict.retryable,
            retry_after=verdict.retry_after,
            charged=charged,
            provider=self.name,
            provider_code=json_values.excerpt(code, self.api_key)[:80],
            detail=json_values.excerpt(message, self.api_key),
            **(moderation.facts(code, moderation.kinds(fields), message) if is_moderated else {}),
        )

    def now(self) -> datetime:
        """The time by the house's clock."""
        return self.clock.now()

    def behind(self, answer: Answer) -> timedelta:
        """By how much the provider's clock is behind ours (never less than zero), by an answer."""
        server_time = json_values.http_date(answer.headers.get("date", ""))
        return timedelta() if server_time is None else max(self.now() - server_time, timedelta())

    def _checked(
        self,
        answer: Answer,
        *,
        paid: bool = False,
        gone: Mapping[str, ErrorMeaning] | None = None,
    ) -> Answer:
        error = refusal(
            answer,
            provider=self.name,
            words={**self.words, **gone} if gone else self.words,
            statuses={404: GONE} if gone is not None else {},
            secret=self.api_key,
            paid=paid,
            now=self.now(),
        )
        if error is not None:
            raise error
        return answer


def task_path(task_id: str) -> str:
    """The path of one task."""
    return f"/v1/tasks/{quote(task_id, safe='')}"
