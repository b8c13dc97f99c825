"""The door itself, against a server that behaves as badly as servers do."""

import asyncio
import contextlib
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.domain.errors import Accepted, Code, MediaError, ProviderError
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient, Timeouts

KEY = "sk-key-of-the-door-0123456789"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Timeouts(connect=5, submit=5, read=5, idle=5, transfer=5)


@dataclass
class Site:
    """A server whose one handler a test may replace; ``seen`` are the requests, in order."""

    url: str
    handler: Handler
    seen: list[web.BaseRequest] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        made.seen.append(request)
        made.connections.add(id(request.transport))
        return await made.handler(request)  # pyright: ignore[reportArgumentType]

    async def fine(_: web.Request) -> web.StreamResponse:
        return web.json_response({"fine": True})

    server = web.Server(answer)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Site(f"http://127.0.0.1:{runner.addresses[0][1]}", fine)
    try:
        yield made
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def opened(
    *, policy: AddressPolicy | None = None, resolver: AbstractResolver | None = None
) -> AsyncIterator[HttpClient]:
    client = HttpClient(
        service="test",
        policy=policy or AddressPolicy(loopback=True),
        timeouts=QUICK,
        resolver=resolver,
    )
    async with client:
        yield client


async def buy(client: HttpClient, url: str) -> object:
    return await client.post_paid(
        url, key=KEY, body={"model": "m"}, headers={"Idempotency-Key": "k"}
    )


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def test_a_refused_connection_took_nothing() -> None:
    async with opened() as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, f"http://127.0.0.1:{closed_port()}/v1/videos")
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable


