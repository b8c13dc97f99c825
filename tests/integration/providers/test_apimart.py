"""APIMart's stand-in against the vendor's page: submit, query, balance, image uploads."""

import io
from typing import Any

import aiohttp
import pytest

from sandbox.providers import APIMART_KEY
from tests.integration.providers.harness import Answer, Bench, as_base64, draw

PREVIEW = "gemini-omni-flash-preview"
ASK = {"model": PREVIEW, "prompt": "a red apple on a wooden table"}


async def submit(bench: Bench, **body: Any) -> str:
    answer = await bench.apimart(ASK | body)
    assert answer.status == 200, answer.json
    return answer.json["data"][0]["task_id"]


async def test_a_submit_is_answered_as_on_the_page(bench: Bench) -> None:
    answer = await bench.apimart(ASK)
    task_id = answer.json["data"][0]["task_id"]
    assert answer.json == {"code": 200, "data": [{"status": "submitted", "task_id": task_id}]}
    assert task_id.startswith("task_01")
    assert len(task_id) == len("task_01KS1H7ZYSJWH1N779S2FSHTKA")


async def test_the_newer_answer_is_given_when_asked_for(bench: Bench) -> None:
    headers = {"X-APIMart-Response-Version": "2026-07-27"}
    answer = await bench.apimart(ASK, headers=headers)
    assert set(answer.json) == {"request_id", "data"}
    assert answer.json["data"]["object"] == "video.generation"
    assert answer.json["data"]["status"] == "submitted"
    assert (await bench.task(answer.json["data"]["id"]))["status"] == "pending"


async def test_a_completed_task_is_reported_as_on_the_page(bench: Bench) -> None:
    task_id = await submit(bench, aspect_ratio="9:16")
    bench.clock.advance(4)
    half = await bench.task(task_id)
    assert half == {
        "id": task_id,
        "status": "processing",
        "progress": 50,
        "created": 1_763_000_000,
        "estimated_time": 8,
    }
    bench.clock.advance(4)
    done = await bench.task(task_id)
    video = done.pop("result")["videos"][0]
    assert done == {
        "id": task_id,
        "status": "completed",
        "progress": 100,
        "created": 1_763_000_000,
        "completed": 1_763_000_008,
        "actual_time": 8,
        "estimated_time": 8,
        "cost": pytest.approx(5 * 0.088),
        "credits_cost": pytest.approx(5 * 0.88),
    }
    assert video["expires_at"] == 1_763_000_008 + 24 * 3600
    assert len(video["url"]) == 1
    assert (await bench.ask("GET", video["url"][0], key=None)).body[4:8] == b"ftyp"


async def test_a_url_may_come_as_a_string(bench: Bench) -> None:
    bench.providers.apimart.settings.url_as_string = True
    task = await bench.task(await bench.made(ASK))
    assert task["result"]["videos"][0]["url"].endswith(".mp4")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gemini-omni-flash-text-to-video"},
        {"model": None},
        {"prompt": None},
        {"prompt": ""},
        {"prompt": ["a"]},
        {"duration": 5},
        {"resolution": "1080p"},
        {"resolution": 720},
        {"aspect_ratio": 5},
        {"image_urls": "https://example.com/a.png"},
        {"image_urls": ["aGVsbG8="]},
        {"image_urls": ["data:image/png;base64,aGVsbG8="]},
        {"image_urls": ["https://127.0.0.1/a.png"] * 17},
        {"video_urls": ["https://127.0.0.1/a.mp4"] * 2},
        {"video_urls": ["aGVsbG8="]},
        {"extend_from_task_id": ""},
        {"extend_from_task_id": "task_01KS1H7ZYSJWH1N779S2FSHTKA"},
        {"extend_from_task_id": 5},
        {"first_frame_image": "https://127.0.0.1/a.png"},
        {"metadata": {"task": "edit"}},
        {"callback_url": "https://example.com/x"},
        {"quality": "720p"},
    ],
)
async def test_wrong_parameters(bench: Bench, change: dict[str, Any]) -> None:
    body = {name: value for name, value in (ASK | change).items() if value is not None}
    answer = await bench.apimart(body)
    assert answer.status == 400
    assert answer.json["error"]["code"] == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert bench.providers.apimart.paid == []


