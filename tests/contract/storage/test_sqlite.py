"""What only SQLite does: one writer that commits in groups, and the ways a file can fail."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.domain.errors import StorageUnavailable
from bot.domain.ports.storage import Transaction
from bot.storage import SqlStorage, backup, migrate, open_storage, sqlite
from bot.storage.generations import _claim
from bot.storage.sqlite import SqliteBackend
from tests.contract.storage.samples import ALPHA, NOON, OwnedClock, Shelf, conversation, raw

Work = Callable[[Transaction], Awaitable[Any]]
COUNT = "SELECT COUNT(*) FROM conversations"


class Mistake(Exception):
    """Something a piece of work raises."""


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Here the contract's fixtures are about SQLite only."""
    return sqlite_url


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def commits(storage: SqlStorage) -> list[str]:
    """Every COMMIT of the writer from here on."""
    seen: list[str] = []
    assert isinstance(storage._backend, SqliteBackend)
    engine = storage._backend._write_engine.sync_engine
    event.listen(engine, "commit", lambda _: seen.append("commit"))
    return seen


async def add(tx: Transaction) -> None:
    await tx.conversations.add(conversation())


async def add_and_fail(tx: Transaction) -> None:
    await add(tx)
    raise Mistake


async def count(storage: SqlStorage) -> int:
    ((number,),) = await storage.read(raw(COUNT))
    return number


class Group:
    """Transactions that are sure to share one group: all are asked for while the first one runs."""

    def __init__(self, storage: SqlStorage) -> None:
        self.storage = storage
        self.tasks: list[asyncio.Task[Any]] = []
        self._go_on = asyncio.Event()

    async def begin(self, first: Work = add) -> None:
        running = asyncio.Event()

        async def work(tx: Transaction) -> None:
            running.set()
            await self._go_on.wait()
            await first(tx)

        self._ask(work)
        await running.wait()

    def ask(self, *works: Work) -> list[asyncio.Task[Any]]:
        return [self._ask(work) for work in works]

    async def outcomes(self) -> list[Any]:
        await asyncio.sleep(0)  # lets every task come to its place in the queue
        self._go_on.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    def _ask(self, work: Work) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.ensure_future(self.storage.transact(work)))
        return self.tasks[-1]


@pytest.fixture
async def group(storage: SqlStorage) -> Group:
    return Group(storage)


# -- group commit -----------------------------------------------------------------------------


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


async def test_nobody_hears_of_success_before_the_commit(storage: SqlStorage, group: Group) -> None:
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


async def test_who_waits_too_long_is_told_and_nothing_is_written(
    storage: SqlStorage, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_ANSWER_WITHIN_S", 0.05)
    await group.begin()
    (late,) = group.ask(add)
    with pytest.raises(StorageUnavailable, match="no answer within"):
        await late
    first, _ = await group.outcomes()
    assert isinstance(first, StorageUnavailable), "it was undone, so it must not be told otherwise"
    assert await count(storage) == 0


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


async def test_the_claim_reads_an_index_and_not_the_table(storage: SqlStorage) -> None:
    plan: list[str] = []

    async def explain(tx: Transaction) -> None:
        connection: Any = tx.generations._connection  # pyright: ignore[reportAttributeAccessIssue]
        statement = str(_claim("sqlite").compile(dialect=connection.dialect))
        values = (0,) * statement.count("?")
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        plan.extend(row[-1] for row in rows)

    await storage.transact(explain)
    assert "SCAN generations USING COVERING INDEX ix_generations_unannounced" in plan or (
        "SCAN generations USING INDEX ix_generations_unannounced" in plan
    ), plan


async def test_what_is_committed_is_synced(storage: SqlStorage) -> None:
    assert await storage.transact(raw("PRAGMA synchronous")) == [(2,)], "FULL"
    assert await storage.transact(raw("PRAGMA journal_mode")) == [("wal",)]
    assert await storage.transact(raw("PRAGMA foreign_keys")) == [(1,)]


# -- kill -9 ----------------------------------------------------------------------------------

_WRITE_AND_DIE = """
import asyncio, os, signal, sys
from bot.storage import open_storage
from tests.contract.storage.samples import ALPHA, OwnedClock, Shelf

async def main():
    storage = open_storage(sys.argv[1], clock=OwnedClock())
    await storage.start()
    shelf = Shelf(storage=storage)
    for _ in range(25):
        made = await shelf.put(owner_id=ALPHA)
        print(made.id, flush=True)

    async def half(tx):
        await tx.ledger.release(made.id, at=made.created_at)
        os.kill(os.getpid(), signal.SIGKILL)

    await storage.transact(half)

asyncio.run(main())
"""


async def test_after_kill_9_everything_told_is_there_and_nothing_else(
    url: str, path: Path, clock: OwnedClock
) -> None:
    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _WRITE_AND_DIE, url],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    told = died.stdout.decode().split()
    assert len(told) == 25
    assert path.with_name("retake.db-wal").stat().st_size > 0, "nothing was checkpointed"
    async with open_storage(url, clock=clock) as storage:
        shelf = Shelf(storage=storage)
        assert await shelf.faults() == []
        claimed = await storage.transact(
            lambda tx: tx.generations.claim(ALPHA, now=NOON, dead_before=NOON, limit=100)
        )
        assert claimed == [], "they are still its own"
        assert await storage.transact(lambda tx: tx.generations.disown(ALPHA)) == 25
        rows = await storage.read(raw("SELECT kind, COUNT(*) FROM ledger GROUP BY kind"))
        assert rows == [("hold", 25)]


# -- files that fail --------------------------------------------------------------------------


