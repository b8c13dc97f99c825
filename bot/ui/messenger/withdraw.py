"""Taking the message of a deleted video out of Discord."""

import discord
import structlog

from bot.domain.errors import Code, PostError
from bot.domain.generation import Generation
from bot.ui.discord_errors import SEND_SECONDS, outgoing

log = structlog.get_logger(__name__)


async def withdraw(client: discord.Client, generation: Generation) -> bool:
    """Delete the video's message; whether it is gone (also when somebody was faster)."""
    posting = generation.posting
    if posting is None or posting.message_id is None or posting.channel_id is None:
        return True
    channel = client.get_partial_messageable(posting.channel_id)
    try:
        async with outgoing(SEND_SECONDS):
            await channel.get_partial_message(posting.message_id).delete()
    except PostError as error:
        log.info("video_not_withdrawn", generation=generation.id, error=str(error))
        return error.code is Code.POST_TARGET_GONE
    return True
