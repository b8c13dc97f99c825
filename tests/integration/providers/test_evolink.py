"""EvoLink's stand-in against the vendor's pages: submit, query, batch, list, credits."""

from typing import Any

import pytest

from tests.integration.providers.harness import Bench, as_base64, draw

TEXT = "gemini-omni-flash-text-to-video"
IMAGE = "gemini-omni-flash-image-to-video"
EDIT = "gemini-omni-flash-video-edit"
ASK = {"model": TEXT, "prompt": "a glass marble rolls down a track"}


async def test_a_submit_is_answered_as_on_the_page(bench: Bench) -> None:
    answer = await bench.evolink(ASK | {"duration": 6, "aspect_ratio": "9:16"})
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    task_id = answer.json.pop("id")
    assert task_id.startswith("task-unified-1763000000-")
    assert len(task_id.rpartition("-")[2]) == 8
    reserved = round(6 * 0.086156 * 68, 2)
    assert answer.json == {
        "created": 1_763_000_000,
        "model": TEXT,
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": False, "estimated_time": 8},
        "type": "video",
        "usage": {
            "billing_rule": "per_token",
            "credits_reserved": reserved,
            "user_group": "default",
        },
    }


async def test_a_task_goes_from_pending_to_completed_in_steps(bench: Bench) -> None:
    task_id = (await bench.evolink(ASK | {"duration": 4})).json["id"]
    seen = []
    for _ in range(5):
        answer = await bench.task(task_id)
        seen.append((answer["status"], answer["progress"]))
        assert "results" not in answer
        bench.clock.advance(1.5)
    assert seen == [
        ("pending", 0),
        ("processing", 15),
        ("processing", 35),
        ("processing", 55),
        ("processing", 75),
    ]
    bench.clock.advance(1)
    done = await bench.task(task_id)
    assert (done["status"], done["progress"]) == ("completed", 100)
    assert done["results"] == [done["result_data"][0]["video_url"]]
    assert done["result_data"][0]["duration"] == done["task_info"]["video_duration"] == 4
    assert done["usage"]["cost"]["usd"] == pytest.approx(4 * 0.086156)
    assert done["usage"]["credits_used"] == round(4 * 0.086156 * 68, 2)
    assert "error" not in done


async def test_a_result_is_a_video_for_24_hours(bench: Bench) -> None:
    url = await bench.video(await bench.made(ASK))
    answer = await bench.ask("GET", url, key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.body[4:8] == b"ftyp"
    bench.clock.advance(24 * 3600)
    assert (await bench.ask("GET", url, key=None)).status == 404


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": "gemini-omni-flash-preview"}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"duration": 2}, "duration"),
        ({"duration": 11}, "duration"),
        ({"duration": "6"}, "duration"),
        ({"duration": 6.0}, "duration"),
        ({"duration": True}, "duration"),
        ({"aspect_ratio": "1:1"}, "aspect_ratio"),
        ({"aspect_ratio": 16}, "aspect_ratio"),
        ({"negative_prompt": "rain"}, "negative_prompt"),
        ({"quality": "720p"}, "quality"),
        ({"image_urls": ["https://example.com/a.png"]}, "image_urls"),
        ({"video_urls": ["https://example.com/a.mp4"]}, "video_urls"),
        ({"callback_url": 5}, "callback_url"),
        ({"callback_url": ""}, "callback_url"),
    ],
)
async def test_wrong_parameters_of_text_to_video(
    bench: Bench, change: dict[str, Any], param: str
) -> None:
    body = {name: value for name, value in (ASK | change).items() if value is not None}
    answer = await bench.evolink(body)
    assert answer.status == 400
    error = answer.json["error"]
    assert (error["code"], error["type"]) == ("invalid_request", "invalid_request_error")
    assert error["param"] == param
    assert error["message"]
    assert bench.providers.evolink.paid == []


@pytest.mark.parametrize("duration", [3, 10, "auto"])
@pytest.mark.parametrize("aspect_ratio", ["16:9", "9:16", "auto"])
async def test_right_parameters_of_text_to_video(
    bench: Bench, duration: int | str, aspect_ratio: str
) -> None:
    answer = await bench.evolink(ASK | {"duration": duration, "aspect_ratio": aspect_ratio})
    assert answer.status == 200


async def test_the_default_duration_is_ten_seconds(bench: Bench) -> None:
    task = await bench.task(await bench.made(ASK))
    assert task["task_info"]["video_duration"] == 10