def forbid_writing(path: Path) -> None:
    """Mark the file so in its header: permissions do not bind everybody who runs tests."""
    content = bytearray(path.read_bytes())
    content[18] = 255
    path.write_bytes(content)


def damage(path: Path) -> None:
    """Leave the first page, which is the last to be suspected."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


async def refusal(url: str) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        await open_storage(url, clock=OwnedClock()).start()
    return caught.value.facts["reason"]


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "retake.db"
    assert await refusal(f"sqlite:///{path}") == (
        f"{path}: the directory {path.parent} does not exist"
    )
    assert not path.parent.exists()


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert await refusal(f"sqlite:///{tmp_path}") == (
        f"{tmp_path} is a directory, not a database file"
    )


async def test_another_file_is_no_database_and_stays_as_it_is(url: str, path: Path) -> None:
    path.write_bytes(b"GIF89a" * 1000)
    assert await refusal(url) == f"{path}: file is not a database"
    assert path.read_bytes() == b"GIF89a" * 1000


async def test_a_new_file_that_may_not_be_written(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    forbid_writing(path)
    assert await refusal(url) == f"{path}: attempt to write a readonly database"


async def test_a_known_file_that_may_not_be_written(
    url: str, path: Path, clock: OwnedClock
) -> None:
    await migrate(url, clock=clock)
    forbid_writing(path)
    async with open_storage(url, clock=clock) as storage:
        assert await count(storage) == 0
        with pytest.raises(StorageUnavailable, match="readonly"):
            await storage.transact(add)


async def test_another_programs_database_stays_as_it_is(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")
    before = path.read_bytes()
    assert await refusal(url) == f"{path}: it belongs to another program"
    assert path.read_bytes() == before


async def test_a_damaged_file_is_unavailable(url: str, path: Path, clock: OwnedClock) -> None:
    async with open_storage(url, clock=clock) as storage:
        await Shelf(storage=storage).put()
    damage(path)
    assert "malformed" in await refusal(url)


async def test_a_locked_file_is_unavailable_for_as_long(
    url: str, path: Path, clock: OwnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.05)
    async with open_storage(url, clock=clock) as storage:
        with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="locked"):
                await storage.transact(add)
            assert await count(storage) == 0, "readers do not mind"
            intruder.execute("ROLLBACK")
        await storage.transact(add)
        assert await count(storage) == 1


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a file, for this process: it does not grow any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_fails_the_whole_group(
    storage: SqlStorage, group: Group, path: Path
) -> None:
    await storage.transact(add)
    await group.begin()
    group.ask(add_and_fail, add)
    with files_no_larger_than(path.with_name("retake.db-wal").stat().st_size):
        first, mistaken, second = await group.outcomes()
    assert isinstance(first, StorageUnavailable)
    assert isinstance(mistaken, Mistake)
    assert isinstance(second, StorageUnavailable)
    assert first is not second
    assert await count(storage) == 1
    await storage.transact(add)
    assert await count(storage) == 2


async def test_a_disk_that_fills_within_a_job_keeps_every_promise(
    storage: SqlStorage, group: Group
) -> None:
    """SQLite may undo the whole transaction then; nobody may be told that theirs was kept."""

    async def fill(tx: Transaction) -> None:
        ((pages,),) = await raw("PRAGMA page_count")(tx)
        await raw(f"PRAGMA max_page_count = {pages + 2}")(tx)
        try:
            await tx.conversations.add(conversation(title="x" * 1_000_000))
        finally:
            await raw("PRAGMA max_page_count = 1073741823")(tx)

    await group.begin()
    group.ask(add, fill, add)
    outcomes = await group.outcomes()
    assert isinstance(outcomes[2], StorageUnavailable)
    assert all(outcome is None or isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    assert await count(storage) == outcomes.count(None)
    await storage.transact(add)
    assert await count(storage) == outcomes.count(None) + 1


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


# -- URLs and copies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://localhost/retake", "no such kind of database: mysql"),
        ("retake.db", "cannot be understood"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, told: str, clock: OwnedClock) -> None:
    with pytest.raises(ValueError, match=told):
        open_storage(url, clock=clock)


@pytest.fixture
async def busy(storage: SqlStorage) -> AsyncIterator[Shelf]:
    """A storage that is written to all the time."""
    enough = asyncio.Event()

    async def write() -> None:
        while not enough.is_set():
            await storage.transact(add)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        yield Shelf(storage=storage)
        enough.set()


async def test_a_backup_is_a_database_of_one_moment(
    url: str, tmp_path: Path, busy: Shelf, clock: OwnedClock
) -> None:
    made = await busy.put()
    copy = tmp_path / "copy.db"
    await backup(url, copy)
    async with open_storage(f"sqlite:///{copy}", clock=clock) as copied:
        assert await copied.read(lambda tx: tx.generations.get(made.id)) == made
        assert await Shelf(storage=copied).faults() == []
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


async def test_a_backup_of_a_resting_database(url: str, tmp_path: Path, clock: OwnedClock) -> None:
    async with open_storage(url, clock=clock) as storage:
        made = await Shelf(storage=storage).put()
    await backup(url, tmp_path / "copy.db")
    async with open_storage(f"sqlite:///{tmp_path / 'copy.db'}", clock=clock) as copied:
        assert await Shelf(storage=copied).get(made) == made


async def test_a_backup_replaces_nothing(url: str, tmp_path: Path, storage: SqlStorage) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("dear")
    with pytest.raises(FileExistsError):
        await backup(url, copy)
    assert copy.read_text() == "dear"


async def test_a_backup_of_nothing_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await backup(f"sqlite:///{tmp_path / 'missing.db'}", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_server_is_backed_up_with_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pg_dump"):
        await backup("postgresql://localhost/retake", tmp_path / "copy.db")
