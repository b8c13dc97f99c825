"""Downloads of public files: results of providers and attachments of Discord.

Owns redirects, the size limit, and whether a response is a whole file. The disk side is ``files``;
which addresses are allowed is ``addresses``.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ports.provider import Download
from bot.providers.addresses import AddressPolicy
from bot.providers.files import FileSink, clear
from bot.providers.links import joined, tidy
from bot.providers.packing import Unpacker
from bot.providers.transport import RAW_URL
from bot.providers.transport_errors import translated_errors

_MAX_REDIRECTS = 3
_RANGE = re.compile(r"bytes 0-(\d{1,15})/(\d{1,15})")


class Downloader:
    """Downloads from one service. ``total`` bounds a whole download, in seconds."""

    def __init__(
        self,
        *,
        service: str,
        policy: AddressPolicy,
        client: httpx.AsyncClient,
        timeout: httpx.Timeout,
        total: float,
    ) -> None:
        self._service = service
        self._policy = policy
        self._client = client
        self._timeout = timeout
        self._total = total

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Stream a file to ``destination``, replacing it. After an error there is no file.

        Raises:
            ProviderError: RESULT_GONE, RESULT_TOO_LARGE, RESULT_BROKEN (shorter than announced, or
                an address that is not allowed), or a retryable PROVIDER_UNAVAILABLE or
                PROVIDER_TIMEOUT.
            MediaError: the disk refuses a write.
        """
        with translated_errors(self._service, downloading=True):
            await clear(destination)
            async with asyncio.timeout(self._total), self._followed(url) as response:
                return await self._stream(response, destination, max_bytes)

    async def _stream(
        self, response: httpx.Response, destination: Path, max_bytes: int
    ) -> Download:
        announced = _content_length(response)
        if announced is not None and announced > max_bytes:
            raise self._error(Code.RESULT_TOO_LARGE, limit=max_bytes)
        content = Unpacker()
        received = 0
        async with FileSink(destination) as sink:
            async for chunk in response.aiter_raw():
                received += len(chunk)
                for part in content.unpack(chunk):
                    await sink.write(part)
                    if sink.size > max_bytes:
                        raise self._error(Code.RESULT_TOO_LARGE, limit=max_bytes)
            for part in content.end():
                await sink.write(part)
            short = announced is not None and received < announced
            if not sink.size or not content.is_whole or short:
                raise self._error(
                    Code.RESULT_BROKEN, retryable=True, reason="short", size=sink.size
                )
            return await sink.finish()

    @asynccontextmanager
    async def _followed(self, url: str) -> AsyncIterator[httpx.Response]:
        """Yield the response to a GET after a few redirects at most, each address checked."""
        for _ in range(_MAX_REDIRECTS + 1):
            url = tidy(url) or url
            request = self._client.build_request(
                "GET",
                self._policy.check_link(url),
                timeout=self._timeout,
                extensions={RAW_URL: url},
            )
            response = await self._client.send(request, stream=True)
            try:
                if response.has_redirect_location:
                    url = joined(url, response.headers["location"])
                    continue
                self._check(response)
                yield response
                return
            finally:
                await response.aclose()
        raise self._error(Code.RESULT_BROKEN, reason="redirects")

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {200, 203} or (status == 206 and _is_whole(response)):
            return
        if status in {408, 425, 429} or status >= 500:
            raise ProviderError(
                Code.PROVIDER_UNAVAILABLE, retryable=True, provider=self._service, status=status
            )
        if 400 <= status < 500:
            raise self._error(Code.RESULT_GONE, status=status)
        raise self._error(Code.RESULT_BROKEN, retryable=True, status=status)

    def _error(self, code: Code, *, retryable: bool = False, **facts: Any) -> ProviderError:
        return ProviderError(
            code,
            accepted=Accepted.YES,
            charged=True,
            retryable=retryable,
            provider=self._service,
            **facts,
        )


def _is_whole(response: httpx.Response) -> bool:
    """Return True if a partial response, which was not requested, holds the whole file."""
    found = _RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return found is not None and int(found[1]) + 1 == int(found[2])


def _content_length(response: httpx.Response) -> int | None:
    value = response.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None