async def test_other_aspect_ratios_mean_landscape(bench: Bench) -> None:
    task_id = await submit(bench, aspect_ratio="1:1", resolution="720p")
    assert bench.providers.apimart.tasks[task_id].aspect == "16:9"


async def test_media_need_no_prompt(bench: Bench) -> None:
    url = bench.serve("a.png", draw())
    answer = await bench.apimart({"model": PREVIEW, "image_urls": [url]})
    assert answer.status == 200
    video = await bench.video(await bench.made(ASK))
    answer = await bench.apimart({"model": PREVIEW, "prompt": "", "video_urls": [video]})
    assert answer.status == 200


async def test_what_was_spent_in_a_time(bench: Bench) -> None:
    begun = bench.clock()
    await bench.made(ASK)
    bench.fault("apimart", "task", "fail")
    await submit(bench)
    bench.clock.advance(8)

    async def spent(start: object, end: object) -> Any:
        path = f"/apimart/v1/usage?start={start}&end={end}"
        answer = await bench.ask("GET", path, key=APIMART_KEY)
        return answer.json["data"]["total"] if answer.status == 200 else answer.json["error"]

    total = await spent(int(begun), int(bench.clock()))
    assert (total["amount_usd"], total["requests"]) == (pytest.approx(5 * 0.088), 1)
    assert total["credits"] == pytest.approx(5 * 0.88)
    assert (await spent(int(bench.clock()) + 1, int(bench.clock()) + 9))["amount_usd"] == 0
    assert (await spent(int(begun) - 32 * 86_400, int(begun)))["code"] == "range_too_large"
    for wrong in ((int(begun), int(begun)), ("soon", int(begun))):
        assert (await spent(*wrong))["code"] == "invalid_range"


async def test_the_models_that_are_listed(bench: Bench) -> None:
    listed = await bench.ask("GET", "/apimart/v1/models", key=APIMART_KEY)
    assert [entry["id"] for entry in listed.json["data"]] == [PREVIEW, "gemini-omni-1.1-flash"]


async def test_sixteen_images_but_no_webp(bench: Bench) -> None:
    urls = [bench.serve(f"{n}.jpg", draw(kind="JPEG")) for n in range(16)]
    assert (await bench.apimart(ASK | {"image_urls": urls})).status == 200
    webp = bench.serve("a.webp", draw(kind="WEBP"))
    assert (await bench.apimart(ASK | {"image_urls": [webp]})).status == 400


async def test_a_video_may_be_a_data_url_and_up_to_24_seconds(
    bench: Bench, long_video: bytes
) -> None:
    data = f"data:video/mp4;base64,{as_base64(long_video)}"
    assert (await bench.apimart(ASK | {"video_urls": [data]})).status == 200
    body = {"model": "gemini-omni-1.1-flash", "prompt": "p", "video_urls": [data]}
    assert (await bench.apimart(body)).status == 400
    image = f"data:video/mp4;base64,{as_base64(draw())}"
    assert (await bench.apimart(ASK | {"video_urls": [image]})).status == 400


async def test_an_edit_names_the_task_before_it(bench: Bench) -> None:
    first = await submit(bench)
    early = await bench.apimart(ASK | {"extend_from_task_id": first})
    assert early.status == 400
    assert "not completed" in early.json["error"]["message"]
    bench.clock.advance(8)
    assert (await bench.task(first))["status"] == "completed"
    second = await submit(bench, extend_from_task_id=first, prompt="make it night")
    bench.clock.advance(8)
    assert (await bench.task(second))["status"] == "completed"
    third = await submit(bench, extend_from_task_id=second, prompt="add rain")
    assert bench.providers.apimart.tasks[third].submission.mode == "edit"


async def test_a_video_and_a_task_exclude_each_other(bench: Bench) -> None:
    first = await bench.made(ASK)
    body = ASK | {"extend_from_task_id": first, "video_urls": [await bench.video(first)]}
    answer = await bench.apimart(body)
    assert answer.status == 400
    assert "exclude" in answer.json["error"]["message"]


