"""What can happen to a database file: kill -9, other programs, damage, full disks, copies."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.generation import State, Task
from bot.domain.ids import ConversationId, TaskId
from bot.domain.ports.storage import Transaction
from bot.domain.request import VideoRequest
from bot.storage import SqlStorage, backup, migrate, open_storage, sqlite
from tests.contract.storage.grouping import Group, Mistake, add, add_and_fail, count
from tests.contract.storage.samples import ALPHA, EVOLINK, NOON, OwnedClock, Seeder, raw


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


# -- kill -9 ----------------------------------------------------------------------------------

_WRITE_AND_DIE = """
import asyncio, os, signal, sys
from bot.storage import open_storage
from tests.contract.storage.samples import ALPHA, OwnedClock, Seeder

async def main():
    storage = open_storage(sys.argv[1], clock=OwnedClock())
    await storage.start()
    shelf = Seeder(storage=storage)
    for _ in range(25):
        made = await shelf.put(owner_id=ALPHA)
        print(made.id, flush=True)

    async def half(tx):
        await tx.ledger.release(made.id, at=made.created_at)
        os.kill(os.getpid(), signal.SIGKILL)

    await storage.transact(half)

asyncio.run(main())
"""


async def test_after_kill_9_everything_confirmed_is_there_and_nothing_else(
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
    reported = died.stdout.decode().split()
    assert len(reported) == 25
    assert path.with_name("retake.db-wal").stat().st_size > 0, "nothing was checkpointed"
    async with open_storage(url, clock=clock) as storage:
        seeder = Seeder(storage=storage)
        assert await seeder.faults() == []
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


async def test_a_sqlite_that_is_too_old_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert "is too old, 3.35 is needed" in await refusal(url)


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
        await Seeder(storage=storage).put()
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
    assert first.accepted is Accepted.UNKNOWN
    assert second.accepted is Accepted.UNKNOWN, "the log may hold it"
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
            await tx.conversations.add(ConversationId("x" * 1_000_000))
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


# -- URLs and copies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://localhost/retake", "no such kind of database: mysql"),
        ("retake.db", "cannot be understood"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, reported: str, clock: OwnedClock) -> None:
    with pytest.raises(ValueError, match=reported):
        open_storage(url, clock=clock)


@pytest.fixture
async def busy(storage: SqlStorage) -> AsyncIterator[Seeder]:
    """A storage that is written to all the time."""
    enough = asyncio.Event()

    async def write() -> None:
        while not enough.is_set():
            await storage.transact(add)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        yield Seeder(storage=storage)
        enough.set()


async def test_a_backup_is_a_database_of_one_moment(
    url: str, tmp_path: Path, busy: Seeder, clock: OwnedClock
) -> None:
    made = await busy.put()
    copy = tmp_path / "copy.db"
    await backup(url, copy)
    async with open_storage(f"sqlite:///{copy}", clock=clock) as copied:
        assert await copied.read(lambda tx: tx.generations.get(made.id)) == made
        assert await Seeder(storage=copied).faults() == []
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


async def test_a_backup_of_a_resting_database(url: str, tmp_path: Path, clock: OwnedClock) -> None:
    async with open_storage(url, clock=clock) as storage:
        made = await Seeder(storage=storage).put()
    await backup(url, tmp_path / "copy.db")
    async with open_storage(f"sqlite:///{tmp_path / 'copy.db'}", clock=clock) as copied:
        assert await Seeder(storage=copied).get(made) == made


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


async def test_what_was_deleted_is_nowhere_in_the_file(
    sqlite_url: str, clock: OwnedClock, tmp_path: Path
) -> None:
    """Not in a page that became free either, nor in the log once the file was closed."""
    secret = "SECRET" * 2000
    async with open_storage(sqlite_url, clock=clock) as storage:
        seeder = Seeder(storage=storage)
        made = await seeder.put(request=VideoRequest(prompt=secret))
        made = await seeder.move(made, State.CANCELLED, announced=True)
        for _ in range(20):
            await seeder.put()

        async def delete(tx: Transaction) -> None:
            saved = await tx.generations.save(made, replace(made, deleted_at=NOON))
            await tx.generations.erase(saved)

        await storage.transact(delete)
    assert [path.name for path in tmp_path.iterdir()] == ["retake.db"]
    assert b"SECRET" not in (tmp_path / "retake.db").read_bytes()


# -- room -------------------------------------------------------------------------------------


async def test_pruned_rows_share_their_pages(
    storage: SqlStorage, seeder: Seeder, path: Path
) -> None:
    """Also those that come after a time in which nothing was made, and all of before was pruned."""
    many, used = 60, [_pages_of_generations(path)]
    later = NOON + timedelta(days=31)
    for turn in range(3):
        for number in range(many):
            made = await seeder.put(
                request=VideoRequest(prompt="a fox " * 400),
                state=State.POSTING,
                task=_task(turn * many + number),
            )
            await seeder.move(made, State.DELIVERED, announced=True)
        assert _pages_of_generations(path) - used[-1] >= many - 1, "each has a page of its own"
        assert many == await storage.transact(
            lambda tx: tx.generations.prune(ended_before=later, at=later, limit=100)
        )
        used.append(_pages_of_generations(path))
    for before, after in pairwise(used):
        assert after - before <= many / 3, used


def _task(number: int) -> Task:
    return Task(
        provider=EVOLINK,
        model_id="omni-flash",
        idempotency_key=f"retake-{number}",
        body={},
        started_at=NOON,
        task_id=TaskId(f"task-{number}"),
    )


def _pages_of_generations(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        question = "SELECT COUNT(*) FROM dbstat WHERE name = 'generations'"
        (pages,) = connection.execute(question).fetchone()
    return pages
