"""The message of a posted video, as it is in Discord now: a link to its file, and its deletion."""

import discord
import structlog

from bot.domain.errors import Code, PostError
from bot.domain.generation import Generation
from bot.ui.discord_errors import SEND_SECONDS, logged_in, outgoing

log = structlog.get_logger(__name__)


async def posted_link(client: discord.Client, generation: Generation) -> str | None:
    """Return a freshly signed link to the file, or None if there is none to be seen."""
    found = _message(client, generation)
    if found is None:
        return None
    try:
        logged_in(client)
        async with outgoing(SEND_SECONDS):
            message = await found.fetch()
    except PostError as error:
        log.info("posted_video_not_fetched", generation=generation.id, error=str(error))
        return None
    return message.attachments[0].url if message.attachments else None


async def delete_posted(client: discord.Client, generation: Generation) -> bool:
    """Delete the video's message; return True if there is none any more."""
    found = _message(client, generation)
    if found is None:
        return True
    try:
        logged_in(client)
        async with outgoing(SEND_SECONDS):
            await found.delete()
    except PostError as error:
        log.info("posted_video_not_deleted", generation=generation.id, error=str(error))
        return error.code is Code.POST_TARGET_GONE
    return True


def _message(client: discord.Client, generation: Generation) -> discord.PartialMessage | None:
    posting = generation.posting
    if posting is None or posting.message_id is None or posting.channel_id is None:
        return None
    channel = client.get_partial_messageable(posting.channel_id)
    return channel.get_partial_message(posting.message_id)
