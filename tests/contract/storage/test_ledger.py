"""The books: what is held and spent, what parallel requests may not do, what never changes."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import DIRECT, GuildId, TaskId, UserId
from bot.domain.limits import Amounts, LimitRule, Limits, Scope, Usage, check, effective
from bot.domain.ports.storage import Storage, Transaction
from tests.contract.storage.samples import (
    APIMART,
    EVOLINK,
    GUILD,
    JON,
    MIRA,
    NOON,
    Seeder,
    conversation,
    generation,
    raw,
    sql,
)

EIGHT_SECONDS = Amounts(videos=1, seconds=8)
NOTHING = Usage(videos=0, seconds=0, concurrent=0)
MIDNIGHT = NOON.replace(hour=0, minute=0, second=0, microsecond=0)


async def usage(
    storage: Storage,
    user_id: UserId = MIRA,
    guild_id: GuildId = GUILD,
    since: datetime = MIDNIGHT,
) -> Usage:
    return await storage.read(lambda tx: tx.ledger.usage(guild_id, user_id, since=since))


async def settle(storage: Storage, made: Generation, seconds: int, at: datetime = NOON) -> None:
    await storage.transact(lambda tx: tx.ledger.settle(made.id, seconds=seconds, at=at))


async def release(storage: Storage, made: Generation, at: datetime = NOON) -> None:
    await storage.transact(lambda tx: tx.ledger.release(made.id, at=at))


async def balances(storage: Storage, user_id: UserId = MIRA) -> Sequence[int]:
    """Videos available, held, spent; seconds available, held, spent."""
    (row,) = await storage.read(
        raw(
            "SELECT videos_available, videos_held, videos_spent,"
            " seconds_available, seconds_held, seconds_spent"
            " FROM accounts WHERE user_id = :id",
            id=user_id,
        )
    )
    return row


async def finish(storage: Storage, seeder: Seeder, made: Generation) -> Generation:
    """Through all steps to the posting, which is where a settlement happens."""
    for state in (State.SUBMITTING, State.RUNNING, State.READY, State.FETCHED, State.POSTING):
        made = await seeder.move(made, state)
    return made


async def test_a_member_who_never_asked_has_used_nothing(storage: Storage) -> None:
    assert await usage(storage) == NOTHING
    await storage.transact(lambda tx: tx.ledger.lock(GUILD, MIRA))
    assert await usage(storage) == NOTHING


async def test_a_hold_counts_at_once(storage: Storage, seeder: Seeder) -> None:
    await seeder.put()
    assert await usage(storage) == Usage(videos=1, seconds=8, concurrent=1, last_at=NOON)
    assert await balances(storage) == (-1, 1, 0, -8, 8, 0)
    assert await usage(storage, JON) == NOTHING
    assert await usage(storage, guild_id=DIRECT) == NOTHING


async def test_settled_seconds_are_spent_and_the_rest_goes_back(
    storage: Storage, seeder: Seeder
) -> None:
    made = await seeder.put()
    await settle(storage, made, 5)
    assert await balances(storage) == (-1, 0, 1, -5, 0, 5)
    used = await usage(storage)
    assert (used.videos, used.seconds) == (1, 5)


async def test_never_more_is_spent_than_was_held(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await settle(storage, made, 60)
    assert await balances(storage) == (-1, 0, 1, -8, 0, 8)


async def test_a_release_gives_everything_back(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await release(storage, made, at=NOON + timedelta(minutes=1))
    assert await balances(storage) == (0, 0, 0, 0, 0, 0)
    used = await usage(storage)
    assert (used.videos, used.seconds, used.last_at) == (0, 0, NOON)


async def test_what_is_held_is_closed_once(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await settle(storage, made, 8)
    before = await balances(storage)
    with pytest.raises(ValueError, match="already closed"):
        await settle(storage, made, 8)
    with pytest.raises(ValueError, match="already closed"):
        await release(storage, made)
    assert await balances(storage) == before


async def test_parallel_closes_charge_once(
    storage: Storage, other: Storage, seeder: Seeder
) -> None:
    made = await seeder.put()
    closed = await asyncio.gather(
        *(settle(which, made, 8) for which in (storage, other) * 4), return_exceptions=True
    )
    assert [each for each in closed if each is None] == [None]
    assert all("already closed" in str(each) for each in closed if each is not None)
    assert await balances(storage) == (-1, 0, 1, -8, 0, 8)


async def test_nothing_is_held_twice_or_closed_unheld(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    with pytest.raises(ValueError, match="already held"):
        await storage.transact(lambda tx: tx.ledger.hold(made, EIGHT_SECONDS, at=NOON))
    assert await balances(storage) == (-1, 1, 0, -8, 8, 0)
    unheld = generation(conversation())
    with pytest.raises(ValueError, match="nothing is held"):
        await settle(storage, unheld, 8)
    with pytest.raises(ValueError, match="nothing is held"):
        await release(storage, unheld)


async def test_negative_seconds_are_refused(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    with pytest.raises(ValueError, match="-1 seconds"):
        await settle(storage, made, -1)
    with pytest.raises(ValueError, match="-1 seconds"):
        await storage.transact(lambda tx: tx.ledger.hold(made, Amounts(seconds=-1), at=NOON))


async def test_usage_counts_from_the_start_of_the_period(storage: Storage, seeder: Seeder) -> None:
    seeder.at = MIDNIGHT - timedelta(microseconds=1)
    yesterday = await seeder.put()
    seeder.at = MIDNIGHT
    await seeder.put()
    used = await usage(storage)
    assert (used.videos, used.seconds, used.concurrent) == (1, 8, 2)
    # What is held yesterday and delivered today counts yesterday.
    await settle(storage, yesterday, 8, at=NOON)
    assert (await usage(storage)).videos == 1
    assert (await usage(storage, since=MIDNIGHT - timedelta(days=1))).videos == 2


async def test_a_reset_starts_again_even_within_the_same_instant(
    storage: Storage, seeder: Seeder
) -> None:
    before = await seeder.put()
    await storage.transact(lambda tx: tx.ledger.reset(GUILD, MIRA, at=NOON))
    assert await usage(storage) == Usage(videos=0, seconds=0, concurrent=1), "no cooldown is left"
    await settle(storage, before, 8, at=NOON + timedelta(minutes=1))
    used = await usage(storage)
    assert (used.videos, used.seconds) == (0, 0), "asked for before the reset"
    await seeder.put()
    assert (await usage(storage)).videos == 1
    assert (await usage(storage, since=NOON + timedelta(hours=1))).videos == 0


async def test_a_reset_of_an_unknown_member_is_no_mistake(storage: Storage, seeder: Seeder) -> None:
    await storage.transact(lambda tx: tx.ledger.reset(GUILD, JON, at=NOON))
    assert await usage(storage, JON) == NOTHING
    assert await seeder.faults() == []


async def test_open_ones_leave_when_they_end(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await seeder.put()
    await seeder.move(made, State.CANCELLED)
    assert (await usage(storage)).concurrent == 1


async def test_spend_is_recorded_once_per_task(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    for provider, task, micro_usd in (
        (EVOLINK, "t-1", 640_000),
        (EVOLINK, "t-1", 999_999),
        (APIMART, "t-1", 3_000_000_000),
    ):
        await storage.transact(
            lambda tx, p=provider, t=task, m=micro_usd: tx.ledger.record_spend(
                made.id, provider=p, task_id=TaskId(t), micro_usd=m, at=NOON
            )
        )
    rows = await storage.read(raw("SELECT provider, micro_usd FROM provider_spend ORDER BY 1"))
    assert rows == [("apimart", 3_000_000_000), ("evolink", 640_000)]


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        (Limits(videos=7, concurrent=0), 7),
        (Limits(videos=0, seconds=41, concurrent=0), 5),
        (Limits(videos=0, concurrent=3), 3),
        (Limits(videos=0, concurrent=0, cooldown=60), 1),
    ],
    ids=["videos", "seconds", "concurrent", "cooldown"],
)
async def test_parallel_requests_cannot_slip_past_a_limit(
    storage: Storage, other: Storage, seeder: Seeder, limits: Limits, allowed: int
) -> None:
    rule = effective([LimitRule(scope=Scope.DEFAULT, limits=limits)])

    async def ask(which: Storage) -> Code | None:
        about = conversation()
        made = generation(about)

        async def work(tx: Transaction) -> None:
            await tx.ledger.lock(GUILD, MIRA)
            used = await tx.ledger.usage(GUILD, MIRA, since=MIDNIGHT)
            check(rule, used, EIGHT_SECONDS, now=NOON)
            await tx.conversations.add(about)
            await tx.conversations.next_version(about)
            await tx.generations.add(made)
            await tx.ledger.hold(made, EIGHT_SECONDS, at=NOON)

        try:
            await which.transact(work)
        except Refused as refusal:
            return refusal.code
        return None

    answers = await asyncio.gather(*(ask((storage, other)[n % 2]) for n in range(50)))
    assert answers.count(None) == allowed
    assert (await usage(storage)).videos == allowed
    assert await seeder.faults() == []


@pytest.mark.parametrize("change", ["UPDATE ledger SET user_id = 1", "DELETE FROM ledger"])
async def test_the_ledger_is_append_only(storage: Storage, seeder: Seeder, change: str) -> None:
    await seeder.put()
    with pytest.raises(Exception, match="append-only"):
        await storage.transact(raw(change))
    assert (await usage(storage)).videos == 1


async def test_an_entry_must_balance(storage: Storage) -> None:
    entry = (
        "INSERT INTO ledger (guild_id, user_id, kind, videos_granted, videos_available,"
        " resets, counted_at, at) VALUES (1, 2, 'grant', -5, {}, 0, 0, 0)"
    )
    await storage.transact(raw(entry.format(5)))
    with pytest.raises(Exception, match=r"(?i)check"):
        await storage.transact(raw(entry.format(4)))


# -- faults -----------------------------------------------------------------------------------


async def test_honest_books_have_no_faults(storage: Storage, seeder: Seeder) -> None:
    await seeder.put()
    cancelled = await seeder.put()
    await seeder.move(cancelled, State.CANCELLED)
    await release(storage, cancelled)
    delivered = await finish(storage, seeder, await seeder.put(requester_id=JON))
    await seeder.move(delivered, State.DELIVERED)
    await settle(storage, delivered, 8)
    assert await seeder.faults() == []


async def test_an_end_without_a_close_is_a_fault(seeder: Seeder) -> None:
    made = await seeder.move(await seeder.put(), State.CANCELLED)
    assert await seeder.faults() == [f"generation {made.id} ended (cancelled) and has no close"]


async def test_a_close_without_an_end_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await settle(storage, made, 8)
    assert await seeder.faults() == [f"generation {made.id} has not ended (queued) and has a close"]


async def test_a_generation_without_a_hold_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    about = conversation()
    made = generation(about)

    async def work(tx: Transaction) -> None:
        await tx.conversations.add(about)
        await tx.generations.add(made)

    await storage.transact(work)
    assert await seeder.faults() == [f"generation {made.id} has no hold"]


async def test_a_wrong_balance_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    await seeder.put()
    await storage.transact(raw("UPDATE accounts SET videos_held = 2, videos_available = -2"))
    member = f"member {MIRA} of server {GUILD}"
    assert await seeder.faults() == [
        f"{member}: videos_available is -2, the ledger's sum is -1",
        f"{member}: videos_held is 2, the ledger's sum is 1",
        f"{member}: videos_held is 2, open holds are 1",
    ]


async def test_a_lost_account_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    await seeder.put()
    await storage.transact(raw("DELETE FROM accounts"))
    found = await seeder.faults()
    assert f"member {MIRA} of server {GUILD}: seconds_held is 0, open holds are 8" in found


async def test_a_charge_to_another_member_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await storage.transact(raw("UPDATE generations SET requester_id = 5"))
    (found,) = await seeder.faults()
    assert found.endswith(f"charges another member than the one who asked for generation {made.id}")


async def test_a_close_that_undoes_too_little_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.move(await seeder.put(), State.CANCELLED)

    async def work(tx: Transaction) -> None:
        await sql(
            tx,
            "INSERT INTO ledger (guild_id, user_id, generation_id, kind, resets, counted_at, at)"
            " SELECT guild_id, user_id, generation_id, 'close', resets, counted_at, at"
            " FROM ledger",
        )

    await storage.transact(work)
    assert f"does not undo the hold of generation {made.id}" in " ".join(await seeder.faults())


@pytest.mark.parametrize(
    "wrong",
    [
        {"guild_id": "guild_id + 1"},
        {"user_id": "user_id + 1"},
        {"resets": "resets + 1"},
        {"counted_at": "counted_at + 1"},
        {"videos_held": "-2", "videos_available": "2"},
        {"seconds_held": "-9", "seconds_available": "9"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_whatever_a_close_has_otherwise_than_its_hold_is_a_fault(
    storage: Storage, seeder: Seeder, wrong: dict[str, str]
) -> None:
    """Each value alone: all others are right."""
    made = await seeder.move(await seeder.put(), State.CANCELLED)
    right = {name: name for name in ("guild_id", "user_id", "generation_id", "resets")}
    right |= {"kind": "'close'", "counted_at": "counted_at", "at": "at"}
    for unit in ("videos", "seconds"):
        right |= {f"{unit}_held": f"-{unit}_held", f"{unit}_available": f"{unit}_held"}
    values = right | wrong
    await storage.transact(
        raw(
            f"INSERT INTO ledger ({', '.join(values)})"  # noqa: S608
            f" SELECT {', '.join(values.values())} FROM ledger"
        )
    )
    found = [sentence for sentence in await seeder.faults() if "undo" in sentence]
    assert len(found) == 1
    assert found[0].endswith(f"does not undo the hold of generation {made.id}")


async def test_a_close_without_a_hold_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    about = conversation()
    made = generation(about)

    async def work(tx: Transaction) -> None:
        await tx.conversations.add(about)
        await tx.generations.add(made)
        await sql(
            tx,
            "INSERT INTO ledger (guild_id, user_id, generation_id, kind, resets, counted_at, at)"
            " VALUES (:guild, :member, :id, 'close', 0, 0, 0)",
            guild=GUILD,
            member=MIRA,
            id=made.id,
        )

    await storage.transact(work)
    first, *others = await seeder.faults()
    assert first.endswith(f"closes generation {made.id}, for which nothing is held")
    assert others == [
        f"generation {made.id} has no hold",
        f"generation {made.id} has not ended (queued) and has a close",
    ]


async def test_a_history_that_goes_on_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    """The last entry counts, not whether the state is among them."""
    made = await seeder.put()
    await storage.transact(
        raw(f"INSERT INTO generation_events VALUES ('{made.id}', 7, 'running', 0)")  # noqa: S608
    )
    assert await seeder.faults() == [
        f"generation {made.id} is queued, its history does not end there"
    ]


async def test_a_broken_history_is_a_fault(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await storage.transact(raw("UPDATE generation_events SET state = 'running'"))
    assert await seeder.faults() == [
        f"generation {made.id} is queued, its history does not end there"
    ]


async def test_orphans_are_faults(storage: Storage, seeder: Seeder, url: str) -> None:
    """What foreign keys forbid, as it looks after somebody worked on the database without them."""
    made = await seeder.put()
    await storage.transact(
        lambda tx: tx.ledger.record_spend(
            made.id, provider=EVOLINK, task_id=TaskId("t-1"), micro_usd=1, at=NOON
        )
    )
    assert await seeder.faults() == []
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("DELETE FROM generations")
            connection.commit()
    else:
        for table in ("ledger", "provider_spend", "generation_events"):
            await storage.transact(
                raw(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_generation_id")
            )
        await storage.transact(raw("DELETE FROM generations"))
    entry, spend = await seeder.faults()
    assert entry.endswith(f"is about generation {made.id}, which does not exist")
    assert spend == f"task t-1 of evolink cost money for generation {made.id}, which does not exist"
