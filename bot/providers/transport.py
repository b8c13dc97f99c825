"""How connections are made: httpx over aiohttp, by the guarded resolver, nothing inherited.

Owns pools, TLS and what is switched off: proxies and credentials of the environment, cookies,
redirects, compression. The only proxy is the operator's. Knows nothing of requests.
"""

import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
import httpx_aiohttp
from aiohttp.abc import AbstractResolver

from bot.providers.addresses import AddressPolicy, GuardedResolver
from bot.providers.proxy import Proxy

_KEEPALIVE_S = 30


def make_client(
    policy: AddressPolicy,
    resolver: AbstractResolver | None,
    *,
    limit: int,
    reuse: bool,
    proxy: Proxy | None = None,
) -> httpx.AsyncClient:
    """A client whose connections pass the policy; ``reuse`` False makes one for every request.

    With a proxy the policy judges no names: they are resolved there. Its session is made at the
    first request, inside the running loop.
    """

    def session() -> aiohttp.ClientSession:
        # keepalive_timeout may only be given where connections are kept.
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
        transport=httpx_aiohttp.AiohttpTransport(client=session, verify=_tls(), trust_env=False),
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
