"""One row that cannot be read is set aside: every list goes on, and it is named."""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import RowUnreadable
from bot.domain.generation import Generation, State, Task
from bot.domain.ids import MessageId, TaskId
from bot.domain.limits import LimitRule, Limits, Scope
from bot.domain.ports.storage import Transaction
from bot.domain.request import VideoRequest
from bot.storage import SqlStorage, backup, open_storage
from tests.contract.storage.samples import (
    ALPHA,
    BETA,
    EVOLINK,
    GUILD,
    JON,
    MIRA,
    NOON,
    OwnedClock,
    Seeder,
    raw,
)

DAMAGE = {
    "not JSON": "plan = 'oops'",
    "cut short": "request = substr(request, 1, 9)",
    "another shape": "place = '[1, 2]'",
    "a word nobody knows": "state = 'banana'",
    "a time out of reach": "updated_at = 9223372036854775807",
    "an unknown kind of thing": 'park = \'{"reason":"moonlight","until":"2025-01-01T00:00Z"}\'',
}


async def damage(storage: SqlStorage, made: Generation, how: str) -> None:
    await storage.transact(raw(f"UPDATE generations SET {how} WHERE id = :id", id=made.id))  # noqa: S608


Read = Callable[[Transaction], Awaitable[Any]]
LISTS: dict[str, Read] = {
    "claim": lambda tx: tx.generations.claim(BETA, now=NOON, dead_before=NOON, limit=9),
    "open_of": lambda tx: tx.generations.open_of(GUILD, MIRA),
    "unconfirmed": lambda tx: tx.generations.unconfirmed_submissions(),
    "ended_of": lambda tx: tx.generations.ended_of(GUILD, MIRA, limit=9),
    "lost": lambda tx: tx.generations.ended_without_video(since=NOON, limit=9),
}


def task(number: int) -> Task:
    return Task(
        provider=EVOLINK,
        model_id="m",
        idempotency_key="k",
        body={},
        started_at=NOON,
        task_id=TaskId(f"t-{number}"),
    )


@pytest.mark.parametrize("what", LISTS)
async def test_a_list_goes_on_without_it(storage: SqlStorage, seeder: Seeder, what: str) -> None:
    made: list[Generation] = []
    for number in range(3):
        one = await seeder.put(owner_id=ALPHA, state=State.SUBMIT_UNKNOWN, task=task(number))
        if what in {"ended_of", "lost"}:
            one = await seeder.move(one, State.FAILED)
        made.append(one)
    await damage(storage, made[1], DAMAGE["not JSON"])
    work = LISTS[what]
    found = await (storage.transact if what == "claim" else storage.read)(work)
    assert {each.id for each in found} == {made[0].id, made[2].id}
    assert list(storage.set_aside()) == [f"generation {made[1].id}"]


@pytest.mark.parametrize("how", DAMAGE)
async def test_a_query_for_that_row_names_it(storage: SqlStorage, seeder: Seeder, how: str) -> None:
    made, other = await seeder.put(), await seeder.put()
    await damage(storage, made, DAMAGE[how])
    with pytest.raises(RowUnreadable) as caught:
        await seeder.get(made)
    assert caught.value.row == f"generation {made.id}"
    assert caught.value.reason
    assert await seeder.get(other) == other
    for key in (made.request_key,):
        with pytest.raises(RowUnreadable):
            await storage.read(lambda tx, k=key: tx.generations.by_request_key(k))
    assert await storage.read(lambda tx: tx.generations.by_message(MessageId(1))) is None
    counted = await storage.read(lambda tx: tx.generations.count_open())
    assert counted[State.QUEUED] >= 1


