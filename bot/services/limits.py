"""Limits and quotas as users see and set them: usage, a server's rules, resets."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from bot.domain.errors import Code, Refused
from bot.domain.ids import DIRECT, GuildId, UserId
from bot.domain.ports.clock import Clock
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.storage import Storage, Transaction
from bot.domain.quota import EffectiveLimits, LimitChanges, Limits, Usage, effective


@dataclass(frozen=True, kw_only=True)
class QuotaView:
    """One member's limits, their usage, and when the period ends."""

    rule: EffectiveLimits
    usage: Usage
    resets_at: datetime


@dataclass(frozen=True, kw_only=True)
class LimitsView:
    """A server's rules: the configured default, the server's changes, and its members'."""

    default: Limits
    server: LimitChanges | None
    members: Sequence[tuple[UserId, LimitChanges]]


async def quota_of(
    tx: Transaction, default: Limits, guild_id: GuildId, user_id: UserId, now: datetime
) -> QuotaView:
    """Read a member's rule and usage inside a transaction."""
    rule = effective(
        default,
        await tx.guilds.limits(guild_id),
        await tx.guilds.member_limits(guild_id, user_id),
    )
    period = rule.limits.period
    usage = await tx.ledger.usage(guild_id, user_id, since=period.start(now))
    return QuotaView(rule=rule, usage=usage, resets_at=period.end(now))


@dataclass(frozen=True, kw_only=True)
class LimitService:
    """Reads and changes limits. Each change adds a line to the audit trail."""

    storage: Storage
    clock: Clock
    default: Limits

    async def mine(self, guild_id: GuildId, user_id: UserId) -> QuotaView:
        """Return a member's own quota."""
        now = self.clock.now()
        return await self.storage.read(
            lambda tx: quota_of(tx, self.default, guild_id, user_id, now)
        )

    async def show(self, guild_id: GuildId) -> LimitsView:
        """Return the rules of a server."""
        return await self.storage.read(lambda tx: self._view(tx, guild_id))

    async def set_server(
        self, guild_id: GuildId, actor_id: UserId, changes: LimitChanges
    ) -> LimitsView:
        """Change the given values for all members; the others stay.

        Raises:
            Refused: GUILD_ONLY, LIMIT_ZERO.
        """
        _only_in_servers(guild_id)
        _no_zero(changes)

        async def work(tx: Transaction) -> LimitsView:
            await tx.guilds.lock(guild_id)
            before = await tx.guilds.limits(guild_id) or LimitChanges()
            await tx.guilds.set_limits(guild_id, before.merged_with(changes))
            await tx.guilds.audit(self._entry(guild_id, actor_id, "limits.server", "", changes))
            return await self._view(tx, guild_id)

        return await self.storage.transact(work)

    async def set_member(
        self, guild_id: GuildId, actor_id: UserId, member_id: UserId, changes: LimitChanges
    ) -> QuotaView:
        """Change the given values for one member; the others stay.

        Raises:
            Refused: GUILD_ONLY, LIMIT_ZERO.
        """
        _only_in_servers(guild_id)
        _no_zero(changes)
        now = self.clock.now()

        async def work(tx: Transaction) -> QuotaView:
            await tx.guilds.lock(guild_id)
            before = await tx.guilds.member_limits(guild_id, member_id) or LimitChanges()
            await tx.guilds.set_member_limits(guild_id, member_id, before.merged_with(changes))
            await tx.guilds.audit(
                self._entry(guild_id, actor_id, "limits.member", str(member_id), changes)
            )
            return await quota_of(tx, self.default, guild_id, member_id, now)

        return await self.storage.transact(work)

    async def reset(self, guild_id: GuildId, actor_id: UserId, member_id: UserId) -> QuotaView:
        """Reset a member: remove their own limits and count usage from now."""
        _only_in_servers(guild_id)
        now = self.clock.now()

        async def work(tx: Transaction) -> QuotaView:
            await tx.guilds.lock(guild_id)
            await tx.ledger.lock(guild_id, member_id)
            await tx.ledger.reset(guild_id, member_id, at=now)
            await tx.guilds.set_member_limits(guild_id, member_id, None)
            await tx.guilds.audit(
                self._entry(guild_id, actor_id, "limits.reset", str(member_id), LimitChanges())
            )
            return await quota_of(tx, self.default, guild_id, member_id, now)

        return await self.storage.transact(work)

    async def _view(self, tx: Transaction, guild_id: GuildId) -> LimitsView:
        return LimitsView(
            default=self.default,
            server=await tx.guilds.limits(guild_id),
            members=await tx.guilds.limited_members(guild_id),
        )

    def _entry(
        self,
        guild_id: GuildId,
        actor_id: UserId,
        action: str,
        subject: str,
        changes: LimitChanges,
    ) -> AuditEntry:
        changed = {name: value for name, value in asdict(changes).items() if value is not None}
        return AuditEntry(
            guild_id=guild_id,
            actor_id=actor_id,
            action=action,
            subject=subject,
            details=changed,
            at=self.clock.now(),
        )


def _no_zero(changes: LimitChanges) -> None:
    """Refuse 0, which is stored as "no limit" although the user may mean "nothing at all".

    A cooldown of 0 seconds is unambiguous.
    """
    for name in ("videos", "seconds", "concurrent"):
        if getattr(changes, name) == 0:
            raise Refused(Code.LIMIT_ZERO, option=name)


def _only_in_servers(guild_id: GuildId) -> None:
    if guild_id == DIRECT:
        raise Refused(Code.GUILD_ONLY)