class NoNames(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise OSError(None, "DNS lookup failed")

    async def close(self) -> None:
        return None


class Rebound(NoNames):
    """A public name that leads back to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in ("127.0.0.1", "169.254.169.254")
        ]


async def test_an_unknown_name_took_nothing() -> None:
    async with opened(resolver=NoNames()) as client:
        with pytest.raises(ProviderError) as caught:
            await buy(client, "https://api.example.com/v1/videos")
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable


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


async def download(
    client: HttpClient, url: str, target: Path, max_bytes: int = 1_000_000
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await client.download(url, target, max_bytes=max_bytes)
    assert list(target.parent.glob(target.name)) == []
    return caught.value


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
async def test_a_redirect_is_judged_like_any_address(
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


async def test_the_cap_holds_without_a_length_and_against_a_false_one(
    site: Site, tmp_path: Path
) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                await response.write(b"x" * 65536)
        return response

    async def promise(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 2000)

    async with opened() as client:
        site.handler = pour
        error = await download(client, site.url, tmp_path / "a", max_bytes=100_000)
        assert error.code is Code.RESULT_TOO_LARGE
        site.handler = promise
        error = await download(client, site.url, tmp_path / "a", max_bytes=1999)
        assert error.code is Code.RESULT_TOO_LARGE
        got = await client.download(site.url, tmp_path / "a", max_bytes=2000)
        assert got.size == 2000


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
async def test_a_link_is_judged_by_what_is_sent(tmp_path: Path, url: str) -> None:
    async with opened(policy=AddressPolicy(), resolver=Rebound()) as client:
        error = await download(client, url, tmp_path / "a")
    assert (error.code, error.facts["reason"]) == (Code.RESULT_BROKEN, "address")


WORDS = ["aws-chunked", "utf-8", "binary", "identity", "gzip", "none", "br", "x, y", "deflate", ""]
PACKERS = {"plain": bytes, "gzip": gzip.compress, "zlib": zlib.compress}


def serving(body: bytes, word: str) -> Handler:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Encoding": word} if word else {})

    return serve


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
async def test_the_content_says_how_a_file_is_packed(
    site: Site, tmp_path: Path, word: str, pack: Callable[[bytes], bytes]
) -> None:
    body = bytes(range(256)) * 4000
    site.handler = serving(pack(body), word)
    async with opened() as client:
        got = await client.download(site.url, tmp_path / "a", max_bytes=len(body))
    assert (tmp_path / "a").read_bytes() == body
    assert got.size == len(body)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("body", [{"id": "task-1"}, 7])
async def test_the_answer_to_a_paid_post_is_read_however_it_is_called(
    site: Site, word: str, pack: Callable[[bytes], bytes], body: object
) -> None:
    """A word in a header must not make a bought video one whose outcome is unknown."""
    site.handler = serving(pack(json.dumps(body).encode()), word)
    async with opened() as client:
        answer = await client.post_paid(site.url, key=KEY, body={}, headers={})
    assert answer.body == body


@pytest.mark.parametrize(
    ("status", "reported", "whole"),
    [
        (203, "", True),
        (206, "bytes 0-999/1000", True),
        (206, "bytes 0-999/2000", False),
        (206, "bytes 1000-1999/2000", False),
        (206, "bytes 0-999/*", False),
        (206, "", False),
        (204, "", False),
    ],
)
async def test_a_part_that_is_the_whole_file_is_taken(
    site: Site, tmp_path: Path, status: int, reported: str, *, whole: bool
) -> None:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=bytes(1000), headers={"Content-Range": reported})

    site.handler = serve
    async with opened() as client:
        if whole:
            assert (await client.download(site.url, tmp_path / "a", max_bytes=9999)).size == 1000
        else:
            error = await download(client, site.url, tmp_path / "a", 9999)
            assert (error.code, error.retryable) == (Code.RESULT_BROKEN, True)


async def test_an_empty_or_badly_packed_file_is_broken(site: Site, tmp_path: Path) -> None:
    packed = gzip.compress(bytes(range(256)) * 4000)
    spoiled = packed[:40] + bytes(200) + packed[240:]
    odd = {"Content-Encoding": "gzip"}
    async with opened() as client:
        for body, headers in ((b"", {}), (b"", odd), (packed[:-9], odd), (spoiled, odd)):

            async def serve(
                _: web.Request, body: bytes = body, headers: dict[str, str] = headers
            ) -> web.StreamResponse:
                return web.Response(body=body, headers=headers)

            site.handler = serve
            error = await download(client, site.url, tmp_path / "a", 10**8)
            assert error.code is Code.RESULT_BROKEN


async def test_a_packed_bomb_meets_the_cap(site: Site, tmp_path: Path) -> None:
    async def bomb(_: web.Request) -> web.StreamResponse:
        body = gzip.compress(bytes(50_000_000))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    site.handler = bomb
    async with opened() as client:
        error = await download(client, site.url, tmp_path / "a")
    assert error.code is Code.RESULT_TOO_LARGE


async def test_a_large_file_keeps_its_bytes(site: Site, tmp_path: Path) -> None:
    body = bytes(range(256)) * 12_000
    upload = tmp_path / "in.bin"
    upload.write_bytes(body)
    received = bytearray()

    async def take(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            part = await (await request.multipart()).next()
            assert isinstance(part, BodyPartReader)
            assert part.name == "file"
            while chunk := await part.read_chunk(65536):
                received.extend(chunk)
            return web.json_response({"ok": True})
        return web.Response(body=body)

    site.handler = take
    async with opened() as client:
        answer = await client.upload(
            site.url, key=KEY, file=upload, name="a.bin", mime="application/x"
        )
        assert answer.body == {"ok": True}
        assert bytes(received) == body
        await client.download(site.url, tmp_path / "out.bin", max_bytes=10**8)
    assert (tmp_path / "out.bin").read_bytes() == body
    assert int(site.seen[0].headers["Content-Length"]) > len(body)


async def test_a_disk_that_refuses_is_our_own_trouble(site: Site, tmp_path: Path) -> None:
    async with opened() as client:
        with pytest.raises(MediaError) as caught:
            await client.download(site.url, tmp_path / "no" / "such" / "folder", max_bytes=100)
    assert caught.value.facts["reason"] == "disk"


async def test_a_cancelled_download_leaves_nothing(site: Site, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x" * 10)
        begun.set()
        await asyncio.Event().wait()
        return response

    site.handler = stall
    async with opened() as client:
        task = asyncio.create_task(client.download(site.url, tmp_path / "a", max_bytes=100))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not (tmp_path / "a").exists()


async def test_an_oversized_answer_is_not_read_to_its_end(site: Site) -> None:
    async def bomb(_: web.Request) -> web.StreamResponse:
        response = web.Response(body=b" " * 40_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    site.handler = bomb
    async with opened() as client:
        with pytest.raises(ProviderError) as caught:
            await client.get(site.url, key=KEY)
    assert caught.value.code is Code.PROVIDER_MALFORMED


async def test_deeply_nested_json_is_no_json(site: Site) -> None:
    async def nest(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"[" * 500_000, content_type="application/json")

    site.handler = nest
    async with opened() as client:
        answer = await client.get(site.url, key=KEY)
    assert answer.is_json is False
