"""A command's options as a person fills them in, and the objects an interaction carries for them.

Owns types, limits, required options and `resolved`. Must not begin anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.discord.behaviour.sharing import Sharing
from sandbox.discord.core import Core
from sandbox.discord.rules import command_rules as commands
from sandbox.discord.rules.choices import Kind
from sandbox.discord.rules.errors import Refused
from sandbox.discord.state.models import Channel

Json = dict[str, Any]
# A select's kind names the same things as an option's kind does.
AS_OPTION = {
    5: commands.USER_OPTION,
    6: commands.ROLE,
    7: commands.MENTIONABLE,
    8: commands.CHANNEL,
}


class Resolved:
    """The users, roles, channels and files that one interaction speaks of."""

    def __init__(self, core: Core, sharing: Sharing, user_id: str, channel: Channel) -> None:
        self._core = core
        self._sharing = sharing
        self._user_id = user_id
        self._channel = channel
        self._found: dict[str, Json] = {}

    def json(self) -> Json:
        return self._found

    def entity(self, select: int, value: str) -> str:
        """A select's value checked and resolved."""
        return self.mention(AS_OPTION[select], value)

    def chosen(self, select: Json, values: list[str]) -> Json:
        """What was chosen in a select of a message, as the interaction carries it."""
        if not select["min_values"] <= len(values) <= select["max_values"]:
            raise Refused(
                f"choose between {select['min_values']} and {select['max_values']} values"
            )
        if select["type"] == Kind.STRING_SELECT:
            offered = {option["value"] for option in select["options"]}
            if strange := set(values) - offered:
                raise Refused(f"{min(strange)!r} is not offered")
            return {"values": values}
        chosen = [self.entity(select["type"], value) for value in values]
        return {"values": chosen, "resolved": self.json()}

    def mention(self, kind: int, value: str) -> str:
        world = self._core.world
        if kind in (commands.USER_OPTION, commands.MENTIONABLE):
            try:
                return self._user(value)
            except KeyError:
                if kind == commands.USER_OPTION:
                    raise
        if kind in (commands.ROLE, commands.MENTIONABLE):
            return self._role(value)
        channel = world.channel(value, seen_by=self._user_id)
        rendered = self._core.render.interaction_channel(channel, self._user_id)
        self._found.setdefault("channels", {})[channel.id] = rendered
        return channel.id

    def _user(self, value: str) -> str:
        world, render = self._core.world, self._core.render
        user = world.user(value)
        self._found.setdefault("users", {})[user.id] = render.user(user)
        guild = world.guild_of(self._channel)
        if guild and (member := guild.members.get(user.id)):
            allowed = world.allowed(user.id, self._channel)
            rendered = render.member(member, with_user=False)
            rendered["permissions"] = str(allowed.value)
            self._found.setdefault("members", {})[user.id] = rendered
        return user.id

    def _role(self, value: str) -> str:
        guild = self._core.world.guild_of(self._channel)
        for role in guild.roles.values() if guild else ():
            if value in (role.id, role.name):
                self._found.setdefault("roles", {})[role.id] = self._core.render.role(role)
                return role.id
        raise KeyError(f"there is no role {value!r}")

    def attachments(self, uploads: Iterable[str]) -> list[str]:
        made = self._sharing.attach(uploads, self._channel, ephemeral=True)
        for file in made:
            rendered = self._core.render.attachment(file)
            self._found.setdefault("attachments", {})[file.id] = rendered
        return [file.id for file in made]


class Options:
    """One command, down to the subcommand meant, and what was filled in."""

    def __init__(self, command: Json, path: list[str], resolved: Resolved) -> None:
        self._command = command
        self._path: list[Json] = []
        self._resolved = resolved
        level = command.get("options") or []
        for name in path:
            step = next((o for o in level if o["name"] == name and o["type"] in (1, 2)), None)
            if step is None:
                raise KeyError(f"/{command['name']} has no subcommand {name!r}")
            self._path.append(step)
            level = step.get("options") or []
        if any(option["type"] in (1, 2) for option in level):
            raise Refused(f"/{command['name']} needs one of its subcommands")
        self._options: dict[str, Json] = {option["name"]: option for option in level}

    def filled(self, values: Json) -> Json:
        """The interaction's data for a command that was sent."""
        given = {name: value for name, value in values.items() if value is not None}
        self._known(given)
        for option in self._options.values():
            if option.get("required") and option["name"] not in given:
                raise Refused(f"{option['name']} is required")
        return self._data([self._one(self._options[name], value) for name, value in given.items()])

    def focused(self, values: Json, focused: str) -> Json:
        """The data while one option is still being typed: nothing is checked yet."""
        self._known({**values, focused: ""})
        if not self._options[focused].get("autocomplete"):
            raise Refused(f"{focused} offers no autocomplete")
        sent = []
        for name, value in ({focused: ""} | values).items():
            option = self._options[name]
            if name == focused:
                sent.append(
                    {"name": name, "type": option["type"], "value": str(value), "focused": True}
                )
            elif value is not None and option["type"] != commands.ATTACHMENT:
                sent.append(self._one(option, value))
        return self._data(sent)

    def _known(self, values: Json) -> None:
        for name in values:
            if name not in self._options:
                raise KeyError(f"/{self._command['name']} has no option {name!r}")

    def _data(self, sent: list[Json]) -> Json:
        for step in reversed(self._path):
            sent = [{"name": step["name"], "type": step["type"], "options": sent}]
        data: Json = {
            "id": self._command["id"],
            "name": self._command["name"],
            "type": commands.CHAT,
            "options": sent,
        }
        if self._command.get("guild_id"):
            data["guild_id"] = self._command["guild_id"]
        if self._resolved.json():
            data["resolved"] = self._resolved.json()
        return data

    def _one(self, option: Json, value: Any) -> Json:
        kind, name = option["type"], option["name"]
        if kind == commands.STRING:
            value = self._text(option, str(value))
        elif kind in (commands.INTEGER, commands.NUMBER):
            value = self._number(option, value)
        elif kind == commands.BOOLEAN:
            if not isinstance(value, bool):
                raise Refused(f"{name} is true or false")
        elif kind == commands.ATTACHMENT:
            upload = value["id"] if isinstance(value, dict) else str(value)
            value = self._resolved.attachments([upload])[0]
        else:
            value = self._resolved.mention(kind, str(value))
        return {"name": name, "type": kind, "value": value}

    def _text(self, option: Json, text: str) -> str:
        name = option["name"]
        low, high = option.get("min_length") or 0, option.get("max_length") or 6000
        if not low <= len(text) <= high:
            raise Refused(f"{name} has between {low} and {high} characters")
        self._offered(option, text)
        return text

    def _number(self, option: Json, value: Any) -> int | float:
        name = option["name"]
        whole = option["type"] == commands.INTEGER
        try:
            number = int(value) if whole else float(value)
        except (TypeError, ValueError):
            raise Refused(f"{name} is a number") from None
        if whole and isinstance(value, float) and value != number:
            raise Refused(f"{name} is a whole number")
        low, high = option.get("min_value"), option.get("max_value")
        if (low is not None and number < low) or (high is not None and number > high):
            raise Refused(f"{name} is between {low} and {high}")
        self._offered(option, number)
        return number

    def _offered(self, option: Json, value: str | float) -> None:
        choices = option.get("choices")
        if choices and value not in [choice["value"] for choice in choices]:
            raise Refused(f"{option['name']} does not offer {value!r}")
