"""Generations come back as they were put in, move by compare-and-set, and have one owner."""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from bot.domain.errors import Superseded
from bot.domain.generation import Generation, Posting, State, Target, TargetKind, Task
from bot.domain.ids import GenerationId, MessageId, TaskId, new_generation_id
from bot.domain.ports.storage import Storage, Transaction
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    EVOLINK,
    GUILD,
    JON,
    MIRA,
    NOON,
    Seeder,
    conversation,
    everything,
    generation,
    raw,
    sql,
)

HISTORY = "SELECT revision, state FROM generation_events WHERE generation_id = :id"


def posted(message_id: int) -> Posting:
    return Posting(
        target=Target(kind=TargetKind.CHANNEL, id=1),
        nonce="n",
        started_at=NOON,
        message_id=MessageId(message_id),
    )


def submitted(task_id: str) -> Task:
    return Task(
        provider=EVOLINK,
        model_id="m",
        idempotency_key="k",
        body={},
        started_at=NOON,
        task_id=TaskId(task_id),
    )


async def test_every_field_comes_back_exactly(storage: Storage) -> None:
    about = conversation()
    parent = generation(about)
    made = everything(about, version=2, parent_id=parent.id)
    plain = generation(about, version=3)
    defaults = {field.name for field in fields(Generation)} - {"id", "version", "request_key"}
    untouched = {name for name in defaults if getattr(made, name) == getattr(plain, name)} - {
        "conversation_id",
        "requester_id",
        "plan",
        "updated_at",
    }
    assert untouched == set(), "the sample must differ from the defaults"

    async def work(tx: Transaction) -> None:
        await tx.conversations.add(about)
        for each in (parent, made, plain):
            assert await tx.generations.add(each)

    await storage.transact(work)
    for each in (parent, made, plain):
        assert await storage.read(lambda tx, each=each: tx.generations.get(each.id)) == each
    back = await storage.read(lambda tx: tx.generations.get(made.id))
    assert back is not None
    assert back.task is not None
    assert list(back.task.body) == ["z", "a", "m"], "sent again, its bytes must be the same"
    assert back.created_at.utcoffset() == timedelta(0)
    assert type(back.state) is State


async def test_unknown_keys_and_missing_ones_do_not_hurt(storage: Storage, seeder: Seeder) -> None:
    """A row of a newer or an older version of Retake."""
    made = await seeder.put()

    async def age(tx: Transaction) -> None:
        newer = '{"prompt": "a cat", "mood": "merry", "images": []}'
        await sql(tx, "UPDATE generations SET request = :d WHERE id = :id", d=newer, id=made.id)

    await storage.transact(age)
    assert await seeder.get(made) == made


async def test_a_time_without_a_zone_is_refused(seeder: Seeder) -> None:
    with pytest.raises(Exception, match="without a zone"):
        await seeder.put(updated_at=NOON.replace(tzinfo=None))


async def test_the_same_request_twice_is_once(storage: Storage, seeder: Seeder) -> None:
    first = await seeder.put(request_key="interaction:same")
    about = conversation()
    second = generation(about, request_key="interaction:same")

    async def again(tx: Transaction) -> bool:
        await tx.conversations.add(about)
        return await tx.generations.add(second)

    assert await storage.transact(again) is False
    assert await seeder.get(second) is None
    assert await storage.read(raw(HISTORY, id=second.id)) == []
    known = await storage.read(lambda tx: tx.generations.by_request_key("interaction:same"))
    assert known == first


async def test_the_same_request_from_two_processes_is_once(
    storage: Storage, other: Storage
) -> None:
    abouts = [conversation() for _ in range(10)]

    async def ask(which: Storage, number: int) -> bool:
        about = abouts[number]

        async def work(tx: Transaction) -> bool:
            await tx.conversations.add(about)
            return await tx.generations.add(generation(about, request_key="message:1"))

        return await which.transact(work)

    answers = await asyncio.gather(
        *(ask((storage, other)[number % 2], number) for number in range(10))
    )
    assert sorted(answers) == [False] * 9 + [True]


