"""The providers' callbacks: what addresses are taken, what is sent, when it is tried again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.integration.providers.harness import Bench

ASK = {"model": "gemini-omni-flash-text-to-video", "prompt": "p", "duration": 4}


class Receiver:
    """A bot's web server. It answers with the given statuses in turn, then repeats the last."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[Any] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": self.url})


@contextlib.asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(*statuses)
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    app.router.add_post("/hook/callback", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()


async def until(bench: Bench, condition: str) -> Any:
    """Wait for the one callback to be ``delivered`` or ``given_up``."""
    sent = bench.providers.callbacks.sent
    await bench.providers.evolink.wait(lambda _: sent and getattr(sent[0], condition))
    return sent[0]


async def test_a_completed_task_is_reported_without_a_query(bench: Bench) -> None:
    async with receiving(204) as receiver:
        answer = await bench.evolink(ASK | {"callback_url": receiver.url})
        assert receiver.bodies == []
        bench.clock.advance(8)
        callback = await until(bench, "delivered")
        assert callback.tries == [204]
        (body,) = receiver.bodies
        asked = await bench.task(answer.json["id"])
        for reported in (body, asked):
            reported.pop("request_id")
        assert body == asked
        assert body["status"] == "completed"
        assert body["usage"]["credits_used"] > 0


async def test_a_failed_task_is_reported_as_well(bench: Bench) -> None:
    bench.fault("evolink", "task", "moderation")
    async with receiving(200) as receiver:
        await bench.evolink(ASK | {"callback_url": receiver.url})
        bench.clock.advance(4)
        await until(bench, "delivered")
        assert receiver.bodies[0]["error"]["code"] == "content_policy_violation"


async def test_it_is_tried_again_after_1_2_and_4_seconds(bench: Bench) -> None:
    async with receiving(500) as receiver:
        await bench.evolink(ASK | {"callback_url": receiver.url})
        bench.clock.advance(8)
        for pause in (1, 2, 4):
            await bench.clock.sleeping(pause)
            bench.clock.advance(pause)
        callback = await until(bench, "given_up")
        assert callback.tries == [500] * 4
        assert not callback.delivered


async def test_success_ends_the_tries_and_a_redirect_is_none(bench: Bench) -> None:
    async with receiving(302, 200) as receiver:
        await bench.evolink(ASK | {"callback_url": receiver.url})
        bench.clock.advance(8)
        await bench.clock.sleeping(1)
        bench.clock.advance(1)
        callback = await until(bench, "delivered")
        assert callback.tries == [302, 200]


async def test_nobody_there_is_a_failed_try(bench: Bench) -> None:
    await bench.evolink(ASK | {"callback_url": "http://127.0.0.1:9/hook"})
    bench.clock.advance(8)
    for pause in (1, 2, 4):
        await bench.clock.sleeping(pause)
        bench.clock.advance(pause)
    callback = await until(bench, "given_up")
    assert callback.tries == ["ClientConnectorError"] * 4


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/hook",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "https://172.16.0.1/hook",
        "https://192.168.1.1/hook",
        "https://169.254.169.254/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://localhost/hook",
        "https://bot.local/hook",
        "https:///hook",
        "hook",
        "https://example.com/" + "x" * 2048,
    ],
)
async def test_addresses_that_are_refused(strict_bench: Bench, url: str) -> None:
    answer = await strict_bench.evolink(ASK | {"callback_url": url})
    assert answer.status == 400
    assert answer.json["error"]["param"] == "callback_url"


async def test_a_public_https_address_is_taken(strict_bench: Bench) -> None:
    url = "https://example.com/" + "x" * (2048 - len("https://example.com/"))
    assert (await strict_bench.evolink(ASK | {"callback_url": url})).status == 200


PREVIEW = {"model": "gemini-omni-flash-preview", "prompt": "p"}


async def test_apimart_appends_a_path_to_the_base(bench: Bench) -> None:
    async with receiving(204) as receiver:
        for ending in ("", "/"):
            answer = await bench.apimart(PREVIEW | {"webhook": receiver.url + ending})
            bench.clock.advance(8)
            callback = await until(bench, "delivered")
            assert callback.url == f"{receiver.url}/callback"
            body = receiver.bodies.pop()
            assert body == {"code": 200, "data": await bench.task(task_of(answer))}
            bench.providers.callbacks.sent.clear()


async def test_apimart_reports_a_failure_but_no_cancellation(bench: Bench) -> None:
    async with receiving(200) as receiver:
        for fault in ("cancel", "fail"):
            bench.fault("apimart", "task", fault)
            await bench.apimart(PREVIEW | {"webhook": receiver.url})
        bench.clock.advance(8)
        await until(bench, "delivered")
        assert [body["data"]["status"] for body in receiver.bodies] == ["failed"]


async def test_apimart_tries_again_after_10_30_and_60_seconds(bench: Bench) -> None:
    async with receiving(500) as receiver:
        await bench.apimart(PREVIEW | {"webhook": receiver.url})
        bench.clock.advance(8)
        for pause in (10, 30, 60):
            await bench.clock.sleeping(pause)
            bench.clock.advance(pause)
        assert (await until(bench, "given_up")).tries == [500] * 4


async def test_apimart_takes_a_4xx_for_an_end(bench: Bench) -> None:
    async with receiving(404) as receiver:
        await bench.apimart(PREVIEW | {"webhook": receiver.url})
        bench.clock.advance(8)
        assert (await until(bench, "given_up")).tries == [404]


@pytest.mark.parametrize(
    "url",
    ["https://example.com:8443", "https://10.1.2.3", "https://localhost", "ftp://example.com"],
)
async def test_apimart_drops_an_address_it_cannot_call(strict_bench: Bench, url: str) -> None:
    answer = await strict_bench.apimart(PREVIEW | {"webhook": url})
    assert answer.status == 200
    task = strict_bench.providers.apimart.tasks[task_of(answer)]
    assert task.submission.webhook is None


@pytest.mark.parametrize("url", ["https://example.com:443/retake", "http://example.com"])
async def test_apimart_takes_the_usual_ports(strict_bench: Bench, url: str) -> None:
    answer = await strict_bench.apimart(PREVIEW | {"webhook": url})
    assert strict_bench.providers.apimart.tasks[task_of(answer)].submission.webhook == url


def task_of(answer: Any) -> str:
    return answer.json["data"][0]["task_id"]


async def test_closing_gives_up_what_is_under_way(bench: Bench) -> None:
    async with receiving(500) as receiver:
        await bench.evolink(ASK | {"callback_url": receiver.url})
        bench.clock.advance(8)
        await bench.clock.sleeping(1)
        await asyncio.wait_for(bench.providers.close(), 5)
        assert len(receiver.bodies) == 1
