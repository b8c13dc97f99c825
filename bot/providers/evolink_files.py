"""EvoLink's files service: where our media waits while a task needs it.

A key holds a limited number of files (100 by default) for 72 hours, so every request has files of
its own, which are deleted when its task has ended. Owns the service's paths and JSON.
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
    """The uploads of one key."""

    def __init__(self, provider: JsonApi) -> None:
        self._provider = provider

    async def upload(self, media: StoredMedia) -> HostedFile:
        """Upload a file and return where it is.

        Raises:
            ProviderError: PROVIDER_FILES_FULL if the key may hold no more files now.
        """
        path = f"{FILES_VERSION}/files/upload/stream"
        try:
            body = await self._provider.upload(path, media)
        except ProviderError as error:
            if "status" in error.facts and await self._is_full(error):
                raise self._full() from None
            raise
        data = json_values.mapping(json_values.mapping(body).get("data"))
        url = tidy(json_values.text(data.get("file_url")))
        if not url:
            raise self._provider.malformed("data.file_url")
        return HostedFile(url=url, file_id=json_values.task_id(data.get("file_id")))

    async def release(self, file_ids: Sequence[str]) -> None:
        """Delete files. What cannot be deleted now is deleted by EvoLink after 72 hours."""

        async def delete(file_id: str) -> None:
            with contextlib.suppress(ProviderError):
                await self._provider.delete(f"{FILES_VERSION}/files/{quote(file_id, safe='')}")

        await asyncio.gather(*(delete(file_id) for file_id in file_ids if file_id))

    async def _is_full(self, error: ProviderError) -> bool:
        """Whether an upload was refused because of the number of files; the page names no code."""
        if error.facts.get("provider_code") in _FULL_WORDS:
            return True
        if error.code in {Code.PROVIDER_AUTH, Code.PROVIDER_BALANCE} or error.retryable:
            return False
        try:
            body = await self._provider.read(f"{FILES_VERSION}/files/quota")
        except ProviderError:
            return False
        data = json_values.mapping(json_values.mapping(body).get("data"))
        left = [json_values.number(data.get(name)) for name in _LEFT_NAMES]
        return any(amount is not None and amount <= 0 for amount in left)

    def _full(self) -> ProviderError:
        return ProviderError(
            Code.PROVIDER_FILES_FULL,
            accepted=Accepted.NO,
            retryable=True,
            retry_after=_FULL_WAIT_S,
            provider=self._provider.name,
        )
