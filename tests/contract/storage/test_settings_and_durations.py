"""Conversations, limits of servers and members, the audit trail, and learned durations."""

import asyncio

import pytest

from bot.domain.ids import DIRECT, ConversationId
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.quota import LimitChanges, Period
from tests.contract.storage.samples import GUILD, JON, MIRA, NOON, conversation, raw


async def test_a_conversation_counts_its_versions(storage: Storage) -> None:
    about = conversation()
    await storage.transact(lambda tx: tx.conversations.add(about))
    given = await asyncio.gather(
        *(storage.transact(lambda tx: tx.conversations.next_version(about)) for _ in range(10))
    )
    assert sorted(given) == list(range(1, 11))


async def test_an_unknown_conversation(storage: Storage) -> None:
    with pytest.raises(LookupError):
        await storage.transact(lambda tx: tx.conversations.next_version(ConversationId("?")))


async def test_limits_of_a_server_are_replaced(storage: Storage) -> None:
    assert await storage.read(lambda tx: tx.guilds.limits(GUILD)) is None
    first = LimitChanges(videos=5, period=Period.WEEK)
    await storage.transact(lambda tx: tx.guilds.set_limits(GUILD, first))
    assert await storage.read(lambda tx: tx.guilds.limits(GUILD)) == first
    second = LimitChanges(seconds=0)
    await storage.transact(lambda tx: tx.guilds.set_limits(GUILD, second))
    assert await storage.read(lambda tx: tx.guilds.limits(GUILD)) == second
    assert await storage.read(lambda tx: tx.guilds.limits(DIRECT)) is None


async def test_limits_of_members_are_replaced_and_removed(storage: Storage) -> None:
    for user_id, limits in (
        (JON, LimitChanges(videos=1)),
        (MIRA, LimitChanges(concurrent=2)),
        (JON, LimitChanges(cooldown=30)),
    ):
        await storage.transact(
            lambda tx, u=user_id, c=limits: tx.guilds.set_member_limits(GUILD, u, c)
        )
    assert await storage.read(lambda tx: tx.guilds.member_limits(GUILD, JON)) == LimitChanges(
        cooldown=30
    )
    assert list(await storage.read(lambda tx: tx.guilds.limited_members(GUILD))) == [
        (MIRA, LimitChanges(concurrent=2)),
        (JON, LimitChanges(cooldown=30)),
    ]
    await storage.transact(lambda tx: tx.guilds.set_member_limits(GUILD, JON, None))
    await storage.transact(lambda tx: tx.guilds.set_member_limits(GUILD, JON, None))
    assert await storage.read(lambda tx: tx.guilds.member_limits(GUILD, JON)) is None
    assert len(await storage.read(lambda tx: tx.guilds.limited_members(GUILD))) == 1
    assert list(await storage.read(lambda tx: tx.guilds.limited_members(DIRECT))) == []


async def test_the_audit_trail_keeps_what_was_changed(storage: Storage) -> None:
    entry = AuditEntry(
        guild_id=GUILD,
        actor_id=MIRA,
        action="limits.member",
        subject=str(JON),
        details={"before": None, "after": {"videos": 3}},
        at=NOON,
    )
    await storage.transact(lambda tx: tx.guilds.audit(entry))
    await storage.transact(lambda tx: tx.guilds.audit(entry))
    rows = await storage.read(raw("SELECT guild_id, actor_id, action, subject, details FROM audit"))
    kept = '{"before":null,"after":{"videos":3}}'
    assert rows == [(GUILD, MIRA, "limits.member", str(JON), kept)] * 2


async def test_the_latest_200_durations_of_a_key_are_kept(storage: Storage) -> None:
    async def learn(tx: Transaction) -> None:
        for number in range(203):
            await tx.durations.add("evolink/omni-flash", number + 0.25, at=NOON)
        await tx.durations.add("apimart/omni-flash", 7.5, at=NOON)

    await storage.transact(learn)
    recent = await storage.read(lambda tx: tx.durations.recent("evolink/omni-flash"))
    assert list(recent) == [number + 0.25 for number in range(3, 203)]
    assert list(await storage.read(lambda tx: tx.durations.recent("apimart/omni-flash"))) == [7.5]
    assert list(await storage.read(lambda tx: tx.durations.recent("?"))) == []
    assert await storage.read(raw("SELECT COUNT(*) FROM task_durations")) == [(201,)]
