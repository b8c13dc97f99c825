"""What is deleted or was kept long enough loses its content; the books, links and ids stay."""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.errors import Superseded
from bot.domain.generation import Generation, Result, State, Task, without_content
from bot.domain.ids import MessageId, TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.request import VideoRequest
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    EVOLINK,
    GUILD,
    MIRA,
    NOON,
    Seeder,
    conversation,
    everything,
    picture,
    raw,
)

SECRETS = ("SECRET-prompt", "SECRET-body", "SECRET-link", "SECRET-upload", "SECRET-picture")
LATER = NOON + timedelta(days=31)


async def delivered(seeder: Seeder, **changes: Any) -> Generation:
    """One with a prompt, a picture, a request's body and a signed link, delivered and charged."""
    sample = everything(conversation())
    posting = sample.posting
    assert posting is not None
    made = await seeder.put(
        request=VideoRequest(
            prompt=SECRETS[0],
            images=(picture(f"{SECRETS[4]}.png"),),
            video_url=f"https://cdn.example/{SECRETS[3]}",
        ),
        state=State.POSTING,
        owner_id=ALPHA,
        task=Task(
            provider=EVOLINK,
            model_id="omni-flash",
            idempotency_key="retake-1",
            body={"prompt": SECRETS[1]},
            started_at=NOON,
            task_id=TaskId(f"task-{changes.pop('task', 'one')}"),
        ),
        result=Result(
            urls=(f"https://files.example/{SECRETS[2]}",), expires_at=None, ready_at=NOON
        ),
        file=sample.file,
        posting=replace(posting, message_id=MessageId(changes.pop("message", 1_600_000_000))),
    )
    made = await seeder.move(made, State.DELIVERED, announced=changes.pop("announced", True))
    await seeder.storage.transact(lambda tx: tx.ledger.settle(made.id, seconds=8, at=NOON))
    return made


async def prune(storage: Storage, before: datetime, *, limit: int = 100) -> int:
    return await storage.transact(
        lambda tx: tx.generations.prune(ended_before=before, at=LATER, limit=limit)
    )


async def content(storage: Storage) -> str:
    """All that the tables of generations hold, as text."""
    rows: list[Any] = []
    for table in ("generations", "generation_events", "generation_inputs", "conversations"):
        rows += await storage.read(raw(f"SELECT * FROM {table}"))  # noqa: S608
    return str(rows)


async def books(storage: Storage) -> list[Any]:
    found: list[Any] = []
    for table in ("ledger", "accounts", "provider_spend"):
        found += await storage.read(raw(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))  # noqa: S608
    return found


async def test_what_was_kept_long_enough_loses_its_content_and_nothing_else(
    storage: Storage, seeder: Seeder
) -> None:
    made = await delivered(seeder)
    before, used = (
        await books(storage),
        await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON)),
    )
    shown = await content(storage)
    assert [secret for secret in SECRETS if secret in shown] == list(SECRETS), "the test sees them"
    assert await prune(storage, NOON) == 0, "it did not end before noon"
    assert await prune(storage, NOON + timedelta(seconds=1)) == 1

    kept = await content(storage)
    assert [secret for secret in SECRETS if secret in kept] == []
    assert await seeder.get(made) == replace(
        without_content(made), pruned_at=LATER, owner_id=None, revision=made.revision + 1
    )
    assert await books(storage) == before
    assert await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON)) == used
    assert await seeder.faults() == []
    task_id = raw("SELECT task_id FROM generations WHERE id = :id", id=made.id)
    assert await storage.read(task_id) == [(None,)], "nothing asks for it any more"
    events = raw("SELECT * FROM generation_events WHERE generation_id = :id", id=made.id)
    assert await storage.read(events) == []
    assert made.posting is not None
    message_id = made.posting.message_id
    assert message_id is not None
    found = await storage.read(lambda tx: tx.generations.by_message(message_id))
    assert found is not None
    assert found.id == made.id
    assert await prune(storage, LATER) == 0, "once is enough"


async def test_what_has_not_ended_or_was_not_shown_is_left_alone(
    storage: Storage, seeder: Seeder
) -> None:
    await seeder.put()
    await seeder.move(await seeder.put(), State.CANCELLED)
    assert await prune(storage, LATER) == 0


async def test_a_little_at_a_time_the_oldest_first(storage: Storage, seeder: Seeder) -> None:
    made: list[Generation] = []
    for minute in (2, 0, 1):
        seeder.at = NOON + timedelta(minutes=minute)
        made.append(await seeder.move(await seeder.put(), State.CANCELLED, announced=True))
    assert await prune(storage, LATER, limit=2) == 2
    pruned = [(await seeder.get(each)) for each in made]
    assert [each is not None and each.pruned_at is not None for each in pruned] == [
        False,
        True,
        True,
    ]
    assert await prune(storage, LATER, limit=2) == 1


