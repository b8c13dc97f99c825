"""Reservation, settlement, refund and idempotency: one key never pays twice."""

import asyncio

import aiohttp
import pytest

from tests.integration.providers.harness import Bench, draw

TEXT = "gemini-omni-flash-text-to-video"
ASK = {"model": TEXT, "prompt": "p", "duration": 5}
COST = 5 * 0.086156
KEY = "retake-0123456789-1"


def keyed(key: str = KEY) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_money_is_reserved_then_settled(bench: Bench) -> None:
    evolink = bench.providers.evolink
    evolink.balance_usd = 10
    task_id = (await bench.evolink(ASK)).json["id"]
    assert evolink.balance_usd == pytest.approx(10 - COST)
    assert evolink.charged_usd == 0
    bench.clock.advance(8)
    await bench.task(task_id)
    assert evolink.balance_usd == pytest.approx(10 - COST)
    assert evolink.charged_usd == pytest.approx(COST)
    assert evolink.book.account.reserved_micro == 0


@pytest.mark.parametrize("kind", ["fail", "moderation", "cancel"])
async def test_a_failed_task_is_refunded(bench: Bench, kind: str) -> None:
    evolink = bench.providers.evolink
    evolink.balance_usd = 10
    bench.fault("evolink", "task", kind)
    task_id = (await bench.evolink(ASK)).json["id"]
    assert evolink.balance_usd < 10
    bench.clock.advance(8)
    assert (await bench.task(task_id))["status"] in {"failed", "cancelled"}
    assert evolink.balance_usd == 10
    assert evolink.charged_usd == 0


async def test_reservations_count_against_the_balance(bench: Bench) -> None:
    bench.providers.evolink.balance_usd = COST * 1.5
    assert (await bench.evolink(ASK)).status == 200
    assert (await bench.evolink(ASK)).status == 402
    bench.clock.advance(8)
    assert (await bench.evolink(ASK)).status == 402


async def test_the_same_key_gives_the_same_answer(bench: Bench) -> None:
    first = await bench.evolink(ASK, headers=keyed())
    assert "idempotency-replayed" not in first.headers
    bench.clock.advance(8)
    again = await bench.evolink(ASK, headers=keyed())
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json == first.json
    assert bench.providers.evolink.paid == [first.json["id"]]


async def test_the_same_key_with_another_body_is_a_conflict(bench: Bench) -> None:
    await bench.evolink(ASK, headers=keyed())
    other = await bench.evolink(ASK | {"prompt": "q"}, headers=keyed())
    assert other.status == 409
    assert other.json["error"]["code"] == "idempotency_conflict"
    assert len(bench.providers.evolink.paid) == 1


async def test_two_at_once_with_one_key_make_one_task(bench: Bench) -> None:
    url = bench.serve("a.png", draw())
    body = {"model": "gemini-omni-flash-image-to-video", "prompt": "p", "image_urls": [url]}
    answers = await asyncio.gather(*(bench.evolink(body, headers=keyed()) for _ in range(5)))
    assert {answer.json["id"] for answer in answers} == set(bench.providers.evolink.paid)
    assert len(bench.providers.evolink.paid) == 1
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, "true", "true", "true", "true"]


async def test_without_a_key_every_submit_pays(bench: Bench) -> None:
    await bench.evolink(ASK)
    await bench.evolink(ASK)
    assert len(bench.providers.evolink.paid) == 2


async def test_a_refused_request_leaves_its_key_free(bench: Bench) -> None:
    bench.providers.evolink.balance_usd = 0
    assert (await bench.evolink(ASK, headers=keyed())).status == 402
    bench.providers.evolink.balance_usd = 10
    answer = await bench.evolink(ASK | {"prompt": "another"}, headers=keyed())
    assert answer.status == 200
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize(
    "key", ["short", "x" * 97, "retake 0123456789", "retake/0123456789", "rétake-0123456789"]
)
async def test_evolink_s_keys_have_a_form(bench: Bench, key: str) -> None:
    answer = await bench.evolink(ASK, headers=keyed(key))
    assert answer.status == 400
    assert bench.providers.evolink.paid == []


async def test_apimart_s_keys(bench: Bench) -> None:
    ask = {"model": "gemini-omni-flash-preview", "prompt": "p"}
    first = await bench.apimart(ask, headers=keyed("x"))
    newer = {"X-APIMart-Response-Version": "2026-07-27"}
    again = await bench.apimart(ask, headers=keyed("x") | newer)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json["data"]["id"] == first.json["data"][0]["task_id"]
    conflict = await bench.apimart(ask | {"prompt": "q"}, headers=keyed("x"))
    assert (conflict.status, conflict.json["error"]["code"]) == (
        409,
        "idempotency_key_reused",
    )
    assert (await bench.apimart(ask, headers=keyed("x" * 192))).status == 400
    assert (await bench.apimart(ask, headers=keyed("a b"))).status == 400


async def test_a_lost_answer_can_be_asked_for_again(bench: Bench) -> None:
    bench.fault("evolink", "submit", "drop_after")
    with pytest.raises(aiohttp.ClientError):
        await bench.evolink(ASK, headers=keyed())
    again = await bench.evolink(ASK, headers=keyed())
    assert again.headers["idempotency-replayed"] == "true"
    assert bench.providers.evolink.paid == [again.json["id"]]