async def test_a_task_of_the_other_provider_cannot_be_edited(bench: Bench) -> None:
    other = await bench.made({"model": "gemini-omni-flash-text-to-video", "prompt": "p"})
    assert (await bench.apimart(ASK | {"extend_from_task_id": other})).status == 400


async def test_errors_have_integer_codes_and_the_page_s_words(bench: Bench) -> None:
    wrong = await bench.apimart(ASK, key="sk-nonsense")
    assert wrong.status == 401
    assert wrong.json == {
        "error": {
            "code": 401,
            "message": "Authentication failed. Please check your API key",
            "type": "authentication_error",
        }
    }
    bench.providers.apimart.balance_usd = 0.1
    broke = await bench.apimart(ASK)
    assert broke.status == 402
    assert broke.json == {
        "error": {
            "code": 402,
            "message": "Insufficient account balance. Please recharge and try again",
            "type": "payment_required",
        }
    }
    bench.fault("apimart", "query", "status", status=429, retry_after=3)
    busy = await bench.ask("GET", "/apimart/v1/tasks/task_1", key=APIMART_KEY)
    assert (busy.status, busy.headers["retry-after"]) == (429, "3")
    assert busy.json["error"]["type"] == "rate_limit_error"


async def test_an_error_may_come_with_status_200(bench: Bench) -> None:
    bench.fault("apimart", "submit", "status", status=200, message="channel is busy")
    answer = await bench.apimart(ASK)
    assert answer.status == 200
    assert answer.json == {"success": False, "message": "channel is busy"}
    assert bench.providers.apimart.paid == []


async def test_an_unknown_task_is_404(bench: Bench) -> None:
    answer = await bench.ask("GET", "/apimart/v1/tasks/task_01", key=APIMART_KEY)
    assert (answer.status, answer.json["error"]["code"]) == (404, 404)


async def test_the_balance(bench: Bench) -> None:
    bench.providers.apimart.balance_usd = 5
    await bench.made(ASK)
    answer = await bench.ask("GET", "/apimart/v1/user/balance", key=APIMART_KEY)
    assert answer.json == {
        "success": True,
        "remain_balance": pytest.approx(5 - 5 * 0.088),
        "used_balance": pytest.approx(5 * 0.088),
        "unlimited_quota": False,
    }


def form(body: bytes, name: str = "cat.png", field: str = "file") -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field(field, io.BytesIO(body), filename=name)
    return data


async def upload(bench: Bench, data: Any) -> Answer:
    return await bench.ask("POST", "/apimart/v1/uploads/images", data=data, key=APIMART_KEY)


async def test_an_uploaded_image_can_be_used_for_72_hours(bench: Bench) -> None:
    body = draw()
    answer = await upload(bench, form(body))
    assert answer.status == 200
    url = answer.json.pop("url")
    assert answer.json == {
        "filename": "cat.png",
        "content_type": "image/png",
        "bytes": len(body),
        "created_at": 1_763_000_000,
    }
    assert (await bench.ask("GET", url, key=None)).body == body
    assert (await bench.apimart(ASK | {"image_urls": [url]})).status == 200
    bench.clock.advance(72 * 3600)
    assert (await bench.ask("GET", url, key=None)).status == 404


async def test_uploads_that_are_refused(bench: Bench, long_video: bytes) -> None:
    assert (await upload(bench, form(long_video, "a.mp4"))).status == 400
    assert (await upload(bench, form(b"hello"))).status == 400
    assert (await upload(bench, form(draw(), field="image"))).status == 400
    assert (await upload(bench, form(draw() + bytes(20 * 1024 * 1024)))).status == 413
    assert (await upload(bench, b"plain")).status == 400


async def test_an_unknown_route_is_remembered(bench: Bench) -> None:
    bench.problems_expected = True
    answer = await bench.ask("POST", "/apimart/v1/uploads/videos", key=APIMART_KEY)
    assert (answer.status, answer.json["error"]["code"]) == (404, 404)
    assert bench.providers.problems == ["apimart: POST /apimart/v1/uploads/videos"]
