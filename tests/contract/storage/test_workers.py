"""Workers are compared by one clock: the database server's if there is one, else the process's."""

from datetime import UTC, datetime, timedelta

from bot.domain.ports.storage import Storage, Transaction
from tests.contract.storage.samples import ALPHA, BETA, NOON, Seeder

DAY = timedelta(days=1)


async def times(tx: Transaction) -> list[datetime]:
    """The shared time as two workers hear it, whose own clocks are a day apart."""
    return [await tx.workers.clock(NOON), await tx.workers.clock(NOON + DAY)]


async def test_the_database_server_decides_the_time(url: str, storage: Storage) -> None:
    reported = [*await storage.transact(times), *await storage.read(times)]
    if url.startswith("sqlite"):
        assert reported == [NOON, NOON + DAY] * 2
        return
    assert reported == sorted(reported), "it goes on, within a transaction too"
    assert len(set(reported)) == len(reported)
    assert reported[-1] - reported[0] < timedelta(minutes=1)
    assert all(time.utcoffset() == timedelta() for time in reported)
    # Our own machine is the server's here.
    assert abs(reported[0] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_heartbeat_that_the_server_timed_comes_back_as_reported(
    storage: Storage,
) -> None:
    async def beat(tx: Transaction) -> datetime:
        now = await tx.workers.clock(NOON)
        await tx.workers.beat(ALPHA, now=now)
        return now

    reported = await storage.transact(beat)
    assert await storage.read(lambda tx: tx.workers.beats()) == {ALPHA: reported}


async def test_heartbeats_from_the_future_count_as_given_now(
    storage: Storage, seeder: Seeder
) -> None:
    """The shared clock was set back by a day: the dead are found out, the living stay alive."""
    earlier = NOON - timedelta(seconds=20)
    await storage.transact(lambda tx: tx.workers.beat(ALPHA, now=NOON + DAY))
    await storage.transact(lambda tx: tx.workers.beat(BETA, now=earlier))
    await seeder.put(owner_id=ALPHA)
    await storage.transact(lambda tx: tx.workers.cap_beats(NOON))
    assert await storage.read(lambda tx: tx.workers.beats()) == {ALPHA: NOON, BETA: earlier}

    async def claim(tx: Transaction, seconds: int) -> int:
        now = NOON + timedelta(seconds=seconds)
        dead_before = now - timedelta(seconds=30)
        return len(await tx.generations.claim(BETA, now=now, dead_before=dead_before, limit=9))

    assert await storage.transact(lambda tx: claim(tx, 30)) == 0
    assert await storage.transact(lambda tx: claim(tx, 31)) == 1
