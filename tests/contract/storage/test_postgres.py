"""What only PostgreSQL does: rows locked by others, transactions given up, a server that goes."""

import asyncio
import socket

import asyncpg
import pytest
from sqlalchemy import make_url

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.generation import Generation
from bot.domain.ports.storage import Storage, Transaction
from bot.storage import SqlStorage, migrate, open_storage
from tests.contract.storage import postgres
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    GUILD,
    JON,
    MIRA,
    NOON,
    OwnedClock,
    Seeder,
    conversation,
    raw,
)


@pytest.fixture
def url(postgres_url: str) -> str:
    """Here the contract's fixtures are about PostgreSQL only."""
    return postgres_url


async def claim(tx: Transaction, limit: int) -> list[Generation]:
    claimed = await tx.generations.claim(ALPHA, now=NOON, dead_before=NOON, limit=limit)
    return list(claimed)


async def test_a_claim_passes_by_what_another_claim_holds(
    storage: Storage, other: Storage, seeder: Seeder
) -> None:
    made = [await seeder.put() for _ in range(5)]
    holding, go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> list[Generation]:
        claimed = await claim(tx, 2)
        holding.set()
        await go_on.wait()
        return claimed

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(storage.transact(hold))
        await holding.wait()
        second = await other.transact(
            lambda tx: tx.generations.claim(BETA, now=NOON, dead_before=NOON, limit=2)
        )
        go_on.set()
    assert [each.id for each in first.result()] == [each.id for each in made[:2]]
    assert [each.id for each in second] == [each.id for each in made[2:4]]


async def test_a_locked_member_makes_others_wait_and_nobody_else(
    storage: Storage, other: Storage
) -> None:
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await tx.ledger.lock(GUILD, MIRA)
        locked.set()
        await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(storage.transact(hold))
        await locked.wait()
        await other.transact(lambda tx: tx.ledger.lock(GUILD, JON))
        waiting = tasks.create_task(other.transact(lambda tx: tx.ledger.lock(GUILD, MIRA)))
        blocked = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while await other.read(raw(blocked)) == [(0,)]:
            assert not waiting.done()
        go_on.set()