async def test_it_is_found_by_message_and_by_task(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put()
    await seeder.put()
    made = await seeder.move(made, State.SUBMITTING, task=submitted("t-1"))
    made = await seeder.move(made, State.RUNNING)
    by_task = await storage.read(lambda tx: tx.generations.by_task(EVOLINK, TaskId("t-1")))
    assert by_task == made
    made = await seeder.move(made, State.READY)
    made = await seeder.move(made, State.FETCHED)
    made = await seeder.move(made, State.POSTING)
    made = await seeder.move(made, State.DELIVERED, posting=posted(2**62))
    by_message = await storage.read(lambda tx: tx.generations.by_message(MessageId(2**62)))
    assert by_message == made
    for nobody in (
        lambda tx: tx.generations.by_message(MessageId(1)),
        lambda tx: tx.generations.by_task(EVOLINK, TaskId("t-2")),
        lambda tx: tx.generations.by_request_key("?"),
        lambda tx: tx.generations.get(GenerationId("?")),
    ):
        assert await storage.read(nobody) is None


async def test_no_two_generations_share_a_task_or_a_message(seeder: Seeder) -> None:
    """The database itself keeps a video from being counted for two."""
    await seeder.put(task=submitted("t-1"))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await seeder.put(task=submitted("t-1"))
    await seeder.put(posting=posted(7))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await seeder.put(posting=posted(7))


async def test_save_counts_a_revision_and_writes_history(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.put(owner_id=ALPHA)
    assert await storage.read(raw(HISTORY, id=made.id)) == [(0, "queued")]
    noted = await seeder.move(made, State.QUEUED, strikes=1)
    assert noted.revision == 1
    moved = await seeder.move(noted, State.SUBMITTING, attempt=1, task=submitted("t-1"))
    assert moved.revision == 2
    assert await seeder.get(made) == moved
    rows = await storage.read(raw(HISTORY + " ORDER BY revision", id=made.id))
    assert rows == [(0, "queued"), (2, "submitting")]


@pytest.mark.parametrize(
    "stale",
    [
        {"revision": 4},
        {"owner_id": BETA},
        {"owner_id": None},
        {"state": State.SUBMITTING},
        {"id": GenerationId("nobody")},
    ],
    ids=str,
)
async def test_a_stale_view_is_superseded(
    storage: Storage, seeder: Seeder, stale: dict[str, object]
) -> None:
    made = await seeder.put(owner_id=ALPHA)
    before = replace(made, **stale)  # pyright: ignore[reportArgumentType]
    with pytest.raises(Superseded):
        await storage.transact(lambda tx: tx.generations.save(before, replace(before, strikes=9)))
    assert await seeder.get(made) == made


async def test_of_two_savers_one_wins(storage: Storage, other: Storage, seeder: Seeder) -> None:
    for _ in range(10):
        made = await seeder.put()

        async def race(which: Storage, strikes: int, made: Generation = made) -> Generation | None:
            after = replace(made, state=State.SUBMITTING, strikes=strikes)
            try:
                return await which.transact(lambda tx: tx.generations.save(made, after))
            except Superseded:
                return None

        saved = await asyncio.gather(race(storage, 1), race(other, 2), race(storage, 3))
        winners = [each for each in saved if each is not None]
        assert len(winners) == 1
        assert await seeder.get(made) == winners[0]
        rows = await storage.read(raw(HISTORY, id=made.id))
        assert len(rows) == 2


async def test_states_follow_the_rules(seeder: Seeder) -> None:
    made = await seeder.put()
    with pytest.raises(ValueError, match="delivered may not follow queued"):
        await seeder.move(made, State.DELIVERED)
    ended = await seeder.move(made, State.CANCELLED)
    with pytest.raises(ValueError, match="queued may not follow cancelled"):
        await seeder.move(ended, State.QUEUED, ended_at=None)
    announced = await seeder.move(ended, State.CANCELLED, announced=True)
    assert await seeder.get(made) == announced


@pytest.mark.parametrize(
    "change",
    [{"request_key": "x"}, {"requester_id": JON}, {"version": 9}, {"id": "x"}],
    ids=lambda change: next(iter(change)),
)
async def test_what_identifies_it_never_changes(seeder: Seeder, change: dict[str, object]) -> None:
    made = await seeder.put()
    with pytest.raises(ValueError, match="never changes"):
        await seeder.move(made, State.QUEUED, **change)


async def test_the_end_has_a_time_and_only_the_end(seeder: Seeder) -> None:
    made = await seeder.put()
    with pytest.raises(ValueError, match="ended_at"):
        await seeder.move(made, State.CANCELLED, ended_at=None)
    with pytest.raises(ValueError, match="ended_at"):
        await seeder.move(made, State.QUEUED, ended_at=NOON)


# -- lists ------------------------------------------------------------------------------------


async def test_posted_ones_since_a_time_newest_first(storage: Storage, seeder: Seeder) -> None:
    def made_at(hours: int) -> GenerationId:
        return new_generation_id(NOON + timedelta(hours=hours))

    made = [await seeder.put(id=made_at(hours)) for hours in range(5)]
    for number in (0, 1, 3, 4):
        made[number] = await seeder.move(made[number], State.CANCELLED, posting=posted(number + 1))
    made[3] = await seeder.move(made[3], State.CANCELLED, deleted_at=NOON)

    async def found(hours: int, limit: int = 9) -> list[GenerationId]:
        since = NOON + timedelta(hours=hours)
        rows = await storage.read(lambda tx: tx.generations.posted(since=since, limit=limit))
        return [row.id for row in rows]

    assert await found(0) == [made[4].id, made[1].id, made[0].id]
    posting = await seeder.put(id=made_at(6), state=State.POSTING)
    assert await found(5) == [posting.id]
    await seeder.move(posting, State.UNDELIVERABLE)
    assert await found(0, limit=2) == [made[4].id, made[1].id]
    assert await found(1) == [made[4].id, made[1].id]
    assert await found(5) == []


async def test_open_and_ended_ones_of_a_member(storage: Storage, seeder: Seeder) -> None:
    hours = [timedelta(hours=number) for number in range(5)]
    made = [await seeder.put(created_at=NOON + hour) for hour in hours]
    await seeder.put(requester_id=JON)
    ended = [await seeder.move(each, State.CANCELLED) for each in made[2:]]

    opened = await storage.read(lambda tx: tx.generations.open_of(GUILD, MIRA))
    assert list(opened) == made[:2]
    newest = await storage.read(lambda tx: tx.generations.ended_of(GUILD, MIRA, limit=2))
    assert list(newest) == [ended[2], ended[1]]
    rest = await storage.read(lambda tx: tx.generations.ended_of(GUILD, MIRA, limit=2, offset=2))
    assert list(rest) == [ended[0]]


async def test_a_version_of_a_conversation_is_given_once(storage: Storage) -> None:
    about = conversation()

    async def work(tx: Transaction) -> None:
        await tx.conversations.add(about)
        await tx.generations.add(generation(about, version=3))

    await storage.transact(work)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await storage.transact(lambda tx: tx.generations.add(generation(about, version=3)))


async def test_the_unended_are_counted_by_state(storage: Storage, seeder: Seeder) -> None:
    assert await storage.read(lambda tx: tx.generations.count_open()) == {}
    for _ in range(3):
        await seeder.put()
    await seeder.move(await seeder.put(), State.SUBMITTING)
    await seeder.move(await seeder.put(), State.CANCELLED)
    counted = await storage.read(lambda tx: tx.generations.count_open())
    assert counted == {State.QUEUED: 3, State.SUBMITTING: 1}


async def test_tasks_of_others_are_the_known_ones(seeder: Seeder, storage: Storage) -> None:
    mine = await seeder.put()
    seeder.at = NOON - timedelta(hours=1)
    before = await seeder.put(state=State.RUNNING, task=submitted("task-old"))
    old = await seeder.move(before, State.FAILED)
    seeder.at = NOON
    new = await seeder.put(created_at=NOON - timedelta(hours=3), task=submitted("task-new"))
    await seeder.put()

    async def others(since: timedelta) -> object:
        return await storage.read(
            lambda tx: tx.generations.tasks_of_others(mine.id, EVOLINK, since=NOON - since)
        )

    assert await others(timedelta(0)) == {"task-new"}
    assert await others(timedelta(hours=2)) == {"task-new", "task-old"}
    assert old.id != new.id
    await seeder.put(updated_at=NOON, task=replace(submitted(""), task_id=None))
    assert await others(timedelta(0)) == {"task-new"}
