"""Registering the commands at Discord, if it does not have them yet."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.http import Route

Json = Mapping[str, Any]
Tree = app_commands.CommandTree[Any]
_PLAIN = ("name", "description", "min_value", "max_value")
_LENGTHS = ("min_length", "max_length", "value")
_RIGHTS = "default_member_permissions"
_WORDS = ("name_localizations", "description_localizations")
_SWITCHES = ("nsfw", "required", "autocomplete")
_SETS = ("contexts", "integration_types", "channel_types")
_OF_EVERYWHERE = ("contexts", "integration_types")


async def register(tree: Tree, guild: discord.Object | None) -> bool:
    """Register the commands; return True if they had changed."""
    wanted = await _wanted(tree, guild)
    if same(await _registered(tree, guild), wanted, everywhere=guild is None):
        return False
    await tree.sync(guild=guild)
    return True


def same(registered: Sequence[Json], wanted: Sequence[Json], *, everywhere: bool) -> bool:
    """Return True if two sets of commands are the same to users, in any order.

    ``everywhere`` is false for commands of one server, which have no contexts.
    """
    left_out = () if everywhere else _OF_EVERYWHERE
    have, want = ({_key(c): _essence(c, left_out) for c in set_} for set_ in (registered, wanted))
    return have == want


def _key(command: Json) -> tuple[int, str]:
    return int(command.get("type") or 1), str(command["name"])


def _essence(item: Json, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return a command, option or choice without what Discord adds and what means nothing."""
    kept: dict[str, Any] = {"type": int(item.get("type") or 1)}
    kept |= {key: item[key] for key in (*_PLAIN, *_LENGTHS) if item.get(key) not in (None, "")}
    if item.get(_RIGHTS) is not None:
        # Discord writes the number as text.
        kept[_RIGHTS] = str(item[_RIGHTS])
    kept |= {key: dict(item[key]) for key in _WORDS if item.get(key)}
    kept |= {key: True for key in _SWITCHES if item.get(key)}
    kept |= {key: sorted(item[key]) for key in _SETS if item.get(key) and key not in left_out}
    for key in ("options", "choices"):
        if item.get(key):
            kept[key] = [_essence(inner) for inner in item[key]]
    return kept


async def _wanted(tree: Tree, guild: discord.Object | None) -> list[Json]:
    translator = tree.translator
    commands = tree.get_commands(guild=guild)
    if translator is None:
        return [command.to_dict(tree) for command in commands]
    return [await command.get_translated_payload(tree, translator) for command in commands]


async def _registered(tree: Tree, guild: discord.Object | None) -> list[Json]:
    scope = "/applications/{application_id}" + ("" if guild is None else "/guilds/{guild_id}")
    route = Route(
        "GET",
        scope + "/commands",
        application_id=tree.client.application_id,
        guild_id=0 if guild is None else guild.id,
    )
    # The library's own call leaves out the translations.
    return await tree.client.http.request(route, params={"with_localizations": "true"})
