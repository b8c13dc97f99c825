"""Servers' rules and the audit trail, as the services ask the storage for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.domain.ids import GuildId, UserId
from bot.domain.limits import LimitRule

OPERATOR = UserId(0)
"""The actor in the audit trail when the bot's owner acted at the command line."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One change by an administrator or the bot's owner."""

    guild_id: GuildId
    actor_id: UserId
    action: str
    subject: str
    details: dict[str, Any]
    at: datetime


class Guilds(Protocol):
    """The settings of servers and members, and the audit trail of their changes."""

    async def lock(self, guild_id: GuildId) -> None:
        """Make other transactions that change the same server's settings wait.

        Lock before reading settings in order to change them, so that of two changes at once neither
        is lost.
        """
        ...

    async def rules(self, guild_id: GuildId) -> Sequence[LimitRule]:
        """Return all rules of a server, the widest scope first, then by subject."""
        ...

    async def rules_for(self, guild_id: GuildId, user_id: UserId) -> Sequence[LimitRule]:
        """Return the rules of a server that apply to one member.

        Raises:
            RowUnreadable: one of them can't be read.
        """
        ...

    async def set_rule(self, guild_id: GuildId, rule: LimitRule) -> None:
        """Insert a rule, or replace the one of the same scope and subject."""
        ...

    async def remove_member_rule(self, guild_id: GuildId, user_id: UserId) -> None:
        """Remove a member's own rule, if there is one."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Append to the trail."""
        ...
