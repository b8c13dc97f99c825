"""Periodic jobs: each runs at its own interval, and one that fails does not end the bot."""

import asyncio

import pytest

from bot.app.housekeeping import ROUND_SECONDS, Housekeeping, PeriodicJob
from bot.domain.errors import StorageUnavailable
from tests.fakes.ports import OwnedClock


@pytest.mark.parametrize("fault", [None, StorageUnavailable("away"), OSError(13, "no")])
async def test_each_is_done_in_its_time_whatever_the_others_do(fault: Exception | None) -> None:
    clock, done = OwnedClock(), list[str]()
    rounds: asyncio.Queue[None] = asyncio.Queue()

    async def rare() -> None:
        done.append("rare")
        if fault is not None:
            raise fault

    async def each() -> None:
        done.append("each")
        rounds.put_nowait(None)

    jobs = (
        PeriodicJob(name="rare", work=rare, every=ROUND_SECONDS * 2),
        PeriodicJob(name="each", work=each),
    )
    task = asyncio.ensure_future(Housekeeping(clock=clock, jobs=jobs).run())
    for _ in range(3):
        await rounds.get()
        assert clock.ring_next()
    await rounds.get()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert done == ["rare", "each", "each", "rare", "each", "each"]
