"""What the HTTP client reads: packed bodies, partial and large files, caps, and a full disk."""

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import BodyPartReader, web

from bot.domain.errors import Code, MediaError, ProviderError
from tests.contract.providers.http_site import KEY, Handler, Site, download, opened


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
