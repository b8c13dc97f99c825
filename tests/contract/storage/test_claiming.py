"""Claiming generations: from dead workers only, oldest first, never the same one twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import WorkerId
from bot.domain.ports.storage import Storage
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    NOON,
    Seeder,
)

# -- owners -----------------------------------------------------------------------------------


async def claim(
    storage: Storage, worker_id: WorkerId, *, dead_before: int = 0, limit: int = 100
) -> list[Generation]:
    """A claim at noon; heartbeats older than so many seconds after noon are dead."""
    return list(
        await storage.transact(
            lambda tx: tx.generations.claim(
                worker_id,
                now=NOON,
                dead_before=NOON + timedelta(seconds=dead_before),
                limit=limit,
            )
        )
    )


async def beat(storage: Storage, worker_id: WorkerId, seconds: int = 0) -> None:
    now = NOON + timedelta(seconds=seconds)
    await storage.transact(lambda tx: tx.workers.beat(worker_id, now=now))


async def test_the_unowned_are_claimed_oldest_first(storage: Storage, seeder: Seeder) -> None:
    young = await seeder.put(created_at=NOON + timedelta(hours=1))
    old = await seeder.put(created_at=NOON - timedelta(hours=1))
    middle = await seeder.put()
    first = await claim(storage, ALPHA, limit=2)
    assert [each.id for each in first] == [old.id, middle.id]
    assert [(each.owner_id, each.revision) for each in first] == [(ALPHA, 1), (ALPHA, 1)]
    assert await seeder.get(old) == first[0]
    assert [each.id for each in await claim(storage, ALPHA)] == [young.id]
    assert await claim(storage, ALPHA) == []


async def test_only_what_a_dead_worker_owned_is_claimed(storage: Storage, seeder: Seeder) -> None:
    await beat(storage, ALPHA, seconds=10)
    await seeder.put(owner_id=ALPHA)
    assert await claim(storage, BETA, dead_before=10) == []
    taken = await claim(storage, BETA, dead_before=11)
    assert [each.owner_id for each in taken] == [BETA]
    # The worker that was only paused finds its view refused.
    before = replace(taken[0], owner_id=ALPHA, revision=0)
    with pytest.raises(Superseded):
        await storage.transact(
            lambda tx: tx.generations.save(before, replace(before, state=State.SUBMITTING))
        )


async def test_an_owner_without_a_heartbeat_is_dead(storage: Storage, seeder: Seeder) -> None:
    await seeder.put(owner_id=WorkerId("long-gone"))
    assert len(await claim(storage, BETA)) == 1


async def test_nobody_claims_from_oneself(storage: Storage, seeder: Seeder) -> None:
    """A worker that was slow to beat must not invalidate what it holds in its own hands."""
    await beat(storage, ALPHA)
    await seeder.put(owner_id=ALPHA)
    assert await claim(storage, ALPHA, dead_before=3600) == []


async def test_claiming_is_a_sign_of_life(storage: Storage, seeder: Seeder) -> None:
    await seeder.put()
    assert len(await claim(storage, ALPHA)) == 1
    assert await claim(storage, BETA) == []


async def test_an_old_heartbeat_never_replaces_a_newer_one(
    storage: Storage, seeder: Seeder
) -> None:
    await beat(storage, ALPHA, seconds=60)
    await beat(storage, ALPHA, seconds=1)
    await seeder.put(owner_id=ALPHA)
    assert await claim(storage, BETA, dead_before=30) == []


async def test_the_announced_are_left_alone_and_the_ended_are_not(
    storage: Storage, seeder: Seeder
) -> None:
    announced = await seeder.move(await seeder.put(), State.CANCELLED, announced=True)
    ended = await seeder.move(await seeder.put(), State.CANCELLED)
    assert [each.id for each in await claim(storage, ALPHA)] == [ended.id]
    assert await seeder.get(announced) == announced


async def test_two_workers_never_get_the_same(
    storage: Storage, other: Storage, seeder: Seeder
) -> None:
    made = {(await seeder.put()).id for _ in range(12)}
    claims = await asyncio.gather(
        *(
            claim(which, WorkerId(f"worker-{number}"), limit=4)
            for number, which in enumerate([storage, other, storage, other])
        )
    )
    taken = [each.id for claimed in claims for each in claimed]
    assert len(taken) == len(set(taken))
    rest = await claim(storage, WorkerId("last"))
    assert set(taken) | {each.id for each in rest} == made
    owners = {each.id: each.owner_id for claimed in [*claims, rest] for each in claimed}
    for generation_id in made:
        row = await storage.read(lambda tx, g=generation_id: tx.generations.get(g))
        assert row is not None
        assert row.owner_id == owners[generation_id]


async def test_an_orderly_stop_gives_everything_up(storage: Storage, seeder: Seeder) -> None:
    mine = await seeder.put(owner_id=ALPHA)
    reported = await seeder.move(await seeder.put(owner_id=ALPHA), State.CANCELLED, announced=True)
    theirs = await seeder.put(owner_id=BETA)
    assert await storage.transact(lambda tx: tx.generations.disown(ALPHA)) == 1
    assert await seeder.get(mine) == replace(mine, owner_id=None, revision=1)
    assert await seeder.get(reported) == reported
    assert await seeder.get(theirs) == theirs


async def test_a_worker_finds_all_that_is_its_own(storage: Storage, seeder: Seeder) -> None:
    mine = await seeder.put(owner_id=ALPHA)
    await seeder.move(await seeder.put(owner_id=ALPHA), State.CANCELLED, announced=True)
    untold = await seeder.move(await seeder.put(owner_id=ALPHA), State.CANCELLED)
    await seeder.put(owner_id=BETA)
    await seeder.put()
    ids = await storage.read(lambda tx: tx.generations.owned_ids(ALPHA))
    assert sorted(ids) == sorted([mine.id, untold.id])


async def test_a_worker_that_is_alone_forgets_the_others(storage: Storage, seeder: Seeder) -> None:
    await beat(storage, ALPHA)
    await beat(storage, BETA)
    await seeder.put(owner_id=ALPHA)
    assert await claim(storage, BETA) == []
    await storage.transact(lambda tx: tx.workers.keep_only(BETA))
    assert len(await claim(storage, BETA)) == 1
    await seeder.put(owner_id=BETA)
    await storage.transact(lambda tx: tx.workers.remove(BETA))
    assert len(await claim(storage, ALPHA)) == 2


async def test_whether_any_is_unowned_is_asked_without_taking_it(
    storage: Storage, seeder: Seeder
) -> None:
    async def unowned() -> bool:
        return await storage.read(lambda tx: tx.generations.any_unowned())

    await seeder.put(owner_id=ALPHA)
    await seeder.move(await seeder.put(), State.CANCELLED, announced=True)
    assert await unowned() is False
    made = await seeder.put()
    assert await unowned() is True
    assert await seeder.get(made) == made
    await claim(storage, BETA)
    assert await unowned() is False


async def test_the_silent_are_forgotten_once_they_own_nothing(
    storage: Storage, seeder: Seeder
) -> None:
    await beat(storage, ALPHA)
    await beat(storage, BETA, seconds=100)
    left = await seeder.put(owner_id=ALPHA)
    await seeder.move(await seeder.put(owner_id=ALPHA), State.CANCELLED, announced=True)

    async def forget(seconds: float) -> set[str]:
        at = NOON + timedelta(seconds=seconds)
        await storage.transact(lambda tx: tx.workers.forget_silent(at))
        return set(await storage.read(lambda tx: tx.workers.beats()))

    assert await forget(50) == {ALPHA, BETA}, "it owns something that somebody has to claim"
    assert [each.id for each in await claim(storage, BETA, dead_before=30)] == [left.id]
    assert await forget(0) == {ALPHA, BETA}
    assert await forget(50) == {BETA}
