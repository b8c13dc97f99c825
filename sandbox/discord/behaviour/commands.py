"""Application commands: what the bot registered, globally and per server.

Owns the ids commands keep when they are registered again, and to whom they are offered. Must not
know the rules for names and options (`command_rules`), nor people using them (`people`).
"""

from __future__ import annotations

from typing import Any

from sandbox.discord.core import Core
from sandbox.discord.rules.command_rules import CHAT, LIMITS, check_command, check_set
from sandbox.discord.rules.errors import DiscordError, Form, invalid, unknown
from sandbox.discord.state import permissions
from sandbox.discord.state.world import in_guild

Json = dict[str, Any]


class Commands:
    """The registered commands: `None` for those offered everywhere, else by server."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._scopes: dict[str | None, dict[str, Json]] = {None: {}}

    def registered(self, guild_id: str | None) -> list[Json]:
        return list(self._scopes.get(guild_id, {}).values())

    def get(self, guild_id: str | None, command_id: str) -> Json:
        try:
            return self._scopes.get(guild_id, {})[command_id]
        except KeyError:
            raise unknown("application command") from None

    def replace(self, guild_id: str | None, bodies: object) -> list[Json]:
        """All commands of a scope at once; an unchanged one keeps its id and version."""
        form = Form()
        bodies = [] if bodies is None else bodies
        if not isinstance(bodies, list):
            raise invalid("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        for index, body in enumerate(bodies):
            check_command(form, body, (index,))
        form.check()
        check_set(form, bodies)
        form.check()
        before = {(c["type"], c["name"]): c for c in self.registered(guild_id)}
        kept = [
            self._kept(guild_id, body, before.get((body.get("type") or CHAT, body["name"])))
            for body in bodies
        ]
        self._scopes[guild_id] = {command["id"]: command for command in kept}
        self._core.publish("COMMANDS", {})
        return kept

    def upsert(self, guild_id: str | None, body: Json) -> tuple[Json, bool]:
        """One command added or, by type and name, replaced; and whether it is new."""
        form = Form()
        check_command(form, body, ())
        form.check()
        scope = self._scopes.setdefault(guild_id, {})
        key = (body.get("type") or CHAT, body["name"])
        before = next((c for c in scope.values() if (c["type"], c["name"]) == key), None)
        if before is None and sum(c["type"] == key[0] for c in scope.values()) >= LIMITS[key[0]]:
            raise DiscordError(
                400, 30032, f"Maximum number of application commands reached ({LIMITS[key[0]]})."
            )
        command = self._kept(guild_id, body, before)
        scope[command["id"]] = command
        self._core.publish("COMMANDS", {})
        return command, before is None

    def edit(self, guild_id: str | None, command_id: str, body: Json) -> Json:
        before = self.get(guild_id, command_id)
        merged = {key: value for key, value in before.items() if key not in ("id", "version")}
        merged |= body
        form = Form()
        check_command(form, merged, ())
        form.check()
        command = self._kept(guild_id, merged, before)
        self._scopes[guild_id][command_id] = command
        self._core.publish("COMMANDS", {})
        return command

    def delete(self, guild_id: str | None, command_id: str) -> None:
        self.get(guild_id, command_id)
        del self._scopes[guild_id][command_id]
        self._core.publish("COMMANDS", {})

    def _kept(self, guild_id: str | None, body: Json, before: Json | None) -> Json:
        kind = body.get("type") or CHAT
        allowed = body.get("default_member_permissions")
        command: Json = {
            "application_id": self._core.application_id,
            "type": kind,
            "name": body["name"],
            "name_localizations": body.get("name_localizations"),
            "description": (body.get("description") or "") if kind == CHAT else "",
            "description_localizations": body.get("description_localizations"),
            "default_member_permissions": None if allowed is None else str(allowed),
            "nsfw": bool(body.get("nsfw")),
            "integration_types": body.get("integration_types") or [0],
        }
        if guild_id:
            command["guild_id"] = guild_id
        else:
            command["dm_permission"] = body.get("dm_permission") is not False
            command["contexts"] = body.get("contexts")
        if kind == CHAT:
            command["options"] = [_kept_option(option) for option in body.get("options") or []]
        if before and command == {k: v for k, v in before.items() if k not in ("id", "version")}:
            return before
        return command | {
            "id": before["id"] if before else self._core.ids.next(),
            "version": self._core.ids.next(),
        }

    # What a person is offered

    def offered(self, user_id: str) -> list[Json]:
        """Everything this person may use somewhere."""
        world = self._core.world
        found = [
            command
            for command in self.registered(None)
            if any(
                self.permitted(command, user_id, guild.id)
                for guild in world.guilds.values()
                if user_id in guild.members and world.bot_id in guild.members
            )
            or self._in_dms(command)
        ]
        for guild_id in list(self._scopes):
            if guild_id and user_id in world.guilds[guild_id].members:
                found += [
                    command
                    for command in self.registered(guild_id)
                    if self.permitted(command, user_id, guild_id)
                ]
        return found

    def find(self, name: str, kind: int, user_id: str, guild_id: str | None) -> Json:
        """The command of this name that a person is offered in a place."""
        for scope in (guild_id, None) if guild_id else (None,):
            for command in self.registered(scope):
                if command["name"] != name or command["type"] != kind:
                    continue
                if guild_id is None:
                    if not self._in_dms(command):
                        raise PermissionError(f"{name} is not offered in direct messages")
                elif not self.permitted(command, user_id, guild_id):
                    raise PermissionError(f"you are not allowed to use {name} here")
                return command
        raise KeyError(f"there is no command {name!r} here")

    def _in_dms(self, command: Json) -> bool:
        if command.get("guild_id"):
            return False
        contexts = command.get("contexts")
        return command.get("dm_permission", True) if contexts is None else 1 in contexts

    def permitted(self, command: Json, user_id: str, guild_id: str) -> bool:
        contexts = command.get("contexts")
        if contexts is not None and 0 not in contexts:
            return False
        world = self._core.world
        allowed = in_guild(world.guilds[guild_id], user_id)
        if allowed & permissions.Permission.ADMINISTRATOR:
            return True
        needed = command["default_member_permissions"]
        if needed is None:
            return True
        # "0" means: administrators only.
        return int(needed) != 0 and allowed & int(needed) == int(needed)


def _kept_option(option: Json) -> Json:
    kept = {key: value for key, value in option.items() if value is not None}
    if "options" in kept:
        kept["options"] = [_kept_option(child) for child in kept["options"]]
    return kept
