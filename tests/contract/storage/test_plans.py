"""No statement reads a large table from end to end, on either database.

Every query of the port is asked on some thousands of rows, before and after the database has
counted them (ANALYZE); the statements that come out are explained. A query that is missing here
fails the test.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bot.domain.generation import Generation, Result, State, late_key
from bot.domain.ids import MessageId, TaskId, UserId, WorkerId
from bot.domain.limits import LimitRule, Limits, Scope, amounts_of
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.storage import Transaction
from bot.domain.request import VideoRequest
from bot.storage import SqlStorage, open_storage
from bot.storage.conversations import SqlConversations
from bot.storage.durations import SqlDurations
from bot.storage.generations import SqlGenerations
from bot.storage.guilds import SqlGuilds
from bot.storage.ledger import SqlLedger
from bot.storage.workers import SqlWorkers
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    EVOLINK,
    GUILD,
    MIRA,
    NOON,
    OwnedClock,
    Seeder,
    conversation,
    everything,
    generation,
    picture,
    raw,
)

LARGE = {"generations", "ledger", "accounts", "conversations", "provider_spend"} | {
    "generation_events",
    "generation_inputs",
}
SMALL_INDEXES = {
    "ix_generations_unannounced",
    "ix_generations_unended_requester",
    "ix_generations_unowned",
}
"""Indexes of what is under way only: reading all of one is reading what is under way."""

FEW_VALUES = re.compile(r"uq_generations_task \(provider=\?\)")
"""An index by nothing but its first column, of which a million rows have the same."""

_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"

WHOLE = {"faults", "keep_only"}
"""What has to look at everything: the adding up of the books, by ``retake check`` alone."""

NOUNS = {
    "generations": SqlGenerations,
    "conversations": SqlConversations,
    "ledger": SqlLedger,
    "guilds": SqlGuilds,
    "workers": SqlWorkers,
    "durations": SqlDurations,
}
GenerationRequest = Callable[[Transaction], Awaitable[Any]]


class Books:
    """Some rows that the questions are about."""

    def __init__(self, ended: Generation, opened: Generation) -> None:
        self.ended = ended
        self.opened = opened


def questions(books: Books) -> dict[str, GenerationRequest]:
    """One call of each query."""
    ended, opened = books.ended, books.opened
    deleted = replace(ended, deleted_at=NOON)
    now, hour = NOON, timedelta(hours=1)
    about = conversation()
    fresh = replace(generation(about), request=VideoRequest(images=(picture(),)))

    async def add(tx: Transaction) -> None:
        await tx.conversations.add(about)
        assert await tx.generations.add(fresh)

    async def hold(tx: Transaction) -> None:
        await add(tx)
        await tx.ledger.hold(fresh, amounts_of(fresh.plan), at=now)

    async def settle(tx: Transaction) -> None:
        await hold(tx)
        await tx.ledger.settle(fresh.id, seconds=8, at=now)

    async def release(tx: Transaction) -> None:
        await hold(tx)
        await tx.ledger.release(fresh.id, at=now)

    async def erase(tx: Transaction) -> None:
        await tx.generations.erase(await tx.generations.save(ended, deleted))

    entry = AuditEntry(guild_id=GUILD, actor_id=MIRA, action="a", subject="b", details={}, at=now)
    rule = LimitRule(scope=Scope.MEMBER, subject=MIRA, limits=Limits(videos=1))
    return {
        "generations.add": add,
        "generations.get": lambda tx: tx.generations.get(ended.id),
        "generations.by_request_key": lambda tx: tx.generations.by_request_key(ended.request_key),
        "generations.by_message": lambda tx: tx.generations.by_message(MessageId(4_000_000)),
        "generations.by_task": lambda tx: tx.generations.by_task(EVOLINK, TaskId("task-7")),
        "generations.save": lambda tx: tx.generations.save(
            opened, replace(opened, state=State.SUBMITTING)
        ),
        "generations.claim": lambda tx: tx.generations.claim(
            BETA, now=now, dead_before=now, limit=9
        ),
        "generations.any_unowned": lambda tx: tx.generations.any_unowned(),
        "generations.owned_ids": lambda tx: tx.generations.owned_ids(ALPHA),
        "generations.disown": lambda tx: tx.generations.disown(ALPHA),
        "generations.open_of": lambda tx: tx.generations.open_of(GUILD, MIRA),
        "generations.ended_of": lambda tx: tx.generations.ended_of(GUILD, MIRA, limit=5),
        "generations.posted": lambda tx: tx.generations.posted(since=now + 50 * hour, limit=9),
        "generations.tasks_of_others": lambda tx: tx.generations.tasks_of_others(
            opened.id, EVOLINK, since=now + 50 * hour
        ),
        "generations.count_open": lambda tx: tx.generations.count_open(),
        "generations.unconfirmed_submissions": lambda tx: tx.generations.unconfirmed_submissions(),
        "generations.ended_without_video": lambda tx: tx.generations.ended_without_video(
            since=now + 50 * hour, limit=100
        ),
        "generations.erase": erase,
        "generations.prune": lambda tx: tx.generations.prune(
            ended_before=now + hour, at=now, limit=20
        ),
        "generations.used_inputs": lambda tx: tx.generations.used_inputs(
            ["in/7.png", "in/none.png"], by_others_than=ended.id
        ),
        "generations.files_in_work": lambda tx: tx.generations.files_in_work(),
        "generations.look_through": lambda tx: tx.generations.look_through(),
        "conversations.add": add,
        "conversations.next_version": lambda tx: tx.conversations.next_version(
            ended.conversation_id
        ),
        "ledger.lock": lambda tx: tx.ledger.lock(GUILD, MIRA),
        "ledger.usage": lambda tx: tx.ledger.usage(GUILD, MIRA, since=now),
        "ledger.hold": hold,
        "ledger.settle": settle,
        "ledger.release": release,
        "ledger.reset": lambda tx: tx.ledger.reset(GUILD, MIRA, at=now),
        "ledger.record_spend": lambda tx: tx.ledger.record_spend(
            ended.id, provider=EVOLINK, task_id=TaskId("t-new"), micro_usd=1, at=now
        ),
        "guilds.lock": lambda tx: tx.guilds.lock(GUILD),
        "guilds.rules": lambda tx: tx.guilds.rules(GUILD),
        "guilds.rules_for": lambda tx: tx.guilds.rules_for(GUILD, MIRA),
        "guilds.set_rule": lambda tx: tx.guilds.set_rule(GUILD, rule),
        "guilds.remove_member_rule": lambda tx: tx.guilds.remove_member_rule(GUILD, MIRA),
        "guilds.audit": lambda tx: tx.guilds.audit(entry),
        "workers.clock": lambda tx: tx.workers.clock(now),
        "workers.beat": lambda tx: tx.workers.beat(ALPHA, now=now),
        "workers.cap_beats": lambda tx: tx.workers.cap_beats(now),
        "workers.remove": lambda tx: tx.workers.remove(BETA),
        "workers.forget_silent": lambda tx: tx.workers.forget_silent(now + hour),
        "workers.beats": lambda tx: tx.workers.beats(),
        "durations.add": lambda tx: tx.durations.add("key", 1.0, at=now),
        "durations.recent": lambda tx: tx.durations.recent("key"),
        "durations.forget": lambda tx: tx.durations.forget(now),
    }


def queries() -> Iterator[str]:
    for noun, kind in NOUNS.items():
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and name not in WHOLE:
                yield f"{noun}.{name}"


async def filled(storage: SqlStorage, *, count: int = 2000) -> Books:
    """Many that have ended, of many members; a few under way."""
    seeder = Seeder(storage=storage)
    sample = everything(conversation())
    assert sample.task is not None
    assert sample.posting is not None
    ended = opened = None
    await storage.transact(lambda tx: tx.workers.beat(ALPHA, now=NOON))
    for start in range(0, count, 200):

        async def work(tx: Transaction, start: int = start) -> None:
            nonlocal ended
            for number in range(start, start + 200):
                about, at = conversation(), NOON + timedelta(minutes=2 * number)
                task = replace(sample.task, task_id=TaskId(f"task-{number}"))  # type: ignore[type-var]
                made = replace(
                    generation(about),
                    requester_id=UserId(number % 97 + 1),
                    request=VideoRequest(images=(picture(f"{number}.png"),)),
                    state=State.DELIVERED if number % 10 else State.EXPIRED,
                    announced=True,
                    task=task,
                    result=Result(urls=(), expires_at=None, ready_at=at),
                    posting=replace(sample.posting, message_id=MessageId(number)),  # type: ignore[type-var]
                    created_at=at,
                    updated_at=at,
                    ended_at=at,
                )
                await tx.conversations.add(about)
                await tx.conversations.next_version(about)
                assert await tx.generations.add(made)
                await tx.ledger.hold(made, amounts_of(made.plan), at=at)
                await tx.ledger.settle(made.id, seconds=8, at=at)
                await tx.ledger.record_spend(
                    made.id, provider=EVOLINK, task_id=task.task_id, micro_usd=1, at=at
                )
                ended = made

        await storage.transact(work)
    for number in range(20):
        opened = await seeder.put(
            owner_id=(ALPHA, None, WorkerId("dead"))[number % 3],
            request_key=late_key(EVOLINK, TaskId(f"late-{number}")),
        )
    assert ended is not None
    assert opened is not None
    return Books(ended, opened)


class Undo(Exception):
    """Ends a transaction that was only asked for its statements."""


async def statements(storage: SqlStorage, ask: GenerationRequest) -> list[tuple[str, Any]]:
    """What a query sends, with its values; nothing is kept."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _ctx: Any, _many: bool) -> None:
        seen.append((statement, values))

    async def work(tx: Transaction) -> None:
        await ask(tx)
        raise Undo

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with pytest.raises(Undo):
            await storage.transact(work)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [each for each in seen if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)", each[0])]


