"""The HTTP client's calls, against a server that behaves as badly as servers do."""

import asyncio

import pytest
from aiohttp import web

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient
from tests.contract.providers.http_site import KEY, QUICK, NoNames, Site, buy, closed_port, opened


async def test_a_refused_connection_took_nothing() -> None:
    async with opened() as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, f"http://127.0.0.1:{closed_port()}/v1/videos")
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable


async def test_an_unknown_name_took_nothing() -> None:
    async with opened(resolver=NoNames()) as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, "https://api.example.com/v1/videos")
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable


async def test_a_certificate_nobody_signed_took_nothing(site: Site) -> None:
    """Speaking TLS to a server that does not fails before the request is sent."""
    async with opened() as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, site.url.replace("http://", "https://"))
    assert caught.value.accepted is Accepted.NO


async def test_a_connection_closed_without_an_answer_leaves_it_open(site: Site) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    site.handler = hang_up
    async with opened() as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, site.url)
    assert caught.value.accepted is Accepted.UNKNOWN
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE
    assert len(site.seen) == 1


async def test_nonsense_instead_of_http_leaves_it_open() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"I AM NOT HTTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened() as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, f"http://127.0.0.1:{port}/")
    assert caught.value.accepted is Accepted.UNKNOWN


async def test_a_paid_post_has_a_connection_of_its_own(site: Site) -> None:
    async with opened() as client:
        for _ in range(3):
            await client.get(site.url, key=KEY)
        assert len(site.connections) == 1
        for _ in range(3):
            await buy(client, site.url)
        assert [request.headers.get("Connection") for request in site.seen[3:]] == ["close"] * 3


async def test_few_connections_are_kept(site: Site) -> None:
    arrived: list[asyncio.Event] = []
    release = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        arrived.append(asyncio.Event())
        if len(arrived) == 2:
            release.set()
        await release.wait()
        return web.json_response({})

    site.handler = wait
    client = HttpClient(
        service="test", policy=AddressPolicy(loopback=True), timeouts=QUICK, connections=2
    )
    async with client:
        await asyncio.gather(*(client.get(site.url, key=KEY) for _ in range(6)))
    assert len(site.connections) <= 2


async def test_calls_do_not_follow_redirects_with_the_key(site: Site) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(site.url + "/other")

    site.handler = elsewhere
    async with opened() as client:
        answer = await client.get(site.url, key=KEY)
    assert answer.status == 302
    assert len(site.seen) == 1


async def test_no_cookies_and_no_proxies_of_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")

    async def bake(_: web.Request) -> web.StreamResponse:
        response = web.json_response({})
        response.set_cookie("session", "1")
        return response

    site.handler = bake
    async with opened() as client:
        await client.get(site.url, key=KEY)
        await client.get(site.url, key=KEY)
    assert "Cookie" not in site.seen[1].headers
    assert site.seen[1].headers["Authorization"] == f"Bearer {KEY}"
