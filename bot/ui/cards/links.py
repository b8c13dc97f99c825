"""Links to messages, threads and videos on Discord."""

from typing import Any

import discord
from discord import ui

from bot.domain.generation import Generation, State
from bot.ui.text.markdown import masked_link
from bot.ui.text.messages import Messages


def message_url(guild_id: int, channel_id: int, message_id: int) -> str:
    """Where a message is, for people."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def video_url(generation: Generation) -> str | None:
    """Where the finished video is, for people; None when it is nowhere."""
    posting = generation.posting
    if generation.deleted_at is not None or generation.state is not State.DELIVERED:
        return None
    if posting is None or posting.message_id is None or posting.channel_id is None:
        return None
    # A video that fell back to a direct message is in no server.
    direct = posting.target.kind == "direct"
    guild_id = 0 if direct else generation.place.guild_id
    return message_url(guild_id, posting.channel_id, posting.message_id)


def place_mention(generation: Generation) -> str:
    """The channel or thread, as a link people can click."""
    place = generation.place
    return f"<#{place.thread_id or place.channel_id}>"


def watch_link(generation: Generation, messages: Messages) -> str:
    """A short link to the video, or nothing."""
    url = video_url(generation)
    return "" if url is None else masked_link(messages.say("history.open"), url)


def _link(label: str, url: str) -> ui.Button[Any]:
    return ui.Button(style=discord.ButtonStyle.link, label=label, url=url)
