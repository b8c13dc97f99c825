"""Finding again what the bot posted before: its messages carry the ids of their generation.

Owns how far back is looked, and what may be concluded from having found nothing.
"""

from datetime import datetime

import discord

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId
from bot.ui.cards.custom_ids import Action, control_ids
from bot.ui.discord_errors import LATER_SECONDS, SEND_SECONDS, outgoing
from bot.ui.messenger.threads import SKEW

LOOK_BACK = 1000
"""How many messages are searched, a hundred per request."""


async def find_ours(
    client: discord.Client,
    channel: discord.abc.Messageable,
    generation: Generation,
    *,
    since: datetime,
    video: bool,
) -> discord.Message | None:
    """The message with a generation's buttons, its video or its status; None: not there.

    Read backwards, to before ``since`` and before what surely stands above it: our clock may be
    wrong, the ids of messages carry Discord's time.

    Raises:
        PostError: as ``outgoing``; for a video (of a status message one too many is a blemish, no
            broken promise) POST_UNKNOWN also where it may stand above all that was read, and
            POST_FORBIDDEN where a server shows us nothing at all: without the right to read,
            Discord answers an empty list.
    """
    me = client.user.id if client.user is not None else None
    begun = since - SKEW
    above = generation.place.status_message_id if video else None
    floor = begun if above is None else min(begun, discord.utils.snowflake_time(above))
    read, oldest = 0, begun
    async with outgoing(SEND_SECONDS):
        async for message in channel.history(limit=LOOK_BACK):
            read, oldest = read + 1, message.created_at
            if oldest < floor:
                return None
            if message.author.id == me and _marked(message, generation.id, video=video):
                return message
    direct = isinstance(channel, discord.DMChannel) or not generation.place.guild_id
    if video and not read and not direct:
        raise PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO)
    if video and read == LOOK_BACK and oldest >= begun:
        raise PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN, retry_after=LATER_SECONDS)
    return None


def _marked(message: discord.Message, generation_id: GenerationId, *, video: bool) -> bool:
    if bool(message.attachments) != video:
        return False
    verbs = {mark.action for mark in control_ids(message) if mark.generation_id == generation_id}
    # A video that lost its file on the way has the buttons of one: it is no status message either.
    return Action.DETAILS in verbs and (Action.EDIT in verbs) == video
