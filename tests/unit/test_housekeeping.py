"""Chores beside the work: each in its own time, and none that fails ends the bot."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.app.housekeeping import ROUND_SECONDS, Chore, Housekeeping
from bot.domain.errors import StorageUnavailable
from tests.outside import OwnedClock


class Slow(Exception):
    """Nobody foresaw it."""


def counting(done: list[str], name: str, fault: Exception | None) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        done.append(name)
        if fault is not None:
            raise fault

    return work


@pytest.mark.parametrize("fault", [None, StorageUnavailable("away"), Slow()])
async def test_each_is_done_in_its_time_whatever_the_others_do(fault: Exception | None) -> None:
    clock, done = OwnedClock(), list[str]()
    chores = (
        Chore(name="rare", work=counting(done, "rare", fault), every=ROUND_SECONDS * 2),
        Chore(name="each", work=counting(done, "each", None)),
    )
    task = asyncio.ensure_future(Housekeeping(clock=clock, chores=chores).run())
    for _ in range(4):
        while not clock.ring_next():
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert done[:6] == ["rare", "each", "each", "rare", "each", "each"]
