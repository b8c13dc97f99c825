"""Queries about the settings of servers and members, and the audit trail.

The domain decides which rule wins; this module only stores them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.errors import RowUnreadable
from bot.domain.ids import GuildId, UserId
from bot.domain.limits import LimitRule, Scope
from bot.domain.ports.limits import AuditEntry
from bot.storage.tables import audit, guild_settings, insert_into, member_settings
from bot.storage.unreadable import SetAside, check_readable

_TABLES = {Scope.SERVER: guild_settings, Scope.MEMBER: member_settings}
_APPLIES: dict[Scope, ColumnElement[bool]] = {
    Scope.SERVER: true(),
    Scope.MEMBER: member_settings.c.user_id == bindparam("user_id"),
}
"""Where the stored scopes' rules are, and which of them apply to one member."""


def _rules_of(scope: Scope) -> Select[Any, Any, Any]:
    table = _TABLES[scope]
    subject = table.c.get("user_id", literal_column("0")).label("subject")
    return select(literal_column(f"'{scope}'").label("scope"), subject, table.c.limits).where(
        table.c.guild_id == bindparam("guild_id"), table.c.limits.is_not(None)
    )


_RULES = tuple(_rules_of(scope).order_by("subject") for scope in _TABLES)
_RULES_FOR = union_all(*(_rules_of(scope).where(_APPLIES[scope]) for scope in _TABLES))
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
def _set_rule(dialect: str, scope: Scope) -> Any:
    """Insert or replace the rule of a scope and subject."""
    table = _TABLES[scope]
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=table.primary_key.columns, set_={"limits": statement.excluded.limits}
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

    async def rules(self, guild_id: GuildId) -> Sequence[LimitRule]:
        """Return all readable rules of a server."""
        readable: list[LimitRule] = []
        for query in _RULES:
            for row in await self._connection.execute(query, {"guild_id": guild_id}):
                with suppress(RowUnreadable):
                    readable.append(self._rule(guild_id, row))
        return readable

    async def rules_for(self, guild_id: GuildId, user_id: UserId) -> Sequence[LimitRule]:
        """Return the rules of a server that apply to one member."""
        values = {"guild_id": guild_id, "user_id": user_id}
        rows = await self._connection.execute(_RULES_FOR, values)
        return [self._rule(guild_id, row) for row in rows]

    async def set_rule(self, guild_id: GuildId, rule: LimitRule) -> None:
        """Insert or replace a rule."""
        values = {"guild_id": guild_id, "limits": rule.limits}
        if rule.scope is Scope.MEMBER:
            values["user_id"] = rule.subject
        statement = _set_rule(self._connection.dialect.name, rule.scope)
        await self._connection.execute(statement, values)

    async def remove_member_rule(self, guild_id: GuildId, user_id: UserId) -> None:
        """Remove a member's own rule."""
        values = {"guild_id": guild_id, "user_id": user_id}
        await self._connection.execute(_REMOVE_MEMBER, values)

    async def audit(self, entry: AuditEntry) -> None:
        """Append to the trail."""
        await self._connection.execute(_AUDIT, asdict(entry))

    def _rule(self, guild_id: GuildId, row: Row[Any, Any, Any]) -> LimitRule:
        scope = Scope(row.scope)
        whose = f"{scope} {row.subject} of server" if row.subject else scope
        try:
            check_readable(f"limits of {whose} {guild_id}", {"limits": row.limits})
        except RowUnreadable as error:
            self._set_aside.note(error)
            raise
        return LimitRule(scope=scope, subject=row.subject, limits=row.limits)
