"""Where a wish comes from: who asks, in which server, channel or thread, with which rights.

Owns the translation of Discord's interactions and messages into the services' words, so that no
service ever sees an object of Discord's.
"""

from typing import TYPE_CHECKING, Any

import discord

from bot.domain.access import Viewer
from bot.domain.errors import Code, Refused
from bot.domain.ids import DIRECT, ChannelId, GenerationId, GuildId, UserId
from bot.domain.request import VideoRequest
from bot.services.generate import GenerationRequest
from bot.services.missed import reply_key
from bot.ui.inbound.rights import rights_of_channel, rights_of_interaction

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient


def viewer(interaction: discord.Interaction[Any]) -> Viewer:
    """Who pressed or typed it, and whether they moderate here."""
    return Viewer(
        user_id=UserId(interaction.user.id),
        guild_id=GuildId(interaction.guild_id or DIRECT),
        moderator=interaction.guild_id is not None and interaction.permissions.manage_messages,
    )


def reader(interaction: discord.Interaction[Any]) -> Viewer:
    """Who looks through a whole server: a moderator of one channel is none of the others."""
    member = interaction.user
    return Viewer(
        user_id=UserId(member.id),
        guild_id=GuildId(interaction.guild_id or DIRECT),
        moderator=isinstance(member, discord.Member) and member.guild_permissions.manage_messages,
    )


def author(message: discord.Message) -> Viewer:
    """Who wrote a message. Not as a moderator: a reply asks for nothing that needs the right."""
    guild_id = message.guild.id if message.guild is not None else DIRECT
    return Viewer(user_id=UserId(message.author.id), guild_id=GuildId(guild_id))


def ask(
    interaction: discord.Interaction["RetakeClient"],
    request: VideoRequest,
    *,
    parent_id: GenerationId | None = None,
    private: bool = False,
) -> GenerationRequest:
    """A wish made by a command, button or form.

    Raises:
        Refused: OUTSIDE_SERVER when the bot is not a member of that server.
    """
    guild_id = interaction.guild_id
    if guild_id is not None and interaction.client.get_guild(guild_id) is None:
        raise Refused(Code.OUTSIDE_SERVER)
    channel_id, thread_id = _channel(interaction.channel)
    here_private = _is_private_thread(interaction.channel)
    if private and not here_private:
        # Others read along in a public thread: a private request gets a thread of its own.
        thread_id = None
    return GenerationRequest(
        request_key=f"interaction:{interaction.id}",
        requester_id=UserId(interaction.user.id),
        guild_id=GuildId(guild_id or DIRECT),
        channel_id=channel_id,
        thread_id=thread_id,
        private=private or here_private,
        locale=interaction.locale.value,
        request=request,
        parent_id=parent_id,
        rights=rights_of_interaction(interaction),
    )


def ask_of_reply(
    message: discord.Message,
    channel: object,
    request: VideoRequest,
    *,
    parent_id: GenerationId,
    locale: str,
) -> GenerationRequest:
    """A wish made by replying; ``channel`` is the message's, fetched where it was unknown."""
    channel_id, thread_id = _channel(channel)
    who = author(message)
    return GenerationRequest(
        request_key=reply_key(message.id),
        requester_id=who.user_id,
        guild_id=who.guild_id,
        channel_id=channel_id,
        thread_id=thread_id,
        private=_is_private_thread(channel),
        locale=locale,
        request=request,
        parent_id=parent_id,
        rights=rights_of_channel(channel),
    )


def _is_private_thread(channel: object) -> bool:
    return isinstance(channel, discord.Thread) and channel.is_private()


def _channel(channel: object) -> tuple[ChannelId, ChannelId | None]:
    """The channel, and the thread in it where that is what it is.

    Raises:
        Refused: NOT_FOUND when Discord did not say where.
    """
    if isinstance(channel, discord.Thread):
        return ChannelId(channel.parent_id), ChannelId(channel.id)
    channel_id = getattr(channel, "id", None)
    if channel_id is None:
        raise Refused(Code.NOT_FOUND)
    return ChannelId(channel_id), None
