"""EvoLink's files service, which holds our media while a task needs it.

A key holds a limited number of files (100 by default) for 72 hours, so every request uploads its
own files, and they are deleted when its task has ended.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from urllib.parse import quote

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia
from bot.providers import json_values
from bot.providers.json_api import JsonApi
from bot.providers.links import tidy
from bot.providers.uploads import HostedFile

FILES_VERSION = "/api/v1"
_FULL_WORDS = frozenset({"quota_exceeded", "file_quota_exceeded", "quota_exhausted"})
_LEFT_NAMES = ("remain_files", "remaining_files", "remaining_quota")
_FULL_WAIT_S = 60.0


class EvoLinkFiles:
    """The uploaded files of one key."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    async def upload(self, media: StoredMedia) -> HostedFile:
        """Upload a file.

        Raises:
            ProviderError: PROVIDER_FILES_FULL, the key holds as many files as it may.
        """
        path = f"{FILES_VERSION}/files/upload/stream"
        try:
            body = await self._api.upload(path, media)
        except ProviderError as error:
            if "status" in error.facts and await self._is_full(error):
                raise self._full() from None
            raise
        data = json_values.unwrapped(body)
        url = tidy(json_values.text(data.get("file_url")))
        if not url:
            raise self._api.malformed("data.file_url")
        return HostedFile(url=url, file_id=json_values.task_id(data.get("file_id")))

    async def release(self, file_ids: Sequence[str]) -> None:
        """Delete files. EvoLink deletes any that remain after 72 hours."""

        async def delete(file_id: str) -> None:
            with contextlib.suppress(ProviderError):
                await self._api.delete(f"{FILES_VERSION}/files/{quote(file_id, safe='')}")

        await asyncio.gather(*(delete(file_id) for file_id in file_ids if file_id))

    async def _is_full(self, error: ProviderError) -> bool:
        """Return True if the key holds too many files; the page names no code for this refusal."""
        if error.facts.get("provider_code") in _FULL_WORDS:
            return True
        if error.code in {Code.PROVIDER_AUTH, Code.PROVIDER_BALANCE} or error.retryable:
            return False
        try:
            body = await self._api.get(f"{FILES_VERSION}/files/quota")
        except ProviderError:
            return False
        data = json_values.unwrapped(body)
        left = [json_values.number(data.get(name)) for name in _LEFT_NAMES]
        return any(amount is not None and amount <= 0 for amount in left)

    def _full(self) -> ProviderError:
        return ProviderError(
            Code.PROVIDER_FILES_FULL,
            accepted=Accepted.NO,
            retryable=True,
            retry_after=_FULL_WAIT_S,
            provider=self._api.name,
        )
