"""Connections: httpx over aiohttp, with our own resolver and nothing from the environment.

Owns pools and TLS, and switches off the environment's proxies and credentials, cookies, redirects,
compression and the quoting of URLs. The only proxy is the operator's.
"""

import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
import httpx_aiohttp
import yarl
from aiohttp.abc import AbstractResolver
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions

from bot.providers.addresses import AddressPolicy, GuardedResolver
from bot.providers.proxy import Proxy

_KEEPALIVE_S = 30


RAW_URL = "raw_url"
"""The extension of a request that holds its URL as text, to be sent unchanged."""


class ExactTransport(httpx_aiohttp.AiohttpTransport):
    """A transport that sends the bytes of a URL unchanged.

    The library's own transport passes the URL as text, which aiohttp quotes again: ``%2F`` and
    ``%7E`` change, and a signature no longer matches.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        limits = request.extensions.get("timeout", {})
        url = yarl.URL(request.extensions.get(RAW_URL, str(request.url)), encoded=True)
        with map_aiohttp_exceptions():
            answer = await self.client.request(
                request.method,
                url,
                headers=request.headers,
                data=_body(request),
                allow_redirects=False,
                auto_decompress=False,
                compress=False,
                timeout=aiohttp.ClientTimeout(
                    connect=limits.get("pool"),
                    sock_connect=limits.get("connect"),
                    sock_read=limits.get("read"),
                ),
            )
        return httpx.Response(
            answer.status,
            headers=answer.raw_headers,
            stream=AiohttpResponseStream(answer),
            request=request,
        )


def _body(request: httpx.Request) -> bytes | httpx.AsyncByteStream | None:
    try:
        return request.content or None
    except httpx.RequestNotRead:
        # aiohttp chooses the framing of a stream.
        request.headers.pop("transfer-encoding", None)
        stream = request.stream
        return stream if isinstance(stream, httpx.AsyncByteStream) else None


def make_client(
    policy: AddressPolicy,
    resolver: AbstractResolver | None,
    *,
    limit: int,
    reuse: bool,
    proxy: Proxy | None = None,
) -> httpx.AsyncClient:
    """Return a client whose connections obey the policy. Without ``reuse``, each serves one call.

    With a proxy, the policy cannot check names: the proxy resolves them. The session is made by the
    first request, inside the running loop.
    """

    def session() -> aiohttp.ClientSession:
        # aiohttp refuses keepalive_timeout together with force_close.
        kept: dict[str, Any] = {"keepalive_timeout": _KEEPALIVE_S} if reuse else {}
        make = aiohttp.TCPConnector if proxy is None else proxy.connector
        connector = make(
            limit=limit,
            force_close=not reuse,
            ssl=_tls(),
            resolver=GuardedResolver(policy, resolver),
            **kept,
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )

    return httpx.AsyncClient(
        transport=ExactTransport(client=session, verify=_tls(), trust_env=False),
        headers={
            "User-Agent": "Retake",
            "Accept-Encoding": "identity",
            "Connection": "keep-alive" if reuse else "close",
        },
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
