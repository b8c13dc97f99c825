"""The queries of the operator's commands and of late results: generations that ended without a
video, unconfirmed ones, released holds, heartbeats, and reading next to a running process.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import StorageUnavailable
from bot.domain.generation import Generation, Place, State, Task, late_key
from bot.domain.ids import TaskId
from bot.domain.limits import Amounts
from bot.domain.ports.storage import Storage, Transaction
from bot.storage import look_into, migrate, open_storage
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    EVOLINK,
    GUILD,
    MIRA,
    NOON,
    OwnedClock,
    Seeder,
    generation,
    sql,
)

TASK = Task(
    provider=EVOLINK,
    model_id="omni-flash-image",
    idempotency_key="retake-x-1",
    body={"prompt": "a cat"},
    started_at=NOON,
)


async def lost(storage: Storage, **asked: object) -> list[str]:
    reported = {"since": NOON - timedelta(hours=1), "limit": 10} | asked
    found = await storage.read(lambda tx: tx.generations.ended_without_video(**reported))  # type: ignore[arg-type]
    return [each.id for each in found]


async def ended(seeder: Seeder, state: State, *, task: Task | None = TASK) -> Generation:
    before = {
        State.EXPIRED: State.RUNNING,
        State.UNDELIVERABLE: State.FETCHED,
        State.DELIVERED: State.POSTING,
    }.get(state, State.SUBMIT_UNKNOWN)
    return await seeder.move(await seeder.put(state=before, task=task), state)


async def test_those_that_ended_without_a_video_are_found_latest_first(
    storage: Storage, seeder: Seeder
) -> None:
    first = await ended(seeder, State.EXPIRED)
    seeder.at = NOON + timedelta(minutes=1)
    second = await ended(seeder, State.FAILED)
    seeder.at = NOON + timedelta(minutes=2)
    third = await ended(seeder, State.UNDELIVERABLE)
    await ended(seeder, State.DELIVERED)
    await ended(seeder, State.FAILED, task=None)
    await seeder.put(state=State.RUNNING, task=TASK)
    assert await lost(storage) == [third.id, second.id, first.id]
    assert await lost(storage, limit=2) == [third.id, second.id]
    assert await lost(storage, since=NOON + timedelta(seconds=1)) == [third.id, second.id]


async def test_unconfirmed_submissions_are_found_oldest_first(
    storage: Storage, seeder: Seeder
) -> None:
    second = await seeder.put(state=State.SUBMIT_UNKNOWN, created_at=NOON + timedelta(minutes=1))
    first = await seeder.put(state=State.SUBMIT_UNKNOWN)
    await seeder.put(state=State.RUNNING)
    await ended(seeder, State.FAILED)
    found = await storage.read(lambda tx: tx.generations.unconfirmed_submissions())
    assert [each.id for each in found] == [first.id, second.id]


async def test_a_task_moves_to_the_one_that_delivers_it_late(
    storage: Storage, seeder: Seeder
) -> None:
    task = replace(TASK, task_id=TaskId("t-1"))
    old = await ended(seeder, State.EXPIRED, task=task)
    new = replace(
        generation(old.conversation_id),
        request_key=late_key(EVOLINK, TaskId("t-1")),
        version=2,
        state=State.RUNNING,
        task=task,
    )

    async def work(tx: Transaction) -> None:
        await tx.generations.save(old, replace(old, task=None))
        assert await tx.generations.add(new)
        await tx.ledger.hold(new, Amounts(), at=NOON)

    await storage.transact(work)
    found = await storage.read(lambda tx: tx.generations.by_task(EVOLINK, TaskId("t-1")))
    assert found is not None
    assert (found.id, found.late) == (new.id, True)
    assert await lost(storage) == []


async def test_a_free_hold_takes_no_place_begins_no_pause_and_costs_nothing(
    storage: Storage, seeder: Seeder
) -> None:
    paid = await seeder.put()
    late = generation(
        paid.conversation_id,
        version=2,
        request_key=late_key(EVOLINK, TaskId("t-9")),
        state=State.RUNNING,
        place=Place(guild_id=GUILD, channel_id=paid.place.channel_id),
    )
    later = NOON + timedelta(hours=1)

    async def work(tx: Transaction) -> None:
        assert await tx.generations.add(late)
        await tx.ledger.hold(late, Amounts(), at=later)

    await storage.transact(work)
    used = await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON))
    assert (used.videos, used.seconds, used.concurrent) == (1, 8, 1)
    assert used.last_at == NOON
    await storage.transact(lambda tx: tx.ledger.settle(late.id, seconds=8, at=later))
    used = await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON))
    assert (used.videos, used.seconds) == (1, 8)
    # It is closed; what is left to say is that it has not ended, which is its own business.
    assert [reported for reported in await seeder.faults() if "has not ended" not in reported] == []


async def test_every_sign_of_life_is_reported(storage: Storage) -> None:
    later = NOON + timedelta(seconds=5)
    await storage.transact(lambda tx: tx.workers.beat(BETA, now=later))
    await storage.transact(lambda tx: tx.workers.beat(ALPHA, now=NOON))
    assert await storage.read(lambda tx: tx.workers.beats()) == {ALPHA: NOON, BETA: later}


async def test_a_read_next_to_the_one_that_writes(sqlite_url: str, clock: OwnedClock) -> None:
    async with open_storage(sqlite_url, clock=clock) as storage:
        made = await Seeder(storage=storage).put()
        async with look_into(sqlite_url, clock=clock) as look:
            assert await look.read(lambda tx: tx.generations.get(made.id)) == made
            with pytest.raises(RuntimeError):
                await look.transact(lambda tx: tx.workers.beat(ALPHA, now=NOON))
            again = await Seeder(storage=storage).put()
            assert await look.read(lambda tx: tx.generations.get(again.id)) == again
    assert await look_is_refused(sqlite_url, clock) is None


async def look_is_refused(url: str, clock: OwnedClock) -> str | None:
    try:
        async with look_into(url, clock=clock):
            return None
    except StorageUnavailable as error:
        return error.facts["reason"]


async def test_a_look_never_changes_a_schema(
    sqlite_url: str, clock: OwnedClock, tmp_path: Path
) -> None:
    refused = await look_is_refused(sqlite_url, clock)
    assert refused is not None
    assert not (tmp_path / "retake.db").exists() or (tmp_path / "retake.db").stat().st_size == 0
    await migrate(sqlite_url, clock=clock)
    async with open_storage(sqlite_url, clock=clock) as storage:

        async def age(tx: Transaction) -> None:
            await sql(tx, "UPDATE alembic_version SET version_num = '0000'")

        await storage.transact(age)
    assert "schema 0000" in str(await look_is_refused(sqlite_url, clock))
