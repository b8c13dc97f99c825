"""Conversations, limits of servers and members, the audit trail, and learned durations."""

import asyncio
from typing import Any

import pytest

from bot.domain.ids import DIRECT, ConversationId, GuildId, UserId
from bot.domain.limits import LimitRule, Limits, Period, Scope
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.storage import Storage, Transaction
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


def server(**limits: Any) -> LimitRule:
    return LimitRule(scope=Scope.SERVER, limits=Limits(**limits))


def member(user_id: UserId, **limits: Any) -> LimitRule:
    return LimitRule(scope=Scope.MEMBER, subject=user_id, limits=Limits(**limits))


async def rules(storage: Storage, guild_id: GuildId = GUILD) -> list[LimitRule]:
    return list(await storage.read(lambda tx: tx.guilds.rules(guild_id)))


async def rules_for(storage: Storage, user_id: UserId) -> list[LimitRule]:
    return list(await storage.read(lambda tx: tx.guilds.rules_for(GUILD, user_id)))


async def test_a_rule_replaces_the_one_of_its_scope_and_subject(storage: Storage) -> None:
    for rule in (
        server(videos=5, period=Period.WEEK),
        member(JON, videos=1),
        member(MIRA, concurrent=2),
        member(JON, cooldown=30),
        server(seconds=0),
    ):
        await storage.transact(lambda tx, r=rule: tx.guilds.set_rule(GUILD, r))
    expected = [server(seconds=0), member(MIRA, concurrent=2), member(JON, cooldown=30)]
    assert await rules(storage) == expected
    assert await rules(storage, DIRECT) == []


async def test_the_rules_for_a_member_are_the_servers_and_their_own(storage: Storage) -> None:
    assert await rules_for(storage, JON) == []
    for rule in (member(JON, videos=1), member(MIRA, videos=2), server(videos=3)):
        await storage.transact(lambda tx, r=rule: tx.guilds.set_rule(GUILD, r))
    assert await rules_for(storage, JON) == [server(videos=3), member(JON, videos=1)]
    assert await rules_for(storage, UserId(7)) == [server(videos=3)]


async def test_a_members_rule_is_removed(storage: Storage) -> None:
    for rule in (member(JON, videos=1), member(MIRA, videos=2)):
        await storage.transact(lambda tx, r=rule: tx.guilds.set_rule(GUILD, r))
    await storage.transact(lambda tx: tx.guilds.remove_member_rule(GUILD, JON))
    await storage.transact(lambda tx: tx.guilds.remove_member_rule(GUILD, JON))
    assert await rules(storage) == [member(MIRA, videos=2)]


async def test_a_locked_server_without_limits_has_no_rule(storage: Storage) -> None:
    await storage.transact(lambda tx: tx.guilds.lock(GUILD))
    assert await rules(storage) == []
    assert await rules_for(storage, JON) == []


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
