"""The only user of the HTTP library: httpx on the aiohttp transport, few pooled connections.

Owns timeouts, caps, redirects, where may be connected to, and what a broken call means for the
money. It knows no provider: answers go back as status, headers and JSON. Nothing is repeated here:
a poll is repeated by its schedule, a step by its service, a paid POST by nobody.

A paid POST goes over a connection of its own, never over a pooled one: a connection that the other
side closed a moment ago would leave it unknown whether the request was seen.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
from aiohttp.abc import AbstractResolver

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ports.provider import Download
from bot.providers.addresses import AddressPolicy
from bot.providers.failures import ErrorTranslator, OversizeError
from bot.providers.files import FileSink, clear
from bot.providers.links import joined, tidy
from bot.providers.packing import Unpacker
from bot.providers.proxy import Proxy
from bot.providers.transport import RAW_URL, make_client

# httpx writes every URL it asks for into its log; signed links are keys for as long as they live.
logging.getLogger("httpx").setLevel(logging.WARNING)

JSON_CAP = 2 * 1024 * 1024
_MAX_REDIRECTS = 3
_RANGE = re.compile(r"bytes 0-(\d{1,15})/(\d{1,15})")


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds. ``submit`` and ``read`` bound a whole call, ``transfer`` a whole upload or download,
    ``idle`` the silence within a download, ``connect`` the making of a connection.
    """

    connect: float = 10.0
    submit: float = 30.0
    read: float = 15.0
    idle: float = 30.0
    transfer: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: ``body`` is the JSON value, or None when it was none (``is_json`` False)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    body: Any = None
    is_json: bool = True


