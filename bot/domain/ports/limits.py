"""Servers' rules and the audit trail, as the services ask the storage for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.domain.ids import (
    GuildId,
    UserId,
)
from bot.domain.quota import LimitChanges

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

    async def limits(self, guild_id: GuildId) -> LimitChanges | None:
        """Return the limits that a server set for all its members; None if it set none."""
        ...

    async def member_limits(self, guild_id: GuildId, user_id: UserId) -> LimitChanges | None:
        """Return the limits that were set for one member; None if there are none."""
        ...

    async def limited_members(self, guild_id: GuildId) -> Sequence[tuple[UserId, LimitChanges]]:
        """Return all members for whom limits were set."""
        ...

    async def set_limits(self, guild_id: GuildId, limits: LimitChanges) -> None:
        """Replace the server's limits."""
        ...

    async def set_member_limits(
        self, guild_id: GuildId, user_id: UserId, limits: LimitChanges | None
    ) -> None:
        """Replace a member's limits; None removes them."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Append to the trail."""
        ...
