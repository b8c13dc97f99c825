"""SQLite's one writer commits in groups: what those in a group may do to each other (nothing)."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.ports.storage import Transaction
from bot.storage import SqlStorage, open_storage
from bot.storage.sqlite import SqliteBackend
from tests.contract.storage.grouping import COUNT, Group, Mistake, add, add_and_fail, count
from tests.contract.storage.samples import OwnedClock, raw


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Here the contract's fixtures are about SQLite only."""
    return sqlite_url


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def group(storage: SqlStorage) -> Group:
    return Group(storage)


@pytest.fixture
def commits(storage: SqlStorage) -> list[str]:
    """Every COMMIT of the writer from here on."""
    seen: list[str] = []
    assert isinstance(storage._backend, SqliteBackend)
    engine = storage._backend._write_engine.sync_engine
    event.listen(engine, "commit", lambda _: seen.append("commit"))
    return seen


async def test_those_who_wait_share_one_commit(
    storage: SqlStorage, group: Group, commits: list[str]
) -> None:
    await group.begin()
    group.ask(*[add] * 30)
    assert await group.outcomes() == [None] * 31
    assert commits == ["commit"]
    assert await count(storage) == 31


async def test_a_failing_job_is_undone_alone(
    storage: SqlStorage, group: Group, commits: list[str]
) -> None:
    await group.begin()
    group.ask(add_and_fail, add, add_and_fail, add)
    outcomes = await group.outcomes()
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        Mistake,
        type(None),
        Mistake,
        type(None),
    ]
    assert commits == ["commit"]
    assert await count(storage) == 3


async def test_a_failing_first_job_does_not_hurt_those_behind(
    storage: SqlStorage, group: Group
) -> None:
    await group.begin(add_and_fail)
    group.ask(add, add)
    first, *others = await group.outcomes()
    assert isinstance(first, Mistake)
    assert others == [None, None]
    assert await count(storage) == 2


async def test_no_success_is_reported_before_the_commit(storage: SqlStorage, group: Group) -> None:
    assert isinstance(storage._backend, SqliteBackend)
    done_at_commit: list[bool] = []
    event.listen(
        storage._backend._write_engine.sync_engine,
        "commit",
        lambda _: done_at_commit.extend(task.done() for task in group.tasks),
    )
    await group.begin()
    group.ask(add, add)
    await group.outcomes()
    assert done_at_commit == [False] * 3


async def test_a_group_ends_after_its_time(
    storage: SqlStorage, group: Group, commits: list[str], clock: OwnedClock
) -> None:
    async def long(tx: Transaction) -> None:
        await add(tx)
        clock.elapsed += 1

    await group.begin(long)
    group.ask(add, long, add)
    assert await group.outcomes() == [None] * 4
    assert len(commits) == 3


async def test_a_group_may_last_as_long_as_a_commit_takes(
    storage: SqlStorage, commits: list[str], clock: OwnedClock
) -> None:
    async def long(tx: Transaction) -> None:
        await add(tx)
        clock.elapsed += 1

    def slow(_: Any) -> None:
        clock.elapsed += 5

    assert isinstance(storage._backend, SqliteBackend)
    event.listen(storage._backend._write_engine.sync_engine, "commit", slow)
    await storage.transact(add)
    commits.clear()
    group = Group(storage)
    await group.begin(long)
    group.ask(*[long] * 6)
    assert await group.outcomes() == [None] * 7
    # Five of a second each fill the time of the last commit; the others come with the next.
    assert len(commits) == 2


async def test_a_group_has_a_largest_size(group: Group, commits: list[str]) -> None:
    await group.begin()
    group.ask(*[add] * 100)
    await group.outcomes()
    assert len(commits) == 2


async def test_who_gives_up_waiting_writes_nothing(storage: SqlStorage, group: Group) -> None:
    ran: list[str] = []

    async def never(tx: Transaction) -> None:
        ran.append("although nobody waits for it")

    await group.begin()
    _, impatient, _ = group.ask(add, never, add)
    await asyncio.sleep(0)
    impatient.cancel()
    outcomes = await group.outcomes()
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        type(None),
        asyncio.CancelledError,
        type(None),
    ]
    assert await count(storage) == 3
    assert ran == []


async def test_who_gives_up_while_it_runs_is_undone_alone(
    storage: SqlStorage, group: Group
) -> None:
    async def give_up(tx: Transaction) -> None:
        await add(tx)
        doomed.cancel()
        await asyncio.sleep(0)

    await group.begin()
    _, doomed, _ = group.ask(add, give_up, add)
    outcomes = await group.outcomes()
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert await count(storage) == 3


async def test_work_that_is_itself_cancelled_inside_harms_nobody(
    storage: SqlStorage, group: Group
) -> None:
    async def broken(tx: Transaction) -> None:
        await add(tx)
        raise asyncio.CancelledError

    await group.begin()
    group.ask(broken, add)
    outcomes = await group.outcomes()
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert await count(storage) == 2