async def scans(storage: SqlStorage, statement: str, values: Any) -> list[str]:
    """The steps of a plan that read a large table, or a whole index of one."""

    async def explain(tx: Transaction) -> list[str]:
        connection: Any = tx.generations._connection  # pyright: ignore[reportAttributeAccessIssue]
        if connection.dialect.name == "sqlite":
            if statement.startswith("INSERT"):
                return []  # its RETURNING is told as a scan, and it is none
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return [row[-1] for row in rows if _is_scan(row[-1])]
        # What is cheap on two thousand rows may be dear on a million: only what cannot be had
        # otherwise is read in order.
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
        (plan,) = rows.scalars()
        indexes = await connection.exec_driver_sql(_INDEXES)
        first = {name: definition.split("btree (")[1] for name, definition in indexes}
        first = {name: re.split(r"[,)]", columns)[0] for name, columns in first.items()}
        return list(_whole(plan[0]["Plan"], first))

    return await storage.transact(explain)


def _is_scan(step: str) -> bool:
    if FEW_VALUES.search(step):
        return True
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    if found is None or found[1] not in LARGE:
        return False
    return found[2] not in SMALL_INDEXES


def _whole(plan: dict[str, Any], first: dict[str, str]) -> Iterator[str]:
    """What PostgreSQL has to read whole; ``first`` is each index's first column."""
    for part in plan.get("Plans", ()):
        yield from _whole(part, first)
    kind, table, index = plan["Node Type"], plan.get("Relation Name", ""), plan.get("Index Name")
    if table in LARGE and kind == "Seq Scan":
        yield f"{kind} on {table}"
    if index is None or index in SMALL_INDEXES or not any(name in index for name in LARGE):
        return
    condition = plan.get("Index Cond", "")
    needed = "task_id" if index == "uq_generations_task" else first[index]
    if not re.search(rf"\b{needed}\b", condition):
        yield f"{kind} of the whole of {index}"


