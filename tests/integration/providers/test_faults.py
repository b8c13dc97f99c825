"""Every fault of the control interface, as a client sees it on the wire."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from sandbox.clips import footage
from tests.integration.providers.harness import Bench

ASK = {"model": "gemini-omni-flash-text-to-video", "prompt": "p", "duration": 4}
PREVIEW = {"model": "gemini-omni-flash-preview", "prompt": "p"}


async def submitted(bench: Bench) -> str:
    return (await bench.evolink(ASK)).json["id"]


async def test_a_status_fault_occurs_as_often_as_ordered(bench: Bench) -> None:
    bench.fault("evolink", "submit", "status", status=503, code="model_unavailable", times=2)
    for _ in range(2):
        answer = await bench.evolink(ASK)
        assert answer.status == 503
        assert answer.json["error"]["code"] == "model_unavailable"
    assert (await bench.evolink(ASK)).status == 200
    assert len(bench.providers.evolink.paid) == 1


async def test_faults_of_other_calls_wait_for_theirs(bench: Bench) -> None:
    bench.fault("evolink", "query", "status", status=500, message="database is away")
    task_id = await submitted(bench)
    answer = await bench.ask("GET", f"/evolink/v1/tasks/{task_id}")
    assert (answer.status, answer.json["error"]["message"]) == (500, "database is away")
    assert (await bench.task(task_id))["status"] == "pending"


async def test_a_status_may_hide_that_the_call_took_effect(bench: Bench) -> None:
    bench.fault("evolink", "submit", "status", status=502, effect=True)
    assert (await bench.evolink(ASK)).status == 502
    assert len(bench.providers.evolink.paid) == 1
    bench.fault("evolink", "submit", "html", effect=True)
    assert (await bench.evolink(ASK)).status == 502
    assert len(bench.providers.evolink.paid) == 2


async def test_html_comes_from_a_proxy(bench: Bench) -> None:
    bench.fault("evolink", "submit", "html")
    answer = await bench.evolink(ASK)
    assert (answer.status, answer.json) == (502, None)
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<html>" in answer.body
    assert bench.providers.evolink.paid == []


@pytest.mark.parametrize(("kind", "paid"), [("drop_before", 0), ("drop_after", 1)])
async def test_a_dropped_connection(bench: Bench, kind: str, paid: int) -> None:
    bench.fault("evolink", "submit", kind)
    with pytest.raises(aiohttp.ClientError):
        await bench.evolink(ASK)
    await bench.providers.evolink.wait(lambda g: g.calls[-1].ms is not None)
    assert len(bench.providers.evolink.paid) == paid
    assert bench.providers.evolink.calls[-1].status == 0


async def test_a_delay_passes_on_the_clock(bench: Bench) -> None:
    bench.fault("evolink", "query", "delay", seconds=20)
    task_id = await submitted(bench)
    asking = asyncio.ensure_future(bench.task(task_id))
    await bench.providers.evolink.wait(lambda g: g.counts["query"] == 1)
    await bench.clock.sleeping(20)
    assert not asking.done()
    bench.clock.advance(20)
    assert (await asking)["status"] == "completed"


async def test_a_malformed_answer_is_half_a_json(bench: Bench) -> None:
    bench.fault("evolink", "submit", "malformed")
    with pytest.raises(json.JSONDecodeError):
        await bench.evolink(ASK)
    assert len(bench.providers.evolink.paid) == 1


async def download(bench: Bench, kind: str, **fields: Any) -> tuple[bytes, bytes]:
    """The whole file and what comes under the fault."""
    url = await bench.video(await bench.made(ASK))
    whole = (await bench.ask("GET", url, key=None)).body
    bench.fault("evolink", "download", kind, **fields)
    return whole, (await bench.ask("GET", url, key=None)).body


async def test_a_truncated_download_ends_as_if_it_were_whole(bench: Bench) -> None:
    whole, got = await download(bench, "truncate")
    assert got == whole[: len(whole) // 2]


async def test_a_wrong_length_breaks_off(bench: Bench) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await download(bench, "wrong_length")


async def test_a_malformed_download_has_a_true_length(bench: Bench) -> None:
    whole, got = await download(bench, "malformed")
    assert got == whole[: len(whole) // 2]


async def test_a_slow_download_drips(bench: Bench) -> None:
    url = await bench.video(await bench.made(ASK))
    whole = (await bench.ask("GET", url, key=None)).body
    bench.fault("evolink", "download", "slow", seconds=3)
    getting = asyncio.ensure_future(bench.ask("GET", url, key=None))
    for _ in range(10):
        await bench.clock.sleeping(3)
        assert not getting.done()
        bench.clock.advance(3)
    assert (await getting).body == whole


async def test_a_huge_answer_does_not_end(bench: Bench) -> None:
    task_id = await submitted(bench)
    bench.fault("evolink", "query", "huge")
    url = f"{bench.url}/evolink/v1/tasks/{task_id}"
    headers = {"Authorization": "Bearer sandbox-evolink-key"}
    read = 0
    async with bench.session.get(url, headers=headers) as response:
        async for piece in response.content.iter_any():
            read += len(piece)
            if read > 20_000_000:
                break
        response.close()
    assert read > 20_000_000


@pytest.mark.parametrize("provider", ["evolink", "apimart"])
@pytest.mark.parametrize("kind", ["moderation", "fail"])
async def test_a_task_is_refused_after_it_was_accepted(
    bench: Bench, provider: str, kind: str
) -> None:
    bench.fault(provider, "task", kind)
    if provider == "evolink":
        task_id = await submitted(bench)
    else:
        task_id = (await bench.apimart(PREVIEW)).json["data"][0]["task_id"]
    bench.clock.advance(3.9)
    assert (await bench.task(task_id))["status"] == "processing"
    bench.clock.advance(0.1)
    task = await bench.task(task_id)
    assert task["status"] == "failed"
    codes = {
        ("evolink", "moderation"): "content_policy_violation",
        ("evolink", "fail"): "service_error",
        ("apimart", "moderation"): 400,
        ("apimart", "fail"): 500,
    }
    assert task["error"]["code"] == codes[provider, kind]
    assert task["error"]["message"]
    assert "results" not in task
    assert "result" not in task


async def test_a_task_fails_with_the_code_that_was_asked_for(bench: Bench) -> None:
    bench.fault("evolink", "task", "fail", code="resource_exhausted", message="no room", seconds=1)
    task_id = await submitted(bench)
    bench.clock.advance(1)
    error = (await bench.task(task_id))["error"]
    assert (error["code"], error["message"]) == ("resource_exhausted", "no room")


async def test_a_task_may_be_cancelled_upstream(bench: Bench) -> None:
    bench.fault("evolink", "task", "cancel")
    task_id = await submitted(bench)
    bench.clock.advance(8)
    assert (await bench.task(task_id))["status"] == "cancelled"


async def test_completed_without_a_video(bench: Bench) -> None:
    bench.fault("evolink", "task", "no_video")
    task = await bench.task(await bench.made(ASK))
    assert (task["status"], task["results"], task["result_data"]) == ("completed", [], [])
    bench.fault("apimart", "task", "no_video")
    task = await bench.task(await bench.made(PREVIEW))
    assert (task["status"], task["result"]) == ("completed", {"videos": []})


async def test_a_stuck_task_never_ends(bench: Bench) -> None:
    bench.fault("evolink", "task", "stuck")
    task_id = await submitted(bench)
    for _ in range(2):
        task = await bench.task(task_id)
        assert (task["status"], task["progress"]) == ("processing", 30)
        bench.clock.advance(100_000)


async def test_an_unknown_status_word_until_the_end(bench: Bench) -> None:
    bench.fault("evolink", "task", "unknown_status")
    task_id = await submitted(bench)
    bench.clock.advance(4)
    assert (await bench.task(task_id))["status"] == "awaiting_upstream"
    bench.clock.advance(4)
    assert (await bench.task(task_id))["status"] == "completed"


async def test_progress_may_lie(bench: Bench) -> None:
    bench.fault("evolink", "task", "lying_progress")
    task_id = await submitted(bench)
    bench.clock.advance(2)
    assert (await bench.task(task_id))["progress"] == 95
    bench.clock.advance(4)
    assert (await bench.task(task_id))["progress"] == 40
    bench.clock.advance(2)
    assert (await bench.task(task_id))["progress"] == 100


async def test_files_that_are_not_what_they_seem(bench: Bench, tmp_path: Any) -> None:
    whole = (await bench.ask("GET", await bench.video(await bench.made(ASK)), key=None)).body
    bench.fault("evolink", "task", "truncated_file")
    half = await bench.ask("GET", await bench.video(await bench.made(ASK)), key=None)
    assert half.body == whole[: len(whole) // 2]
    assert half.headers["content-length"] == str(len(half.body))
    bench.fault("evolink", "task", "not_a_video")
    page = await bench.ask("GET", await bench.video(await bench.made(ASK)), key=None)
    assert page.headers["content-type"] == "video/mp4"
    path = tmp_path / "page.mp4"
    path.write_bytes(page.body)
    with pytest.raises(footage.FilmError):
        footage.probe(path)


async def test_a_stand_in_s_own_download_takes_no_fault(bench: Bench) -> None:
    video = await bench.video(await bench.made(ASK))
    bench.fault("evolink", "download", "status", status=503)
    edit = {"model": "gemini-omni-flash-video-edit", "prompt": "night", "video_urls": [video]}
    assert (await bench.evolink(edit)).status == 200
    assert bench.providers.evolink.counts["download"] == 0
    assert (await bench.ask("GET", video, key=None)).status == 503


async def test_a_dead_address_is_replaced_after_it_was_tried(bench: Bench) -> None:
    bench.fault("evolink", "task", "dead_url")
    task_id = await bench.made(ASK)
    dead = await bench.video(task_id)
    assert await bench.video(task_id) == dead
    assert (await bench.ask("GET", dead, key=None)).status == 404
    fresh = await bench.video(task_id)
    assert fresh != dead
    assert (await bench.ask("GET", fresh, key=None)).status == 200
    assert (await bench.ask("GET", dead, key=None)).status == 404


async def test_a_task_fault_waits_for_an_accepted_task(bench: Bench) -> None:
    bench.fault("evolink", "task", "fail")
    bench.providers.evolink.balance_usd = 0
    assert (await bench.evolink(ASK)).status == 402
    bench.providers.evolink.balance_usd = 5
    task_id = await submitted(bench)
    bench.clock.advance(8)
    assert (await bench.task(task_id))["status"] == "failed"


async def test_the_rate_limit_is_calls_a_minute(bench: Bench) -> None:
    bench.providers.evolink.settings.rate_limit = 2
    task_id = await submitted(bench)
    await bench.task(task_id)
    answer = await bench.ask("GET", f"/evolink/v1/tasks/{task_id}")
    assert answer.status == 429
    assert answer.headers["retry-after"] == "60"
    bench.clock.advance(60)
    assert (await bench.task(task_id))["status"] == "completed"


async def test_status_words_can_be_replaced(bench: Bench) -> None:
    bench.providers.apimart.settings.status_words = {"submitted": "queued", "completed": "success"}
    answer = await bench.apimart(PREVIEW)
    assert answer.json["data"][0]["status"] == "queued"
    bench.clock.advance(8)
    task = await bench.task(answer.json["data"][0]["task_id"])
    assert task["status"] == "success"


async def test_a_defect_of_a_stand_in_is_kept(bench: Bench) -> None:
    bench.problems_expected = True
    bench.providers.evolink.book.account = None  # type: ignore[assignment]
    assert (await bench.evolink(ASK)).status == 500
    (problem,) = bench.providers.problems
    assert "AttributeError" in problem