async def test_a_transaction_inside_a_transaction_is_refused(storage: SqlStorage) -> None:
    async def nested(tx: Transaction) -> None:
        await storage.transact(add)

    with pytest.raises(RuntimeError, match="inside a transaction"):
        await storage.transact(nested)
    assert await count(storage) == 0


async def test_one_that_waits_too_long_is_refused_and_nothing_is_written(
    url: str, clock: OwnedClock
) -> None:
    async with open_storage(url, clock=clock, patience_s=0.05) as storage:
        group = Group(storage)
        await group.begin()
        (late,) = group.ask(add)
        with pytest.raises(StorageUnavailable, match="no answer within"):
            await late
        first, second = await group.outcomes()
        assert isinstance(first, StorageUnavailable), "it was undone, so nobody is told otherwise"
        assert isinstance(second, StorageUnavailable)
        assert first.accepted is Accepted.NO, "it had begun, and is known to be undone"
        assert second.accepted is Accepted.NO, "it never began"
    async with open_storage(url, clock=clock) as storage:
        assert await count(storage) == 0


async def test_only_a_commit_that_has_begun_is_reported_as_unclear(
    url: str, clock: OwnedClock
) -> None:
    disk = threading.Event()

    async def work(tx: Transaction) -> None:
        await add(tx)
        connection: Any = tx.generations._connection  # pyright: ignore[reportAttributeAccessIssue]
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver._conn.set_trace_callback(lambda sql: sql == "COMMIT" and disk.wait(10))

    async with open_storage(url, clock=clock, patience_s=0.2) as storage:
        with pytest.raises(StorageUnavailable, match="no answer within") as behind_the_commit:
            await storage.transact(work)
        with pytest.raises(StorageUnavailable, match="no answer within") as in_line:
            await storage.transact(add)
        assert behind_the_commit.value.accepted is Accepted.UNKNOWN
        assert in_line.value.accepted is Accepted.NO
        disk.set()
    async with open_storage(url, clock=clock) as storage:
        assert await count(storage) == 1


async def test_a_lost_connection_is_replaced_and_no_answer_is_false(
    storage: SqlStorage, group: Group
) -> None:
    async def lose(tx: Transaction) -> None:
        connection: Any = tx.generations._connection  # pyright: ignore[reportAttributeAccessIssue]
        await (await connection.get_raw_connection()).driver_connection.close()
        await add(tx)

    await group.begin()
    group.ask(lose, add)
    outcomes = await group.outcomes()
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 3
    assert await count(storage) == 0
    await storage.transact(add)
    assert await count(storage) == 1


async def test_closing_finishes_what_was_asked_for(
    storage: SqlStorage, group: Group, path: Path
) -> None:
    await group.begin()
    group.ask(*[add] * 80)
    await asyncio.sleep(0)
    group.ask()
    closing_down = asyncio.ensure_future(storage.close())
    assert await group.outcomes() == [None] * 81
    await closing_down
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(COUNT).fetchall() == [(81,)]
    assert not path.with_name("retake.db-wal").exists(), "the last connection checkpoints"


async def test_closing_waits_for_who_still_reads(storage: SqlStorage, path: Path) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def look(tx: Transaction) -> list[Any]:
        await raw(COUNT)(tx)
        reading.set()
        await go_on.wait()
        return await raw(COUNT)(tx)

    await storage.transact(add)
    read = asyncio.ensure_future(storage.read(look))
    await reading.wait()
    closed = asyncio.ensure_future(storage.close())
    closed.add_done_callback(lambda _: order.append("closed"))
    read.add_done_callback(lambda _: order.append("read"))
    order: list[str] = []
    await asyncio.sleep(0)
    go_on.set()
    assert await read == [(1,)]
    await closed
    assert order == ["read", "closed"]
    assert not path.with_name("retake.db-wal").exists()


async def test_what_is_committed_is_synced(storage: SqlStorage) -> None:
    assert await storage.transact(raw("PRAGMA synchronous")) == [(2,)], "FULL"
    assert await storage.transact(raw("PRAGMA journal_mode")) == [("wal",)]
    assert await storage.transact(raw("PRAGMA foreign_keys")) == [(1,)]


async def test_the_writer_that_is_stopped_hard_leaves_nobody_waiting(
    url: str, clock: OwnedClock
) -> None:
    """As when the program ends while something still runs."""
    running, never = asyncio.Event(), asyncio.Event()

    async def stuck(tx: Transaction) -> None:
        await add(tx)
        running.set()
        await never.wait()

    storage = open_storage(url, clock=clock)
    await storage.start()
    tasks = [asyncio.ensure_future(storage.transact(work)) for work in (stuck, add)]
    await running.wait()
    (writer,) = [task for task in asyncio.all_tasks() if task.get_name() == "storage writer"]
    writer.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 2
    with pytest.raises(StorageUnavailable, match="closed"):
        await storage.transact(add)
    await storage.close()
    async with open_storage(url, clock=clock) as again:
        assert await count(again) == 0
