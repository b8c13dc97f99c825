"""Where a request comes from: who makes it, in which server and channel, with which rights.

This module owns the translation of Discord's interactions and messages into the services' words, so
that no service ever sees one of Discord's objects.
"""

from typing import TYPE_CHECKING, Any

import discord

from bot.domain.access import Viewer
from bot.domain.errors import Code, Refused
from bot.domain.ids import DIRECT, ChannelId, GenerationId, GuildId, UserId
from bot.domain.request import VideoRequest
from bot.services.admission import GenerationRequest
from bot.services.missed import reply_key
from bot.ui.inbound.drafts import NO_FILES, IncomingFiles, RequestDraft
from bot.ui.inbound.mentions import Author
from bot.ui.inbound.rights import rights_of_channel, rights_of_interaction

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient


def viewer(interaction: discord.Interaction[Any]) -> Viewer:
    """Return the user of an interaction, and whether they moderate this channel."""
    return Viewer(
        user_id=UserId(interaction.user.id),
        guild_id=GuildId(interaction.guild_id or DIRECT),
        moderator=interaction.guild_id is not None and interaction.permissions.manage_messages,
    )


def reader(interaction: discord.Interaction[Any]) -> Viewer:
    """Return the viewer of server-wide lists. Moderating one channel gives no rights in others."""
    member = interaction.user
    return Viewer(
        user_id=UserId(member.id),
        guild_id=GuildId(interaction.guild_id or DIRECT),
        moderator=isinstance(member, discord.Member) and member.guild_permissions.manage_messages,
    )


def viewer_of_reply(message: discord.Message) -> Viewer:
    """Return the author of a message, without a moderator's rights: no reply needs them."""
    guild_id = message.guild.id if message.guild is not None else DIRECT
    return Viewer(user_id=UserId(message.author.id), guild_id=GuildId(guild_id))


def draft(
    interaction: discord.Interaction["RetakeClient"],
    request: VideoRequest,
    *,
    files: IncomingFiles = NO_FILES,
    parent_id: GenerationId | None = None,
    repeat_of: GenerationId | None = None,
    private: bool = False,
) -> RequestDraft:
    """Return the request of a command, button or form.

    Raises:
        Refused: OUTSIDE_SERVER if the bot is not a member of that server.
    """
    guild_id, here_private = interaction.guild_id, _is_private_thread(interaction.channel)
    if guild_id is not None and interaction.client.get_guild(guild_id) is None:
        raise Refused(Code.OUTSIDE_SERVER)
    channel_id, thread_id = _channel(interaction.channel)
    asked = GenerationRequest(
        request_key=f"interaction:{interaction.id}",
        requester_id=UserId(interaction.user.id),
        guild_id=GuildId(guild_id or DIRECT),
        channel_id=channel_id,
        # Others can read a public thread: a private request gets a thread of its own.
        thread_id=None if private and not here_private else thread_id,
        private=private or here_private,
        locale=interaction.locale.value,
        request=request,
        parent_id=parent_id,
        repeat_of=repeat_of,
        rights=rights_of_interaction(interaction),
    )
    author = Author(user=interaction.user, guild=interaction.guild)
    return RequestDraft(id=interaction.id, asked=asked, author=author, files=files)


def draft_of_reply(
    message: discord.Message,
    channel: object,
    request: VideoRequest,
    *,
    files: IncomingFiles,
    parent_id: GenerationId,
    locale: str,
    grace_seconds: int,
) -> RequestDraft:
    """Return the request of a reply; ``channel`` is the message's, fetched if it was unknown."""
    channel_id, thread_id = _channel(channel)
    viewer = viewer_of_reply(message)
    asked = GenerationRequest(
        request_key=reply_key(message.id),
        requester_id=viewer.user_id,
        guild_id=viewer.guild_id,
        channel_id=channel_id,
        thread_id=thread_id,
        private=_is_private_thread(channel),
        locale=locale,
        request=request,
        parent_id=parent_id,
        rights=rights_of_channel(channel),
        grace_seconds=grace_seconds,
    )
    author = Author(user=message.author, guild=message.guild, mentioned=message.mentions)
    return RequestDraft(id=message.id, asked=asked, author=author, files=files)


def _is_private_thread(channel: object) -> bool:
    return isinstance(channel, discord.Thread) and channel.is_private()


def _channel(channel: object) -> tuple[ChannelId, ChannelId | None]:
    """Return the channel, and the thread in it if ``channel`` is one.

    Raises:
        Refused: NOT_FOUND if Discord did not send the channel.
    """
    if isinstance(channel, discord.Thread):
        return ChannelId(channel.parent_id), ChannelId(channel.id)
    channel_id = getattr(channel, "id", None)
    if channel_id is None:
        raise Refused(Code.NOT_FOUND)
    return ChannelId(channel_id), None
