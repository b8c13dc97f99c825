"""What a transaction promises: all or nothing, kept when it returns, readers on a snapshot."""

import asyncio

import pytest

from bot.domain.errors import StorageUnavailable
from bot.domain.ports.storage import Storage, Transaction
from bot.storage import SqlStorage, migrate, open_storage
from tests.contract.storage.samples import MIRA, NOON, OwnedClock, Seeder, conversation, raw

COUNT = "SELECT COUNT(*) FROM conversations"


class Mistake(Exception):
    """Something a piece of work raises."""


async def count(storage: Storage) -> int:
    ((number,),) = await storage.read(raw(COUNT))
    return number


async def add(tx: Transaction) -> None:
    await tx.conversations.add(conversation())


async def test_the_result_comes_back(storage: Storage) -> None:
    async def work(tx: Transaction) -> str:
        await add(tx)
        return "done"

    assert await storage.transact(work) == "done"
    assert await count(storage) == 1


async def test_an_exception_undoes_everything_and_comes_out_as_it_is(storage: Storage) -> None:
    mistake = Mistake("no")

    async def work(tx: Transaction) -> None:
        await add(tx)
        raise mistake

    with pytest.raises(Mistake) as caught:
        await storage.transact(work)
    assert caught.value is mistake
    assert await count(storage) == 0


async def test_a_violated_constraint_is_not_an_outage(storage: Storage) -> None:
    about = conversation()

    async def twice(tx: Transaction) -> None:
        await tx.conversations.add(about)
        await tx.conversations.add(about)

    with pytest.raises(Exception, match=r"(?i)unique") as caught:
        await storage.transact(twice)
    assert not isinstance(caught.value, StorageUnavailable)
    assert await count(storage) == 0


async def test_others_see_it_when_it_returns(storage: Storage, other: Storage) -> None:
    await storage.transact(add)
    assert await count(other) == 1


async def test_failing_ones_do_not_hurt_their_neighbours(storage: Storage) -> None:
    async def work(tx: Transaction, number: int) -> int:
        await add(tx)
        if number % 3 == 0:
            raise Mistake(str(number))
        return number

    outcomes = await asyncio.gather(
        *(storage.transact(lambda tx, n=number: work(tx, n)) for number in range(30)),
        return_exceptions=True,
    )
    for number, outcome in enumerate(outcomes):
        if number % 3 == 0:
            assert isinstance(outcome, Mistake)
            assert str(outcome) == str(number)
        else:
            assert outcome == number
    assert await count(storage) == 20


async def test_a_reader_stays_on_its_snapshot(storage: Storage) -> None:
    async def look(tx: Transaction) -> list[int]:
        ((before,),) = await raw(COUNT)(tx)
        await storage.transact(add)
        ((after,),) = await raw(COUNT)(tx)
        return [before, after]

    assert await storage.read(look) == [0, 0]
    assert await count(storage) == 1


async def test_readers_do_not_wait_for_a_writer(storage: Storage) -> None:
    async def write(tx: Transaction) -> int:
        await add(tx)
        return await count(storage)

    assert await storage.transact(write) == 0


async def test_a_reader_may_not_write(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="a read may not write"):
        await storage.read(add)
    assert await count(storage) == 0
    await storage.transact(add)
    assert await count(storage) == 1


async def test_a_wrong_statement_harms_nobody(storage: Storage) -> None:
    for attempt in (storage.read, storage.transact):
        with pytest.raises(Exception, match="no_such_table"):
            await attempt(raw("SELECT * FROM no_such_table"))
        assert await count(storage) == 0


async def test_more_readers_than_connections_take_turns(storage: Storage) -> None:
    assert await asyncio.gather(*(count(storage) for _ in range(40))) == [0] * 40


async def test_what_is_cancelled_while_it_runs_is_undone(storage: Storage) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> None:
        await add(tx)
        started.set()
        await go_on.wait()
        await add(tx)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(storage.transact(slow))
        await started.wait()
        task.cancel()
        go_on.set()
    assert task.cancelled()
    await storage.transact(add)
    assert await count(storage) == 1


async def test_a_cancelled_reader_gives_its_connection_back(storage: Storage) -> None:
    for _ in range(12):
        started, never = asyncio.Event(), asyncio.Event()

        async def look(
            tx: Transaction, started: asyncio.Event = started, never: asyncio.Event = never
        ) -> None:
            await raw(COUNT)(tx)
            started.set()
            await never.wait()

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(storage.read(look))
            await started.wait()
            task.cancel()
    assert await count(storage) == 0


async def test_a_reader_cancelled_within_a_statement_harms_nobody(storage: Storage) -> None:
    slow = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        " SELECT COUNT(*) FROM n"
    )
    for _ in range(6):
        asked = asyncio.Event()

        async def look(tx: Transaction, asked: asyncio.Event = asked) -> None:
            await raw(COUNT)(tx)
            asked.set()
            await raw(slow)(tx)

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(storage.read(look))
            await asked.wait()
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()
    assert await asyncio.gather(*(count(storage) for _ in range(10))) == [0] * 10


async def test_it_is_all_there_after_a_restart(
    url: str, storage: SqlStorage, seeder: Seeder, clock: OwnedClock
) -> None:
    made = await seeder.put()
    await storage.close()
    async with open_storage(url, clock=clock) as again:
        assert await again.read(lambda tx: tx.generations.get(made.id)) == made
        usage = await again.read(lambda tx: tx.ledger.usage(made.place.guild_id, MIRA, since=NOON))
        assert usage.videos == 1


async def test_a_closed_storage_is_unavailable(storage: SqlStorage) -> None:
    await storage.close()
    await storage.close()
    for attempt in (storage.transact, storage.read):
        with pytest.raises(StorageUnavailable, match="not open"):
            await attempt(add)


async def test_one_that_was_never_started_is_unavailable(url: str, clock: OwnedClock) -> None:
    with pytest.raises(StorageUnavailable, match="not open"):
        await open_storage(url, clock=clock).transact(add)


async def test_migrating_again_changes_nothing(url: str, clock: OwnedClock) -> None:
    _, newest = await migrate(url, clock=clock)
    assert await migrate(url, clock=clock) == (newest, newest)


async def test_a_database_of_a_newer_version_is_refused(
    url: str, storage: SqlStorage, clock: OwnedClock
) -> None:
    await storage.transact(raw("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageUnavailable, match="schema 9999, which this version"):
        await open_storage(url, clock=clock).start()