class PatientClock(OwnedClock):
    """Whoever pauses goes on when the other one is done."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.done = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.done.wait()


async def test_a_deadlock_is_tried_again_after_a_pause(postgres_url: str) -> None:
    """Two who lock the same members in opposite order: the server gives one of them up.

    That one lets the other finish first; at once it could take its first lock back before the
    other one has woken up, and the two would deadlock again.
    """
    both = asyncio.Barrier(2)
    clock = PatientClock()
    tries: list[str] = []

    async def lock(tx: Transaction, *, mira_first: bool) -> None:
        tries.append("try")
        members = (MIRA, JON) if mira_first else (JON, MIRA)
        await tx.ledger.lock(GUILD, members[0])
        if len(tries) <= 2:
            await both.wait()
        await tx.ledger.lock(GUILD, members[1])
        await tx.conversations.add(conversation())

    async def run(storage: SqlStorage, *, mira_first: bool) -> None:
        await storage.transact(lambda tx: lock(tx, mira_first=mira_first))
        clock.done.set()

    async with (
        open_storage(postgres_url, clock=clock) as storage,
        open_storage(postgres_url, clock=clock) as other,
    ):
        for member in (MIRA, JON):
            await storage.transact(lambda tx, m=member: tx.ledger.lock(GUILD, m))
        await asyncio.gather(run(storage, mira_first=True), run(other, mira_first=False))
        assert len(tries) == 3
        assert len(clock.pauses) == 1
        assert 0.05 <= clock.pauses[0] <= 0.1
        assert await storage.read(raw("SELECT COUNT(*) FROM conversations")) == [(2,)]


async def test_a_conflict_that_never_ends_is_unavailable(storage: Storage) -> None:
    tries: list[str] = []

    async def conflict(tx: Transaction) -> None:
        tries.append("try")
        await raw(
            "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END $$"
        )(tx)

    with pytest.raises(StorageUnavailable):
        await storage.transact(conflict)
    assert len(tries) == 5


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(storage: Storage) -> None:
    async def lose(tx: Transaction) -> None:
        await tx.conversations.add(conversation())
        await raw("SELECT pg_terminate_backend(pg_backend_pid())")(tx)

    with pytest.raises(StorageUnavailable) as lost:
        await storage.transact(lose)
    assert lost.value.accepted is Accepted.NO
    assert await storage.read(raw("SELECT COUNT(*) FROM conversations")) == [(0,)]
    # As after a restart of the server: connections that wait in the pool are gone as well.
    await storage.transact(
        raw(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
    await storage.transact(lambda tx: tx.conversations.add(conversation()))


async def test_a_connection_lost_at_the_commit_leaves_it_unclear(storage: Storage) -> None:
    async def die_at_the_commit(tx: Transaction) -> None:
        await raw(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )(tx)
        await raw(
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON conversations"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
        )(tx)
        await tx.conversations.add(conversation())

    with pytest.raises(StorageUnavailable) as lost:
        await storage.transact(die_at_the_commit)
    assert lost.value.accepted is Accepted.UNKNOWN


async def test_no_server_is_unavailable(clock: OwnedClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        storage = open_storage(f"postgresql://retake@127.0.0.1:{port}/retake", clock=clock)
        with pytest.raises(StorageUnavailable):
            await storage.start()


async def test_no_such_database_is_unavailable(postgres_server: str, clock: OwnedClock) -> None:
    url = postgres.with_database(postgres_server, "no_such_database")
    with pytest.raises(StorageUnavailable, match="does not exist"):
        await open_storage(url, clock=clock).start()


async def test_starting_at_once_on_an_empty_database(
    postgres_server: str, clock: OwnedClock
) -> None:
    name = "retake_empty"
    await postgres.administer(
        postgres_server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}"
    )
    url = postgres.with_database(postgres_server, name)
    storages = [open_storage(url, clock=clock) for _ in range(3)]
    await asyncio.gather(*(storage.start() for storage in storages))
    for storage in storages:
        assert await Seeder(storage=storage).faults() == []
        await storage.close()
    await postgres.administer(postgres_server, f"DROP DATABASE {name}")


async def test_the_second_process_to_migrate_waits_without_a_limit(
    postgres_url: str, clock: OwnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither our limit for a statement nor the server's ends the waiting or a long step."""
    monkeypatch.setattr("bot.storage.engine.PATIENCE_S", 0.2)
    name = make_url(postgres_url).database
    await postgres.administer(
        postgres_url,
        f"ALTER DATABASE {name} SET statement_timeout = '200ms'",
        f"ALTER DATABASE {name} SET lock_timeout = '200ms'",
    )
    first = await asyncpg.connect(plain(postgres_url), timeout=15)
    async with asyncio.TaskGroup() as tasks:
        await first.execute("SET statement_timeout = 0")
        await first.execute(f"SELECT pg_advisory_lock({int.from_bytes(b'retake')})")
        second = tasks.create_task(migrate(postgres_url, clock=clock))
        waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        while await first.fetchval(waiting) == 0:
            assert not second.done()
        await first.execute("SELECT pg_sleep(0.6)")
        assert not second.done()
        await first.close()
    before, after = second.result()
    assert before == after


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def test_a_cancelled_transaction_gives_its_connection_back(storage: SqlStorage) -> None:
    for _ in range(12):
        started, never = asyncio.Event(), asyncio.Event()

        async def stuck(
            tx: Transaction, started: asyncio.Event = started, never: asyncio.Event = never
        ) -> None:
            await tx.conversations.add(conversation())
            started.set()
            await never.wait()

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(storage.transact(stuck))
            await started.wait()
            task.cancel()
    assert await storage.read(raw("SELECT COUNT(*) FROM conversations")) == [(0,)]