class HttpClient:
    """Calls to one outside party. ``party`` names it in errors ("evolink", "discord").

    Every method raises ``ProviderError`` for what happens outside, whose facts hold neither a key
    nor a URL, and ``download`` also ``MediaError`` for a disk that takes nothing more.
    """

    def __init__(
        self,
        *,
        party: str,
        policy: AddressPolicy,
        timeouts: Timeouts | None = None,
        connections: int = 8,
        resolver: AbstractResolver | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._party = party
        self._policy = policy
        self._timeouts = timeouts or Timeouts()
        self._pooled = make_client(policy, resolver, limit=connections, reuse=True, proxy=proxy)
        self._single = make_client(policy, resolver, limit=connections, reuse=False, proxy=proxy)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._pooled.aclose()
        await self._single.aclose()

    async def get(
        self, url: str, *, key: str, params: Mapping[str, str | int] | None = None
    ) -> Answer:
        """Read something, once."""
        with ErrorTranslator(self._party):
            request = self._request(self._pooled, "GET", url, key=key, params=params)
            return await self._answer(self._pooled, request, total=self._timeouts.read)

    async def post(
        self,
        url: str,
        *,
        key: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A POST that costs nothing, once."""
        with ErrorTranslator(self._party):
            request = self._request(self._pooled, "POST", url, key=key, body=body, headers=headers)
            return await self._answer(self._pooled, request, total=self._timeouts.read)

    async def buy(
        self, url: str, *, key: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """The paid POST, once. An error's ``accepted`` tells whether it may have been taken."""
        with ErrorTranslator(self._party, paid=True):
            request = self._request(self._single, "POST", url, key=key, body=body, headers=headers)
            return await self._answer(self._single, request, total=self._timeouts.submit)

    async def delete(self, url: str, *, key: str) -> Answer:
        """Delete something, once."""
        with ErrorTranslator(self._party):
            request = self._request(self._pooled, "DELETE", url, key=key)
            return await self._answer(self._pooled, request, total=self._timeouts.read)

    async def upload(self, url: str, *, key: str, file: Path, name: str, mime: str) -> Answer:
        """Send a file as the multipart field ``file``, streamed from disk."""
        with ErrorTranslator(self._party), self._opened(file) as handle:
            parsed = self._policy.check_url(url)
            request = self._pooled.build_request(
                "POST",
                parsed,
                headers={"Authorization": f"Bearer {key}"},
                files={"file": (name, handle, mime)},
                # Nothing is read while the body is on its way: the whole transfer is the bound.
                timeout=self._limits(read=self._timeouts.transfer),
            )
            return await self._answer(self._pooled, request, total=self._timeouts.transfer)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Stream a public file to ``destination``, replacing it; after an error nothing is there.

        Raises RESULT_GONE, RESULT_TOO_LARGE, RESULT_BROKEN (shorter than announced, or an address
        we do not connect to) or a retryable PROVIDER_UNAVAILABLE or PROVIDER_TIMEOUT.
        """
        with ErrorTranslator(self._party, downloading=True):
            await clear(destination)
            async with asyncio.timeout(self._timeouts.transfer):
                async with self._followed(url) as response:
                    announced = _content_length(response)
                    if announced is not None and announced > max_bytes:
                        raise self._result_error(Code.RESULT_TOO_LARGE, limit=max_bytes)
                    return await self._stream(response, destination, announced, max_bytes)

    async def fetch(self, url: str, destination: Path, max_bytes: int) -> int:
        """``download`` in few words: the number of bytes written."""
        return (await self.download(url, destination, max_bytes=max_bytes)).size

    def _opened(self, file: Path) -> BinaryIO:
        try:
            return file.open("rb")
        except OSError as error:
            # Cleaned away, or the disk fails: nobody can be given it.
            raise ProviderError(
                Code.FILE_NOT_KEPT, provider=self._party, reason=type(error).__name__
            ) from None

    async def _stream(
        self,
        response: httpx.Response,
        destination: Path,
        announced: int | None,
        max_bytes: int,
    ) -> Download:
        content = Unpacker()
        received = 0
        async with FileSink(destination) as sink:
            async for chunk in response.aiter_raw():
                received += len(chunk)
                for part in content.unpack(chunk):
                    await sink.write(part)
                    if sink.size > max_bytes:
                        raise self._result_error(Code.RESULT_TOO_LARGE, limit=max_bytes)
            for part in content.end():
                await sink.write(part)
            short = announced is not None and received < announced
            if not sink.size or not content.is_whole or short:
                raise self._result_error(
                    Code.RESULT_BROKEN, retryable=True, reason="short", size=sink.size
                )
            return await sink.finish()

    @asynccontextmanager
    async def _followed(self, url: str) -> AsyncIterator[httpx.Response]:
        """The answer of a GET after at most a few redirects, each of them judged."""
        for _ in range(_MAX_REDIRECTS + 1):
            url = tidy(url) or url
            request = self._pooled.build_request(
                "GET",
                self._policy.check_link(url),
                timeout=self._limits(read=self._timeouts.idle),
                extensions={RAW_URL: url},
            )
            response = await self._pooled.send(request, stream=True)
            try:
                if response.has_redirect_location:
                    url = joined(url, response.headers["location"])
                    continue
                self._check_download(response)
                yield response
                return
            finally:
                await response.aclose()
        raise self._result_error(Code.RESULT_BROKEN, reason="redirects")

    def _check_download(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {200, 203} or (status == 206 and _is_whole(response)):
            return
        if status in {408, 425, 429} or status >= 500:
            raise ProviderError(
                Code.PROVIDER_UNAVAILABLE, retryable=True, provider=self._party, status=status
            )
        if 400 <= status < 500:
            raise self._result_error(Code.RESULT_GONE, status=status)
        raise self._result_error(Code.RESULT_BROKEN, retryable=True, status=status)

    def _result_error(self, code: Code, *, retryable: bool = False, **facts: Any) -> ProviderError:
        return ProviderError(
            code,
            accepted=Accepted.YES,
            charged=True,
            retryable=retryable,
            provider=self._party,
            **facts,
        )

    def _limits(self, *, read: float) -> httpx.Timeout:
        return httpx.Timeout(read, connect=self._timeouts.connect, pool=self._timeouts.connect)

    def _request(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        *,
        key: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        return client.build_request(
            method,
            self._policy.check_url(url),
            params=params,
            json=body,
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
            timeout=self._limits(read=self._timeouts.submit),
        )

    async def _answer(
        self, client: httpx.AsyncClient, request: httpx.Request, *, total: float
    ) -> Answer:
        async with asyncio.timeout(total):
            response = await client.send(request, stream=True)
            try:
                content, packed = bytearray(), Unpacker()
                async for chunk in response.aiter_raw():
                    for part in packed.unpack(chunk):
                        content += part
                        if len(content) > JSON_CAP:
                            raise OversizeError
                content += b"".join(packed.end())
            finally:
                await response.aclose()
        try:
            body, is_json = json.loads(content), True
        except (ValueError, RecursionError):
            body, is_json = None, False
        return Answer(
            status=response.status_code, headers=response.headers, body=body, is_json=is_json
        )


def _is_whole(response: httpx.Response) -> bool:
    """Whether a partial answer, for which nobody asked, is the whole file all the same."""
    found = _RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return found is not None and int(found[1]) + 1 == int(found[2])


def _content_length(response: httpx.Response) -> int | None:
    value = response.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None
