"""What the bot may do in a place: from Discord's permissions and channels to ``PlaceRights``."""

from typing import Any

import discord

from bot.domain.rights import PlaceRights, Right

_THREADS = frozenset({discord.ChannelType.text, discord.ChannelType.news})


def rights_of_interaction(interaction: discord.Interaction[Any]) -> PlaceRights | None:
    """Return what Discord sends with every interaction; None in a direct message."""
    if interaction.guild_id is None:
        return None
    return _rights(interaction.channel, interaction.app_permissions)


def rights_of_channel(channel: object) -> PlaceRights | None:
    """Return what is known of a channel or thread without a request; None if not enough is."""
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
        # An unknown parent counts as able to: a thread that cannot be created is no error.
        holds_threads=kind is None or kind in _THREADS,
        holds_private_threads=kind is None or kind is discord.ChannelType.text,
    )