async def test_a_claim_takes_it_once_and_not_again(storage: SqlStorage, seeder: Seeder) -> None:
    made = await seeder.put()
    await damage(storage, made, DAMAGE["not JSON"])
    assert await storage.read(lambda tx: tx.generations.any_unowned()) is True

    async def claim(tx: Transaction) -> int:
        now = NOON + timedelta(seconds=1)
        return len(await tx.generations.claim(ALPHA, now=now, dead_before=NOON, limit=9))

    owner = raw("SELECT owner_id, revision FROM generations")
    assert await storage.transact(claim) == 0
    assert await storage.read(owner) == [(ALPHA, 1)]
    assert await storage.transact(claim) == 0
    assert await storage.read(owner) == [(ALPHA, 1)]
    assert await storage.read(lambda tx: tx.generations.any_unowned()) is False


async def test_a_look_through_all_names_those_under_way(
    storage: SqlStorage, seeder: Seeder
) -> None:
    made = [await seeder.put() for _ in range(3)]
    for one in made[1:]:
        await damage(storage, one, DAMAGE["cut short"])
    await storage.read(lambda tx: tx.generations.look_through())
    assert set(storage.set_aside()) == {f"generation {one.id}" for one in made[1:]}
    assert all(reason.startswith("request: ") for reason in storage.set_aside().values())


async def test_limits_that_cannot_be_read_are_never_taken_for_none(storage: SqlStorage) -> None:
    server = LimitRule(scope=Scope.SERVER, limits=Limits(videos=1))
    mira, jon = (
        LimitRule(scope=Scope.MEMBER, subject=each, limits=Limits(videos=2)) for each in (MIRA, JON)
    )
    for rule in (server, mira, jon):
        await storage.transact(lambda tx, r=rule: tx.guilds.set_rule(GUILD, r))
    await storage.transact(raw("UPDATE member_settings SET limits = '?' WHERE user_id = :u", u=JON))
    with pytest.raises(RowUnreadable):
        await storage.read(lambda tx: tx.guilds.rules_for(GUILD, JON))
    assert await storage.read(lambda tx: tx.guilds.rules_for(GUILD, MIRA)) == [server, mira]
    await storage.transact(raw("UPDATE guild_settings SET limits = '?'"))
    with pytest.raises(RowUnreadable):
        await storage.read(lambda tx: tx.guilds.rules_for(GUILD, MIRA))
    assert await storage.read(lambda tx: tx.guilds.rules(GUILD)) == [mira]
    assert set(storage.set_aside()) == {
        f"limits of server {GUILD}",
        f"limits of member {JON} of server {GUILD}",
    }


async def test_the_documented_repair_brings_it_back(
    sqlite_url: str, clock: OwnedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements stand in the guide about backups; here they are run word for word."""
    monkeypatch.chdir(tmp_path)
    guide = Path(__file__).parents[3] / "docs" / "howto" / "backup.md"
    found = re.search(r"```sql\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    async with open_storage(sqlite_url, clock=clock) as storage:
        seeder = Seeder(storage=storage)
        made, other = await seeder.put(request=VideoRequest(prompt="a fox")), await seeder.put()
        await backup(sqlite_url, tmp_path / "backup.db")
        await damage(storage, made, DAMAGE["cut short"])
        with pytest.raises(RowUnreadable):
            await seeder.get(made)
    with closing(sqlite3.connect(tmp_path / "retake.db")) as connection:
        connection.executescript(found[1].replace("06dcj60104qhp3kgbl7g", made.id))
    async with open_storage(sqlite_url, clock=clock) as storage:
        seeder = Seeder(storage=storage)
        assert [await seeder.get(made), await seeder.get(other)] == [made, other]
        held = await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON))
        assert (held.videos, await seeder.faults()) == (2, [])


async def test_a_reset_leaves_out_what_an_unreadable_one_holds(
    storage: SqlStorage, seeder: Seeder
) -> None:
    """It still takes a place among those under way, as the guide says."""
    await damage(storage, await seeder.put(), DAMAGE["not JSON"])
    await storage.transact(lambda tx: tx.ledger.reset(GUILD, MIRA, at=NOON))
    usage = await storage.read(lambda tx: tx.ledger.usage(GUILD, MIRA, since=NOON))
    assert (usage.videos, usage.seconds, usage.concurrent) == (0, 0, 1)
