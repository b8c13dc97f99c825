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
"""Who acted, in the audit trail, when it was the one who runs the bot, at the command line."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Something an administrator or the operator changed."""

    guild_id: GuildId
    actor_id: UserId
    action: str
    subject: str
    details: dict[str, Any]
    at: datetime


class Guilds(Protocol):
    """Settings of servers and members, and who changed them."""

    async def lock(self, guild_id: GuildId) -> None:
        """Make other transactions that change the same server's settings wait.

        Whoever reads settings in order to change them locks first, so that of two changes at once
        neither is lost.
        """
        ...

    async def limits(self, guild_id: GuildId) -> LimitChanges | None:
        """What the server set for all its members."""
        ...

    async def member_limits(self, guild_id: GuildId, user_id: UserId) -> LimitChanges | None:
        """What was set for one member."""
        ...

    async def limited_members(self, guild_id: GuildId) -> Sequence[tuple[UserId, LimitChanges]]:
        """All members with limits of their own."""
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
