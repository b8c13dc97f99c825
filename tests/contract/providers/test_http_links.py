"""The addresses and links that the HTTP client connects to, and the redirects that it follows."""

import socket
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult

from bot.domain.errors import Accepted, Code, ProviderError
from bot.providers.addresses import AddressPolicy
from tests.contract.providers.http_site import KEY, NoNames, Site, buy, download, opened


class Rebound(NoNames):
    """A public name that leads back to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in ("127.0.0.1", "169.254.169.254")
        ]


async def test_a_name_that_leads_inside_is_not_connected_to(tmp_path: Path) -> None:
    async with opened(resolver=Rebound()) as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, "https://api.example.com/v1/videos")
        assert caught.value.accepted is Accepted.NO
        assert not caught.value.retryable
        with pytest.raises(ProviderError) as caught:
            await client.download("https://cdn.example.com/a", tmp_path / "a", max_bytes=10)
    assert caught.value.code is Code.RESULT_BROKEN
    assert caught.value.facts["reason"] == "address"


async def test_a_few_redirects_are_followed(site: Site, tmp_path: Path) -> None:
    async def hop(request: web.Request) -> web.StreamResponse:
        left = int(request.path.strip("/"))
        if left:
            raise web.HTTPFound(f"/{left - 1}")
        return web.Response(body=b"file")

    site.handler = hop
    async with opened() as client:
        got = await client.download(f"{site.url}/3", tmp_path / "a", max_bytes=10)
        assert got.size == 4
        assert all("Authorization" not in request.headers for request in site.seen)
        error = await download(client, f"{site.url}/4", tmp_path / "b")
        assert (error.code, error.facts["reason"]) == (Code.RESULT_BROKEN, "redirects")
        assert await client.fetch(f"{site.url}/0", tmp_path / "c", 10) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/a.mp4",
        "https://[::ffff:10.0.0.1]/",
        "http://cdn.example.com/a.mp4",
        "file:///etc/passwd",
        "https://user:pass@cdn.example.com/",
        "http://[",
    ],
)
async def test_a_redirect_is_checked_like_any_address(
    site: Site, tmp_path: Path, location: str
) -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    site.handler = away
    async with opened() as client:
        error = await download(client, site.url, tmp_path / "a")
    assert error.code is Code.RESULT_BROKEN
    assert location not in str(error)


async def test_loopback_is_refused_unless_configured(site: Site, tmp_path: Path) -> None:
    async with opened(policy=AddressPolicy()) as client:
        error = await download(client, site.url, tmp_path / "a")
        assert error.facts["reason"] == "address"
        with pytest.raises(ProviderError):
            await client.get(site.url, key=KEY)
    assert site.seen == []


SIGNED = (
    "/a%2Fb/%7Euser/v%20ideo.mp4?X-Sig=a%2Bb+c%2f%7e==&Policy=~x*(1)!&e=%C3%BC&u=a%2Fb%3Dc",
    "/k%41%2e%2E/x;y=1,2@3:4/$&'?a=b?c=d/e&&f",
    "/100%/x?sale=50%25&odd=%zz",
    "//double//slash",
)


@pytest.mark.parametrize("target", SIGNED)
@pytest.mark.parametrize("redirected", [False, True])
async def test_the_bytes_of_a_signed_link_are_untouched(
    site: Site, tmp_path: Path, target: str, *, redirected: bool
) -> None:
    async def serve(request: web.Request) -> web.StreamResponse:
        if request.raw_path == "/start":
            return web.Response(status=302, headers={"Location": site.url + target})
        return web.Response(body=b"file")

    site.handler = serve
    async with opened() as client:
        url = site.url + ("/start" if redirected else target)
        await client.download(url, tmp_path / "a", max_bytes=10)
    assert site.seen[-1].raw_path == target


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("/a b.mp4", "/a%20b.mp4"),
        ("/ü.mp4?n=ü%20x", "/%C3%BC.mp4?n=%C3%BC%20x"),
        ('/a"b<c>.mp4', "/a%22b%3Cc%3E.mp4"),
        ("/a.mp4#t=3", "/a.mp4"),
        (" /a.mp4\n", "/a.mp4"),
    ],
)
async def test_what_no_link_may_hold_is_quoted_and_nothing_else(
    site: Site, tmp_path: Path, given: str, sent: str
) -> None:
    async with opened() as client:
        url = given.replace("/", site.url + "/", 1)
        await client.download(url, tmp_path / "a", max_bytes=100)
    assert site.seen[-1].raw_path == sent


async def test_the_path_of_an_odd_id_arrives_as_it_was_quoted(site: Site) -> None:
    async with opened() as client:
        await client.get(f"{site.url}/v1/tasks/a%2Fb%3D%3D%7E%20c", key=KEY, params={"q": "a/b c+"})
    assert site.seen[-1].raw_path == "/v1/tasks/a%2Fb%3D%3D%7E%20c?q=a%2Fb+c%2B"


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example.com\\@169.254.169.254/a",
        "https://good.example.com@169.254.169.254/a",
        "https://169.254.169.254#@good.example.com/",
        "https://169.254.169.254:443/a",
        "https://[::ffff:169.254.169.254]/a",
        "https://good.example.com:99999/a",
        "https:///a",
        "ftp://good.example.com/a",
    ],
)
async def test_a_link_is_checked_by_what_is_sent(tmp_path: Path, url: str) -> None:
    async with opened(policy=AddressPolicy(), resolver=Rebound()) as client:
        error = await download(client, url, tmp_path / "a")
    assert (error.code, error.facts["reason"]) == (Code.RESULT_BROKEN, "address")
