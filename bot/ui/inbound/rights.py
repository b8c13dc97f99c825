"""What the bot may do at a place, read from Discord's objects before a request is taken on.

Owns the way from Discord's permissions and kinds of channels to ``PlaceRights``. What follows from
them is ``bot.domain.rights``' business.
"""

from typing import Any

import discord

from bot.domain.rights import PlaceRights, Right

_THREADS = frozenset({discord.ChannelType.text, discord.ChannelType.news})


def rights_of_interaction(interaction: discord.Interaction[Any]) -> PlaceRights | None:
    """What Discord says with every interaction; None in a direct message."""
    if interaction.guild_id is None:
        return None
    return _rights(interaction.channel, interaction.app_permissions)


def rights_of_channel(channel: object) -> PlaceRights | None:
    """What is known of a channel or thread without asking; None where that is not enough."""
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        return None
    try:
        permissions = channel.permissions_for(channel.guild.me)
    except (discord.ClientException, AttributeError):
        # The thread's parent, or our own membership, is not known yet.
        return None
    return _rights(channel, permissions)


def _rights(channel: object, permissions: discord.Permissions) -> PlaceRights:
    thread = channel if isinstance(channel, discord.Thread) else None
    kind = getattr(channel if thread is None else thread.parent, "type", None)
    return PlaceRights(
        may=frozenset(
            right
            for right in Right
            if permissions.administrator or getattr(permissions, right.value)
        ),
        locked=thread is not None and thread.locked,
        # Of a parent that is not known we think no ill: a thread that cannot be made is no error.
        holds_threads=kind is None or kind in _THREADS,
        holds_private_threads=kind is None or kind is discord.ChannelType.text,
    )
