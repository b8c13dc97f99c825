"""The file of a posted video, as Discord serves it now."""

import discord
import structlog

from bot.domain.errors import PostError
from bot.domain.generation import Generation
from bot.ui.discord_errors import SEND_SECONDS, logged_in, outgoing

log = structlog.get_logger(__name__)


async def posted_link(client: discord.Client, generation: Generation) -> str | None:
    """A freshly signed link to the file; None where it was not posted or cannot be looked at."""
    posting = generation.posting
    if posting is None or posting.message_id is None or posting.channel_id is None:
        return None
    channel = client.get_partial_messageable(posting.channel_id)
    try:
        logged_in(client)
        async with outgoing(SEND_SECONDS):
            message = await channel.fetch_message(posting.message_id)
    except PostError as error:
        log.info("video_not_looked_at", generation=generation.id, error=str(error))
        return None
    return message.attachments[0].url if message.attachments else None
