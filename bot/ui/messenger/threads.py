"""The thread a conversation lives in: made from its status message, or private beside the channel.

Owns how a thread is made and found again. A thread that cannot be made is no error: the
conversation then lives in the channel.
"""

from datetime import datetime, timedelta

import discord
import structlog

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import Generation
from bot.domain.ids import ChannelId
from bot.ui.discord_errors import SEND_SECONDS, outgoing
from bot.ui.messenger.filters import passing
from bot.ui.text.messages import Messages
from bot.ui.text.naming import thread_name

log = structlog.get_logger(__name__)

ALREADY_HAS_ONE = 160004
SKEW = timedelta(seconds=60)


async def thread_from(
    client: discord.Client,
    message: discord.PartialMessage | discord.Message,
    generation: Generation,
) -> ChannelId | None:
    """Make the thread of a status message; None when this channel has none for us."""

    async def make(shown: Generation) -> discord.Thread:
        async with outgoing(SEND_SECONDS):
            guild_id = shown.place.guild_id
            partial = client.get_partial_messageable(message.channel.id, guild_id=guild_id)
            starter = partial.get_partial_message(message.id)
            if starter.guild is None:
                starter.guild = await client.fetch_guild(guild_id, with_counts=False)
            return await starter.create_thread(name=_name(shown))

    try:
        thread, _ = await passing(generation, make)
    except PostError as error:
        if error.facts.get("discord_code") == ALREADY_HAS_ONE:
            return ChannelId(message.id)
        log.info("no_thread", generation=generation.id, error=str(error))
        return None
    return ChannelId(thread.id)


async def private_thread(
    client: discord.Client, generation: Generation, *, again: bool
) -> ChannelId | None:
    """A private thread with the one who asked in it; None when there can be none.

    ``again``: an earlier try may have made it, so look for it first.
    """

    async def make(shown: Generation) -> discord.Thread | None:
        async with outgoing(SEND_SECONDS):
            channel_id = shown.place.channel_id
            channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
            if not isinstance(channel, discord.TextChannel):
                return None
            name = _name(shown)
            thread = await _made_before(channel, name, shown.created_at) if again else None
            if thread is None:
                thread = await channel.create_thread(
                    name=name, type=discord.ChannelType.private_thread, invitable=False
                )
            await thread.add_user(discord.Object(shown.requester_id))
        return thread

    try:
        thread, _ = await passing(generation, make)
    except PostError as error:
        log.info("no_private_thread", generation=generation.id, error=str(error))
        return None
    return None if thread is None else ChannelId(thread.id)


async def direct_channel(client: discord.Client, user_id: int) -> discord.DMChannel:
    """Open the direct-message channel with a user.

    Raises:
        PostError: as ``outgoing``.
    """
    async with outgoing(SEND_SECONDS):
        return await client.create_dm(discord.Object(user_id))


async def respect_lock(client: discord.Client, thread_id: int) -> None:
    """Go on only where no moderator has locked the thread, even if we could write there.

    Raises:
        PostError: POST_LOCKED; POST_TARGET_GONE or POST_FORBIDDEN where it cannot be seen any more.
    """
    thread = client.get_channel(thread_id)
    if thread is None:
        try:
            async with outgoing(SEND_SECONDS):
                thread = await client.fetch_channel(thread_id)
        except PostError as error:
            if error.final:
                raise
            # Discord says it again when the message is sent, unless we may write there anyway.
            log.info("lock_not_known", thread=thread_id, error=str(error))
    if isinstance(thread, discord.Thread) and thread.locked:
        raise PostError(Code.POST_LOCKED, accepted=Accepted.NO)


def _name(generation: Generation) -> str:
    return thread_name(generation, Messages.for_locale(generation.locale))


async def _made_before(
    channel: discord.TextChannel, name: str, asked_at: datetime
) -> discord.Thread | None:
    me = channel.guild.me.id if channel.guild.me is not None else None
    for thread in await channel.guild.active_threads():
        made_at = thread.created_at
        ours = thread.owner_id == me and thread.parent_id == channel.id and thread.is_private()
        if ours and thread.name == name and made_at is not None and made_at >= asked_at - SKEW:
            return thread
    return None
