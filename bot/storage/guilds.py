"""Queries about the settings of servers and members, and the audit trail.

The domain decides which rule wins; this module only stores them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.errors import RowUnreadable
from bot.domain.ids import GuildId, UserId
from bot.domain.ports.limits import AuditEntry
from bot.domain.quota import LimitChanges
from bot.storage.tables import audit, guild_settings, insert_into, member_settings
from bot.storage.unreadable import SetAside, check_readable

_LIMITS = select(guild_settings.c.limits).where(guild_settings.c.guild_id == bindparam("guild_id"))
_MEMBER_LIMITS = select(member_settings.c.limits).where(
    member_settings.c.guild_id == bindparam("guild_id"),
    member_settings.c.user_id == bindparam("user_id"),
)
_LIMITED_MEMBERS = (
    select(member_settings.c.user_id, member_settings.c.limits)
    .where(member_settings.c.guild_id == bindparam("guild_id"))
    .order_by(member_settings.c.user_id)
)
_REMOVE_MEMBER = delete(member_settings).where(
    member_settings.c.guild_id == bindparam("guild_id"),
    member_settings.c.user_id == bindparam("user_id"),
)
_LOCK = (
    select(guild_settings.c.guild_id)
    .where(guild_settings.c.guild_id == bindparam("guild_id"))
    .with_for_update()
)
_AUDIT = insert(audit)


@cache
def _open_guild(dialect: str) -> Any:
    """Create a server's row if there is none, so that it can be locked."""
    return insert_into(dialect, guild_settings).on_conflict_do_nothing(index_elements=["guild_id"])


@cache
def _set_guild(dialect: str) -> Any:
    """Insert or replace a server's limits."""
    statement = insert_into(dialect, guild_settings)
    return statement.on_conflict_do_update(
        index_elements=["guild_id"], set_={"limits": statement.excluded.limits}
    )


@cache
def _set_member(dialect: str) -> Any:
    """Insert or replace a member's limits."""
    statement = insert_into(dialect, member_settings)
    return statement.on_conflict_do_update(
        index_elements=["guild_id", "user_id"], set_={"limits": statement.excluded.limits}
    )


class SqlGuilds:
    """Settings of servers and members, within one transaction."""

    def __init__(self, connection: AsyncConnection, set_aside: SetAside) -> None:
        self._connection = connection
        self._set_aside = set_aside

    async def lock(self, guild_id: GuildId) -> None:
        """Make other transactions that change the same server's settings wait."""
        if self._connection.dialect.name != "postgresql":
            return  # SQLite has one writer: everybody waits already
        await self._connection.execute(
            _open_guild("postgresql"), {"guild_id": guild_id, "limits": None}
        )
        await self._connection.execute(_LOCK, {"guild_id": guild_id})

    async def limits(self, guild_id: GuildId) -> LimitChanges | None:
        """Return the limits that a server set for all its members, or None."""
        found = await self._connection.scalar(_LIMITS, {"guild_id": guild_id})
        return self._readable(f"limits of server {guild_id}", found)

    async def member_limits(self, guild_id: GuildId, user_id: UserId) -> LimitChanges | None:
        """Return the limits that were set for one member, or None."""
        values = {"guild_id": guild_id, "user_id": user_id}
        found = await self._connection.scalar(_MEMBER_LIMITS, values)
        return self._readable(_member(guild_id, user_id), found)

    async def limited_members(self, guild_id: GuildId) -> Sequence[tuple[UserId, LimitChanges]]:
        """Return all members for whom limits were set, in order of their ids."""
        rows = await self._connection.execute(_LIMITED_MEMBERS, {"guild_id": guild_id})
        readable: list[tuple[UserId, LimitChanges]] = []
        for user_id, limits in rows:
            with suppress(RowUnreadable):
                name = _member(guild_id, user_id)
                readable.append((UserId(user_id), self._readable(name, limits)))
        return readable

    async def set_limits(self, guild_id: GuildId, limits: LimitChanges) -> None:
        """Replace the server's limits."""
        statement = _set_guild(self._connection.dialect.name)
        await self._connection.execute(statement, {"guild_id": guild_id, "limits": limits})

    async def set_member_limits(
        self, guild_id: GuildId, user_id: UserId, limits: LimitChanges | None
    ) -> None:
        """Replace a member's limits; None removes them."""
        values: dict[str, Any] = {"guild_id": guild_id, "user_id": user_id}
        if limits is None:
            await self._connection.execute(_REMOVE_MEMBER, values)
            return
        statement = _set_member(self._connection.dialect.name)
        await self._connection.execute(statement, values | {"limits": limits})

    async def audit(self, entry: AuditEntry) -> None:
        """Append to the trail."""
        await self._connection.execute(_AUDIT, asdict(entry))

    def _readable(self, row: str, limits: Any) -> Any:
        try:
            check_readable(row, {"limits": limits})
        except RowUnreadable as error:
            self._set_aside.note(error)
            raise
        return limits


def _member(guild_id: GuildId, user_id: UserId) -> str:
    return f"limits of member {user_id} of server {guild_id}"
