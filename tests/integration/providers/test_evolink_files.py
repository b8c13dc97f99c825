"""EvoLink's files service: three ways in, 72 hours, a quota, removal."""

import io
from typing import Any

import aiohttp

from sandbox.providers import evolink_files, rules
from tests.integration.providers.harness import Answer, Bench, as_base64, draw

UPLOAD = "/evolink-files/api/v1/files/upload"


async def stream(bench: Bench, body: bytes, name: str = "cat.png", **more: Any) -> Answer:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(body), filename=name)
    return await bench.ask("POST", f"{UPLOAD}/stream", data=form, **more)


async def test_a_streamed_file_is_described_as_documented(bench: Bench) -> None:
    body = draw()
    answer = await stream(bench, body)
    assert answer.status == 200
    assert {name: answer.json[name] for name in ("success", "code")} == {
        "success": True,
        "code": 200,
    }
    data = answer.json["data"]
    assert data["file_id"].startswith("file_")
    assert (data["file_size"], data["mime_type"]) == (len(body), "image/png")
    assert data["expires_at"] == "2025-11-16T02:13:20+00:00"
    served = await bench.ask("GET", data["file_url"], key=None)
    assert (served.body, served.headers["content-type"]) == (body, "image/png")


async def test_base64_and_url_uploads(bench: Bench) -> None:
    body = draw(kind="WEBP")
    for given in (as_base64(body), f"data:image/webp;base64,{as_base64(body)}"):
        answer = await bench.ask(
            "POST", f"{UPLOAD}/base64", json={"base64_data": given, "file_name": "a b.webp"}
        )
        assert answer.json["data"]["file_name"] == "a-b.webp"
    address = bench.serve("x", body)
    answer = await bench.ask("POST", f"{UPLOAD}/url", json={"file_url": address})
    url = answer.json["data"]["file_url"]
    assert (await bench.ask("GET", url, key=None)).body == body


async def test_a_video_can_be_uploaded_and_edited(bench: Bench) -> None:
    video = await bench.video(
        await bench.made({"model": "gemini-omni-flash-text-to-video", "prompt": "p"})
    )
    mp4 = (await bench.ask("GET", video, key=None)).body
    url = (await stream(bench, mp4, "v.mp4")).json["data"]["file_url"]
    edit = {"model": "gemini-omni-flash-video-edit", "prompt": "night", "video_urls": [url]}
    assert (await bench.evolink(edit)).status == 200


async def test_files_expire_after_72_hours(bench: Bench) -> None:
    url = (await stream(bench, draw())).json["data"]["file_url"]
    bench.clock.advance(72 * 3600 - 1)
    assert (await bench.ask("GET", url, key=None)).status == 200
    bench.clock.advance(1)
    assert (await bench.ask("GET", url, key=None)).status == 404


async def test_the_quota_and_removal(bench: Bench) -> None:
    first = (await stream(bench, draw())).json["data"]
    for _ in range(rules.EVOLINK_UPLOADS.most_files - 1):
        assert (await stream(bench, draw())).status == 200
    quota = await bench.ask("GET", "/evolink-files/api/v1/files/quota")
    assert quota.json["data"]["remain_files"] == 0
    full = await stream(bench, draw())
    assert (full.status, full.json["error"]["code"]) == (403, "quota_exceeded")
    path = f"/evolink-files/api/v1/files/{first['file_id']}"
    assert (await bench.ask("DELETE", path)).status == 200
    assert (await bench.ask("DELETE", path)).status == 404
    assert (await bench.ask("GET", first["file_url"], key=None)).status == 404
    assert (await stream(bench, draw())).status == 200


async def test_uploads_that_are_refused(bench: Bench) -> None:
    assert (await stream(bench, b"hello", "a.txt")).status == 400
    assert (await stream(bench, draw(), key="wrong")).status == 401
    assert (await bench.ask("POST", f"{UPLOAD}/stream", data=b"x")).status == 400
    for path, body in (
        ("base64", {"base64_data": "%%%"}),
        ("base64", {}),
        ("base64", {"base64_data": as_base64(draw()), "colour": "red"}),
        ("base64", []),
        ("url", {"file_url": "ftp://127.0.0.1/x"}),
        ("url", {"file_url": "http://127.0.0.1:9/x"}),
    ):
        answer = await bench.ask("POST", f"{UPLOAD}/{path}", json=body)
        assert answer.status == 400, (path, body)


async def test_a_file_over_the_cap_is_413(bench: Bench, monkeypatch: Any) -> None:
    small = rules.UploadRule(kinds=rules.EVOLINK_UPLOADS.kinds, most_bytes=1000)
    monkeypatch.setattr(evolink_files, "_RULE", small)
    assert (await stream(bench, draw() + bytes(1000))).status == 413
    given = {"base64_data": as_base64(draw() + bytes(1000))}
    assert (await bench.ask("POST", f"{UPLOAD}/base64", json=given)).status == 413


async def test_upload_faults(bench: Bench) -> None:
    bench.fault("evolink", "upload", "status", status=503)
    assert (await stream(bench, draw())).status == 503