async def test_a_deleted_one_loses_its_content_at_once(storage: Storage, seeder: Seeder) -> None:
    made = await delivered(seeder)
    deleted = replace(made, deleted_at=NOON)

    async def delete(tx: Transaction) -> Generation:
        return await tx.generations.erase(await tx.generations.save(made, deleted))

    reported = await storage.transact(delete)
    kept = await content(storage)
    assert [secret for secret in SECRETS if secret in kept] == []
    assert (
        await seeder.get(made)
        == reported
        == replace(without_content(deleted), revision=reported.revision)
    )
    assert await seeder.faults() == [], "its history stays until it is pruned"
    assert await prune(storage, LATER) == 1


async def test_a_task_stays_known_although_nothing_is_kept_of_it(
    storage: Storage, seeder: Seeder
) -> None:
    """Its id is taken: no other generation is ever given the same task."""
    deleted, mine = await delivered(seeder), await seeder.put()

    async def delete(tx: Transaction) -> None:
        saved = await tx.generations.save(deleted, replace(deleted, deleted_at=NOON))
        erased = await tx.generations.erase(saved)
        await tx.generations.save(erased, replace(erased, updated_at=NOON + timedelta(seconds=1)))

    await storage.transact(delete)
    found = await storage.read(lambda tx: tx.generations.by_task(EVOLINK, TaskId("task-one")))
    assert found is not None
    assert (found.id, found.task) == (deleted.id, None)
    known = await storage.read(
        lambda tx: tx.generations.tasks_of_others(mine.id, EVOLINK, since=NOON)
    )
    assert known == {"task-one"}


async def test_a_change_that_was_on_its_way_does_not_bring_the_content_back(
    storage: Storage, seeder: Seeder
) -> None:
    made = await delivered(seeder)
    await prune(storage, LATER)
    with pytest.raises(Superseded):
        await storage.transact(
            lambda tx: tx.generations.save(made, replace(made, deleted_at=LATER))
        )
    assert SECRETS[0] not in await content(storage)


async def test_files_in_work_are_those_of_all_that_is_open(
    storage: Storage, seeder: Seeder
) -> None:
    """Whoever works on it; with the video that is changed, and until the end was shown."""

    def video(name: str) -> StoredMedia:
        return replace(picture(f"{name}.png"), path=f"videos/{name}.mp4")

    done = {"state": State.DELIVERED, "announced": True, "ended_at": NOON}
    over = await seeder.put(
        request=VideoRequest(images=(picture("over.png"),)), file=video("over"), **done
    )
    parent = await seeder.put(file=video("parent"), **done)
    first, last, shown = (picture(f"{name}.png") for name in ("first", "last", "shown"))
    await seeder.put(owner_id=ALPHA, request=VideoRequest(images=(first,), last_frame=last))
    await seeder.put(owner_id=BETA, parent_id=parent.id, parent_version=1)
    await seeder.put(
        request=VideoRequest(images=(shown,)),
        file=video("shown"),
        **(done | {"announced": False}),
    )
    needed = await storage.read(lambda tx: tx.generations.files_in_work())
    assert needed == {
        *(media.path for media in (first, last, shown)),
        "videos/parent.mp4",
        "videos/shown.mp4",
    }
    assert over.file is not None


async def test_files_that_others_use_are_named(storage: Storage, seeder: Seeder) -> None:
    shared, own = picture("shared.png"), picture("own.png")
    first = await seeder.put(request=VideoRequest(images=(shared, own), last_frame=shared))
    second = await seeder.put(request=VideoRequest(video=shared))

    async def used(by_others_than: Generation) -> set[str]:
        paths = [shared.path, own.path, "in/unknown.png"]
        return await storage.read(
            lambda tx: tx.generations.used_inputs(paths, by_others_than=by_others_than.id)
        )

    assert await used(first) == {shared.path}
    assert await used(second) == {shared.path, own.path}
    await storage.transact(lambda tx: tx.generations.erase(second))
    assert await used(first) == set()


async def test_a_damaged_row_is_pruned_as_well(storage: Storage, seeder: Seeder) -> None:
    made = await seeder.move(await seeder.put(), State.CANCELLED, announced=True)
    await storage.transact(raw('UPDATE generations SET request = \'{"prompt": "SECRET\''))
    assert await prune(storage, LATER) == 1
    row = await seeder.get(made)
    assert row is not None
    assert row.request == VideoRequest()


def test_every_field_is_either_content_or_needed() -> None:
    """Whoever adds a field decides: what a person said or a provider sent is content."""
    content_fields = {"request", "task", "result", "file", "park"}
    needed = {
        *("id", "conversation_id", "version", "parent_id", "parent_version", "request_key"),
        *("requester_id", "locale", "state", "revision", "owner_id", "attempt", "strikes"),
        *("abandoned", "announced", "plan", "place", "posting", "failure", "refused_by"),
        *("created_at", "updated_at", "ended_at", "deleted_at", "pruned_at"),
    }
    assert {field.name for field in fields(Generation)} == content_fields | needed
