"""Leaving a server that the bot's owner does not allow, after one message with the reason.

Until then the client refuses every request from there.
"""

import discord
import structlog

from bot.domain.errors import Code, PostError
from bot.ui.discord_errors import SEND_SECONDS, outgoing
from bot.ui.text.messages import Messages

log = structlog.get_logger(__name__)


async def leave(guild: discord.Guild, *, say_why: bool) -> None:
    """Leave the server; say why in one message, if the bot may write anywhere."""
    messages = Messages.for_locale(guild.preferred_locale.value)
    place = _place(guild) if say_why else None
    if place is not None:
        try:
            async with outgoing(SEND_SECONDS):
                await place.send(messages.explain(Code.SERVER_NOT_ALLOWED, {}))
        except PostError as error:
            log.info("farewell_not_said", guild=guild.id, error=str(error))
    try:
        async with outgoing(SEND_SECONDS):
            await guild.leave()
    except PostError as error:
        # Requests from there are refused in any case, and the next start tries again.
        log.warning("server_not_left", guild=guild.id, error=str(error))
        return
    log.warning("server_left", guild=guild.id, name=guild.name, owner=guild.owner_id)


def _place(guild: discord.Guild) -> discord.TextChannel | None:
    """The system channel, else the first channel that the bot may write in."""
    channels = [guild.system_channel, *guild.text_channels]
    return next((c for c in channels if c is not None and _may_write(c)), None)


def _may_write(channel: discord.TextChannel) -> bool:
    may = channel.permissions_for(channel.guild.me)
    return may.view_channel and may.send_messages
