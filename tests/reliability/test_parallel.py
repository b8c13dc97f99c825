"""Concurrency: simultaneous requests, and button presses that race with steps."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import State
from bot.domain.limits import Limits
from bot.domain.request import VideoRequest
from bot.services.admission import GenerationRequest
from bot.services.generate import Receipt
from tests.reliability.inline import fresh_folder, inline_sqlite
from tests.reliability.simulation import CHANNEL, GUILD, POLICY, TOM, World


@pytest.fixture
def world() -> Iterator[World]:
    """Three videos a day, two workers' worth of room."""
    with inline_sqlite():
        policy = replace(POLICY, limits=Limits(videos=3, concurrent=0))
        yield World(folder=fresh_folder(), policy=policy)


def a_request(number: int) -> GenerationRequest:
    return GenerationRequest(
        request_key=f"interaction:{number}",
        requester_id=TOM,
        guild_id=GUILD,
        channel_id=CHANNEL,
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(prompt="a red kite"),
    )


async def finished(world: World) -> list[str]:
    while not world.resting():
        await world.tick()
    wrongs = await world.wrongs_in_the_end() + await world.miscounted(await world.rows())
    for life in list(world.lives):
        await world.bury(life)
    return wrongs


async def ten_requests(world: World, keys: list[int]) -> tuple[list[Any], list[str]]:
    life = await world.boot()
    asking = [life.process.start(life.generate.request(a_request(key))) for key in keys]
    answers = await asyncio.gather(*asking, return_exceptions=True)
    life.process.tasks.difference_update(asking)
    await world.settle()
    return answers, await finished(world)


def test_requests_at_the_same_time_do_not_exceed_the_limit(world: World) -> None:
    answers, wrongs = asyncio.run(ten_requests(world, list(range(10))))
    taken = [answer for answer in answers if isinstance(answer, Receipt)]
    refused = [answer.code for answer in answers if isinstance(answer, Refused)]
    assert len(taken) == 3
    assert refused == [Code.QUOTA_VIDEOS] * 7
    assert wrongs == []


def test_a_request_that_arrives_ten_times_is_one_video(world: World) -> None:
    answers, wrongs = asyncio.run(ten_requests(world, [1] * 10))
    assert len({answer.generation.id for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert len(world.evolink.tasks) == 1
    assert wrongs == []


async def _cancel_races(world: World, ticks: int) -> tuple[list[str], State, int]:
    """Cancel this many turns of the event loop after the request."""
    world.evolink.latency = 2.0
    life = await world.boot()
    receipt = await life.generate.request(a_request(1))
    for _ in range(ticks):
        await asyncio.sleep(0)
    generation_id = receipt.generation.id
    await life.process.start(life.cancel.request(generation_id, viewer=world.viewer()))
    await world.settle()
    row = await world.row(generation_id)
    state = row.state
    wrongs = await finished(world)
    return wrongs, state, world.paid(generation_id)


@pytest.mark.parametrize("ticks", range(0, 60, 3))
def test_a_cancelled_request_is_never_paid_for(world: World, ticks: int) -> None:
    wrongs, state, paid = asyncio.run(_cancel_races(world, ticks))
    assert wrongs == []
    assert paid == (0 if state is State.CANCELLED else 1)
