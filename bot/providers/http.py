"""The HTTP client: httpx on the aiohttp transport, with few pooled connections.

Owns the calls that get JSON back, their timeouts and the size limit of a response. It knows no
provider and repeats nothing: a poll is repeated by its schedule, a step by its service, a paid POST
by nobody.

Each paid POST has a connection of its own. On a pooled connection that the server has just closed,
it would be unknown whether the server saw the request.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
from aiohttp.abc import AbstractResolver

from bot.domain.errors import Code, ProviderError
from bot.domain.ports.provider import Download
from bot.providers.addresses import AddressPolicy
from bot.providers.downloads import Downloader
from bot.providers.packing import Unpacker
from bot.providers.proxy import Proxy
from bot.providers.transport import make_client
from bot.providers.transport_errors import OversizeError, translated_errors

# httpx logs every URL, and a signed link is a key while it is valid.
logging.getLogger("httpx").setLevel(logging.WARNING)

JSON_CAP = 2 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Timeouts in seconds.

    ``submit`` bounds a paid POST, ``read`` any other call, ``transfer`` an upload or a download,
    ``idle`` the silence within a download, ``connect`` the making of a connection.
    """

    connect: float = 10.0
    submit: float = 30.0
    read: float = 15.0
    idle: float = 30.0
    transfer: float = 600.0


@dataclass(frozen=True, kw_only=True)
class JsonResponse:
    """A response. ``body`` is its JSON value, or None if it is not JSON (``is_json`` is False)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    body: Any = None
    is_json: bool = True


class HttpClient:
    """Calls to one service. ``service`` names it in errors ("evolink", "discord").

    Every method raises ``ProviderError`` for network errors; its facts hold neither a key nor a
    URL. ``download`` also raises ``MediaError`` if the disk refuses a write.
    """

    def __init__(
        self,
        *,
        service: str,
        policy: AddressPolicy,
        timeouts: Timeouts | None = None,
        connections: int = 8,
        resolver: AbstractResolver | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._service = service
        self._policy = policy
        self._timeouts = timeouts or Timeouts()
        self._pooled = make_client(policy, resolver, limit=connections, reuse=True, proxy=proxy)
        self._single = make_client(policy, resolver, limit=connections, reuse=False, proxy=proxy)
        self._downloader = Downloader(
            service=service,
            policy=policy,
            client=self._pooled,
            timeout=self._timeout(self._timeouts.idle),
            total=self._timeouts.transfer,
        )

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
    ) -> JsonResponse:
        """Send a GET, once."""
        return await self._call("GET", url, key=key, params=params)

    async def post(self, url: str, *, key: str, body: Mapping[str, Any]) -> JsonResponse:
        """Send a POST that costs nothing, once."""
        return await self._call("POST", url, key=key, json=body)

    async def post_paid(
        self, url: str, *, key: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> JsonResponse:
        """Send the paid POST, once.

        ``ProviderError.accepted`` says whether the request may have been accepted.
        """
        return await self._call("POST", url, key=key, paid=True, headers=headers, json=body)

    async def delete(self, url: str, *, key: str) -> JsonResponse:
        """Send a DELETE, once."""
        return await self._call("DELETE", url, key=key)

    async def upload(self, url: str, *, key: str, file: Path, name: str, mime: str) -> JsonResponse:
        """Send a file as the multipart field ``file``, streamed from disk.

        Raises:
            ProviderError: also FILE_NOT_KEPT, the file cannot be opened.
        """
        with self._opened(file) as handle:
            files = {"file": (name, handle, mime)}
            # Nothing is read while the body is being sent, so the reading timeout covers all of it.
            total = self._timeouts.transfer
            return await self._call("POST", url, key=key, total=total, files=files)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> Download:
        """Stream a public file to ``destination``, as ``Downloader.download``."""
        return await self._downloader.download(url, destination, max_bytes=max_bytes)

    async def fetch(self, url: str, destination: Path, max_bytes: int) -> int:
        """Download a public file and return its size in bytes."""
        return (await self.download(url, destination, max_bytes=max_bytes)).size

    def _opened(self, file: Path) -> BinaryIO:
        try:
            return file.open("rb")
        except OSError as error:
            raise ProviderError(
                Code.FILE_NOT_KEPT, provider=self._service, reason=type(error).__name__
            ) from None

    def _timeout(self, read: float) -> httpx.Timeout:
        return httpx.Timeout(read, connect=self._timeouts.connect, pool=self._timeouts.connect)

    async def _call(
        self,
        method: str,
        url: str,
        *,
        key: str,
        paid: bool = False,
        total: float | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> JsonResponse:
        if total is None:
            total = self._timeouts.submit if paid else self._timeouts.read
        client = self._single if paid else self._pooled
        with translated_errors(self._service, paid=paid):
            request = client.build_request(
                method,
                self._policy.check_url(url),
                headers={"Authorization": f"Bearer {key}", **(headers or {})},
                timeout=self._timeout(total),
                **content,
            )
            async with asyncio.timeout(total):
                return await _response(client, request)


async def _response(client: httpx.AsyncClient, request: httpx.Request) -> JsonResponse:
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
    return JsonResponse(
        status=response.status_code, headers=response.headers, body=body, is_json=is_json
    )