async def test_auto_is_reserved_as_ten_seconds_and_settled_as_made(bench: Bench) -> None:
    answer = await bench.evolink(ASK | {"duration": "auto", "prompt": "a clip of 7 seconds"})
    assert answer.json["usage"]["credits_reserved"] == round(10 * 0.086156 * 68, 2)
    bench.clock.advance(8)
    task = await bench.task(answer.json["id"])
    assert task["task_info"]["video_duration"] == 7
    assert task["usage"]["cost"]["usd"] == pytest.approx(7 * 0.086156)


async def test_image_to_video_takes_all_three_forms(bench: Bench) -> None:
    ask = {"model": IMAGE, "prompt": "the leaves sway"}
    for kind in ("PNG", "JPEG", "WEBP"):
        url = bench.serve(f"a.{kind}", draw(kind=kind))
        assert (await bench.evolink(ask | {"image_urls": [url]})).status == 200
    plain = as_base64(draw())
    for given in (plain, f"data:image/png;base64,{plain}"):
        assert (await bench.evolink(ask | {"image_urls": [given]})).status == 200


async def test_image_to_video_refuses_what_is_no_image(bench: Bench) -> None:
    ask = {"model": IMAGE, "prompt": "the leaves sway"}
    png = draw()
    wrong = {
        "none": [],
        "two": [as_base64(png)] * 2,
        "not a list": as_base64(png),
        "not strings": [5],
        "ftp": ["ftp://127.0.0.1/a.png"],
        "no host": ["http:///a.png"],
        "not base64": ["%%%%"],
        "data of text": ["data:text/plain;base64,aGVsbG8="],
        "data unencoded": ["data:image/png,abc"],
        "gif": [as_base64(draw(kind="GIF"))],
        "only the beginning": [as_base64(png[: len(png) // 2])],
        "text": [bench.serve("text", b"hello")],
        "missing": [bench.serve("missing", b"gone", status=404)],
        "unreachable": ["http://127.0.0.1:9/a.png"],
        "too large": [bench.serve("large", png + bytes(20 * 1024 * 1024))],
    }
    for name, given in wrong.items():
        answer = await bench.evolink(ask | {"image_urls": given})
        assert answer.status == 400, name
        assert answer.json["error"]["param"] == "image_urls", name
    assert (await bench.evolink(ask)).json["error"]["param"] == "image_urls"


async def test_video_edit_has_neither_duration_nor_aspect_ratio(bench: Bench) -> None:
    source = await bench.video(await bench.made(ASK))
    ask = {"model": EDIT, "prompt": "warmer light", "video_urls": [source]}
    assert (await bench.evolink(ask)).status == 200
    for parameter, value in (("duration", 5), ("aspect_ratio", "16:9"), ("image_urls", [])):
        answer = await bench.evolink(ask | {parameter: value})
        assert answer.status == 400
        assert answer.json["error"]["param"] == parameter


async def test_video_edit_checks_the_video(bench: Bench, long_video: bytes) -> None:
    source = await bench.video(await bench.made(ASK))
    mp4 = (await bench.ask("GET", source, key=None)).body
    wrong = {
        "none": [],
        "two": [source, source],
        "data": [f"data:video/mp4;base64,{as_base64(mp4)}"],
        "image": [bench.serve("image.mp4", draw())],
        "truncated": [bench.serve("half.mp4", mp4[: len(mp4) // 2])],
        "only a name": [bench.serve("name.mp4", mp4[:40])],
        "eleven seconds": [bench.serve("long.mp4", long_video)],
        "expired": [source.replace("/results/evolink/", "/results/evolink/x")],
    }
    for name, given in wrong.items():
        answer = await bench.evolink({"model": EDIT, "prompt": "warmer", "video_urls": given})
        assert answer.status == 400, name
        assert answer.json["error"]["param"] == "video_urls", name


async def test_an_error_has_the_page_s_words(bench: Bench) -> None:
    missing = await bench.ask("POST", "/evolink/v1/videos/generations", json=ASK, key=None)
    assert missing.status == 401
    wrong = await bench.evolink(ASK, key="sk-nonsense")
    assert wrong.status == 401
    assert wrong.json["error"]["code"] == "unauthorized"
    assert wrong.json["error"]["message"] == "Invalid or expired token"
    assert wrong.json["error"]["type"] == "authentication_error"

    bench.providers.evolink.settings.denied_models = [TEXT]
    denied = await bench.evolink(ASK)
    assert denied.status == 403
    assert denied.json["error"]["code"] == "model_access_denied"
    assert TEXT in denied.json["error"]["message"]
    bench.providers.evolink.settings.denied_models = []

    bench.providers.evolink.balance_usd = 0.5
    broke = await bench.evolink(ASK)
    assert broke.status == 402
    assert broke.json["error"]["code"] == broke.json["error"]["type"] == "insufficient_quota"
    assert "top up" in broke.json["error"]["message"]
    assert bench.providers.evolink.balance_usd == 0.5

    bench.fault("evolink", "submit", "status", status=429, retry_after=30)
    busy = await bench.evolink(ASK)
    assert (busy.status, busy.headers["retry-after"]) == (429, "30")
    assert busy.json["error"]["code"] == "rate_limit_exceeded"


async def test_the_body_must_be_a_json_object(bench: Bench) -> None:
    path = "/evolink/v1/videos/generations"
    json_type = {"Content-Type": "application/json"}
    for data, headers in (
        (b"{", json_type),
        (b"[]", json_type),
        (b"", json_type),
        (b'{"model": 1}', {"Content-Type": "text/plain"}),
    ):
        answer = await bench.ask("POST", path, data=data, headers=headers)
        assert answer.status == 400, data
        assert answer.json["error"]["code"] == "invalid_request"


async def test_a_task_id_must_look_like_one(bench: Bench) -> None:
    answer = await bench.ask("GET", "/evolink/v1/tasks/task_01ABC")
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_task_id")
    answer = await bench.ask("GET", "/evolink/v1/tasks/task-unified-1-abcdefgh")
    assert (answer.status, answer.json["error"]["code"]) == (404, "task_not_found")


async def test_a_batch_leaves_unknown_ids_out(bench: Bench) -> None:
    ids = [(await bench.evolink(ASK)).json["id"] for _ in range(3)]
    bench.clock.advance(8)
    path = "/evolink/v1/tasks/batch"
    asked = [ids[0], "task-unified-1-unknown0", ids[2]]
    answer = await bench.ask("POST", path, json={"task_ids": asked})
    assert [task["id"] for task in answer.json["data"]] == [ids[0], ids[2]]
    assert {task["status"] for task in answer.json["data"]} == {"completed"}
    full = await bench.ask("POST", path, json={"task_ids": [ids[0]] * 50})
    assert full.status == 200
    for wrong in ([], [ids[0]] * 51, "x", ["task_01"], [5]):
        assert (await bench.ask("POST", path, json={"task_ids": wrong})).status == 400
    assert (await bench.ask("POST", path, json={"ids": ids})).status == 400


async def test_the_list_filters_and_turns_pages(bench: Bench) -> None:
    ids = [(await bench.evolink(ASK)).json["id"] for _ in range(3)]
    bench.clock.advance(8)
    picture = as_base64(draw())
    other = await bench.evolink({"model": IMAGE, "prompt": "p", "image_urls": [picture]})
    for task_id in ids:
        await bench.task(task_id)
    path = "/evolink/v1/tasks"

    everything = (await bench.ask("GET", path)).json
    assert [task["id"] for task in everything["data"]] == [other.json["id"], *reversed(ids)]
    assert {name: everything[name] for name in ("total", "page", "page_size")} == {
        "total": 4,
        "page": 1,
        "page_size": 20,
    }
    assert everything["data"][0] == {
        "id": other.json["id"],
        "model": IMAGE,
        "type": "video",
        "status": "pending",
        "progress": 0,
        "created_at": 1_763_000_008,
    }
    second = (await bench.ask("GET", f"{path}?status=completed&page=2&page_size=2")).json
    assert [task["id"] for task in second["data"]] == [ids[0]]
    assert second["total"] == 3
    by_model = (await bench.ask("GET", f"{path}?model={IMAGE}&type=video")).json
    assert [task["id"] for task in by_model["data"]] == [other.json["id"]]
    assert (await bench.ask("GET", f"{path}?type=image")).json["total"] == 0
    for wrong in ("page=0", "page_size=101", "page=x", "sort=asc"):
        assert (await bench.ask("GET", f"{path}?{wrong}")).status == 400


async def test_credits_tell_what_is_left(bench: Bench) -> None:
    bench.providers.evolink.balance_usd = 10
    await bench.made(ASK | {"duration": 5})
    answer = (await bench.ask("GET", "/evolink/v1/credits")).json["data"]
    used = round(5 * 0.086156 * 68, 2)
    assert answer["user"]["used_credits"] == used
    assert answer["user"]["remaining_credits"] == pytest.approx(680 - used, abs=0.02)
    assert answer["token"]["unlimited_credits"] is False


async def test_an_unknown_route_is_remembered(bench: Bench) -> None:
    bench.problems_expected = True
    answer = await bench.ask("POST", "/evolink/v1/tasks/task-unified-1-a/cancel")
    assert answer.status == 404
    assert answer.json["error"]["code"] == "not_found"
    assert (await bench.ask("DELETE", "/evolink/v1/credits")).status == 405
    assert bench.providers.problems == [
        "evolink: POST /evolink/v1/tasks/task-unified-1-a/cancel",
        "evolink: DELETE /evolink/v1/credits",
    ]
