"""Limits and quotas as users see and set them: usage, a server's rules, resets."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from bot.domain.errors import Code, Refused
from bot.domain.ids import DIRECT, GuildId, UserId
from bot.domain.limits import (
    COOLDOWN,
    EffectiveLimits,
    LimitRule,
    Limits,
    Scope,
    Usage,
    effective,
)
from bot.domain.ports.clock import Clock
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.storage import Storage, Transaction


@dataclass(frozen=True, kw_only=True)
class QuotaView:
    """One member's limits, their usage, and when the period ends."""

    rule: EffectiveLimits
    usage: Usage
    resets_at: datetime


async def quota_of(
    tx: Transaction, default: Limits, guild_id: GuildId, user_id: UserId, now: datetime
) -> QuotaView:
    """Read a member's rules and usage inside a transaction."""
    own = await tx.guilds.rules_for(guild_id, user_id)
    rules = [LimitRule(scope=Scope.DEFAULT, limits=default), *own]
    rule = effective(rules, direct=guild_id == DIRECT)
    usage = await tx.ledger.usage(guild_id, user_id, since=rule.period.start(now))
    return QuotaView(rule=rule, usage=usage, resets_at=rule.period.end(now))


@dataclass(frozen=True, kw_only=True)
class LimitService:
    """Reads and changes limits. Each change adds a line to the audit trail."""

    storage: Storage
    clock: Clock
    default: Limits

    async def quota(self, guild_id: GuildId, user_id: UserId) -> QuotaView:
        """Return a member's quota."""
        now = self.clock.now()
        return await self.storage.read(
            lambda tx: quota_of(tx, self.default, guild_id, user_id, now)
        )

    async def show(self, guild_id: GuildId) -> Sequence[LimitRule]:
        """Return the rules that apply in a server: the bot's default and the server's own."""
        own = await self.storage.read(lambda tx: tx.guilds.rules(guild_id))
        return [LimitRule(scope=Scope.DEFAULT, limits=self.default), *own]

    async def change(self, guild_id: GuildId, actor_id: UserId, rule: LimitRule) -> None:
        """Change the values that a rule sets; the others of its scope and subject stay.

        Raises:
            Refused: GUILD_ONLY, LIMIT_ZERO.
        """
        _only_in_servers(guild_id)
        _no_zero(rule.limits)
        set_values = asdict(rule.limits).items()
        entry = self._entry(
            guild_id,
            actor_id,
            action=f"limits.{rule.scope}",
            subject=str(rule.subject or ""),
            details={name: value for name, value in set_values if value is not None},
        )

        async def work(tx: Transaction) -> None:
            await tx.guilds.lock(guild_id)
            limits = rule.limits
            for before in await tx.guilds.rules_for(guild_id, UserId(rule.subject)):
                if before.scope is rule.scope:
                    limits = before.limits.merged_with(limits)
            await tx.guilds.set_rule(guild_id, replace(rule, limits=limits))
            await tx.guilds.audit(entry)

        await self.storage.transact(work)

    async def reset(self, guild_id: GuildId, actor_id: UserId, member_id: UserId) -> None:
        """Reset a member: remove their own rule and count usage from now.

        Raises:
            Refused: GUILD_ONLY.
        """
        _only_in_servers(guild_id)
        entry = self._entry(
            guild_id, actor_id, action="limits.reset", subject=str(member_id), details={}
        )

        async def work(tx: Transaction) -> None:
            await tx.guilds.lock(guild_id)
            await tx.ledger.lock(guild_id, member_id)
            await tx.ledger.reset(guild_id, member_id, at=entry.at)
            await tx.guilds.remove_member_rule(guild_id, member_id)
            await tx.guilds.audit(entry)

        await self.storage.transact(work)

    def _entry(self, guild_id: GuildId, actor_id: UserId, **what: Any) -> AuditEntry:
        return AuditEntry(guild_id=guild_id, actor_id=actor_id, at=self.clock.now(), **what)


def _no_zero(limits: Limits) -> None:
    """Refuse 0, which is stored as "no limit" although the user may mean "nothing at all".

    A cooldown of 0 seconds is unambiguous.
    """
    for measure in limits.named():
        if measure != COOLDOWN and limits.of(measure) == 0:
            raise Refused(Code.LIMIT_ZERO, option=measure)


def _only_in_servers(guild_id: GuildId) -> None:
    if guild_id == DIRECT:
        raise Refused(Code.GUILD_ONLY)