async def test_every_query_finds_its_rows_by_an_index(storage: SqlStorage) -> None:
    books = await filled(storage)
    asked = questions(books)
    assert set(asked) == set(queries()), "a query without a plan that is looked at"
    for counted in (False, True):  # SQLite plans without knowing how many rows there are
        if counted:
            await storage.transact(raw("ANALYZE"))
        found: dict[str, list[str]] = {}
        for name, ask in asked.items():
            for statement, values in await statements(storage, ask):
                if wrong := await scans(storage, statement, values):
                    found[f"{name}: {statement}"] = wrong
        assert found == {}, counted


async def test_the_books_are_added_up_in_one_pass_of_the_wide_rows(
    sqlite_url: str, clock: OwnedClock
) -> None:
    """Of a million generations each pass reads gigabytes; everything else is in narrow tables."""
    async with open_storage(sqlite_url, clock=clock) as storage:
        await filled(storage)
        for counted in (False, True):
            if counted:
                await storage.transact(raw("ANALYZE"))
            passes: list[str] = []
            for statement, _ in await statements(storage, lambda tx: tx.ledger.faults()):
                steps = await storage.read(raw(f"EXPLAIN QUERY PLAN {statement}"))
                reported = [str(step[-1]) for step in steps]
                assert not any("AUTOMATIC" in step for step in reported), statement
                passes += [step for step in reported if re.match(r"SCAN (g|generations)\b", step)]
            assert passes == ["SCAN g"], counted


async def test_a_scan_would_be_seen(storage: SqlStorage) -> None:
    """The judgement itself: what reads everything is found out, on either database."""
    await filled(storage, count=200)
    await storage.transact(raw("ANALYZE"))
    for statement in (
        "SELECT id FROM generations WHERE updated_at > 1",
        "SELECT count(*) FROM ledger WHERE kind = 'hold'",
        "UPDATE generations SET strikes = 0 WHERE strikes = 7",
    ):
        assert await scans(storage, statement, ()), statement
