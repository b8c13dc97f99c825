"""Discord's markup in a prompt, put into words: a mention becomes the name it stands for.

This module owns which marks Discord has and where a name comes from. A model, a file name and a
card know nothing of ids. A channel is named only for members who can see it.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import discord
import structlog

from bot.domain.errors import PostError
from bot.ui.discord_errors import outgoing
from bot.ui.text.markdown import tidy
from bot.ui.text.messages import Messages

log = structlog.get_logger(__name__)

Person = discord.User | discord.Member
LOOKUP_SECONDS = 5.0
MOST_LOOKUPS = 5
MARK = re.compile(
    r"<(?:(?P<kind>@!?|@&|#)(?P<id>\d{1,20})"
    r"|a?:(?P<emoji>\w{1,64}):\d{1,20}"
    r"|/(?P<command>[^<>:\n]{1,100}):\d{1,20}"
    r"|t:(?P<time>-?\d{1,13})(?::[A-Za-z])?"
    r"|id:(?P<page>customize|browse|guide|home|linked-roles(?::\d{1,20})?))>"
)
_EVERYBODY = re.compile(r"@(?:everyone|here)\b")
_PEOPLE = ("@", "@!")


@dataclass(frozen=True, kw_only=True)
class Author:
    """The author of a text. ``mentioned`` are users that Discord sent along with it."""

    user: Person
    guild: discord.Guild | None
    mentioned: Sequence[Person] = ()


def without_marks(text: str) -> str:
    """Return the text without any mention, custom emoji, command or time in it."""
    return _EVERYBODY.sub(" ", MARK.sub(" ", text))


async def in_words(
    client: discord.Client,
    text: str,
    author: Author,
    *,
    messages: Messages,
    patience: float = LOOKUP_SECONDS,
) -> str:
    """Return the text with every mark of Discord's replaced by what users see.

    A few users that Discord did not send along are looked up, for at most ``patience`` seconds.
    Who or what cannot be named becomes "someone" or "a channel".
    """
    if MARK.search(text) is None:
        return text
    people = {person.id: person.display_name for person in (*author.mentioned, author.user)}
    if client.user is not None:
        people.setdefault(client.user.id, client.user.display_name)
    mentioned = [int(m["id"]) for m in MARK.finditer(text) if m["kind"] in _PEOPLE]
    unknown = [id_ for id_ in dict.fromkeys(mentioned) if id_ not in people]
    people |= await _looked_up(client, author.guild, unknown[:MOST_LOOKUPS], patience)

    def word(found: re.Match[str]) -> str:
        if found["kind"] in _PEOPLE:
            name = people.get(int(found["id"]), "")
            return tidy(name) or messages.say("mention.someone")
        if found["kind"] == "@&":
            role = author.guild and author.guild.get_role(int(found["id"]))
            return tidy(role.name if role else "") or messages.say("mention.role")
        if found["kind"] == "#":
            return tidy(_channel(int(found["id"]), author.user)) or messages.say("mention.channel")
        if found["page"] is not None:
            return messages.say("mention.channel")
        if found["time"] is not None:
            return _time(int(found["time"]))
        return found["emoji"] or f"/{found['command']}"

    return MARK.sub(word, text)


def _channel(channel_id: int, viewer: Person) -> str:
    """Return a channel's name if the viewer can see the channel, else an empty text."""
    if not isinstance(viewer, discord.Member):
        return ""
    channel = viewer.guild.get_channel_or_thread(channel_id)
    if channel is None or (isinstance(channel, discord.Thread) and channel.is_private()):
        return ""
    try:
        visible = channel.permissions_for(viewer).view_channel
    except discord.ClientException:
        # A thread whose channel the library does not know.
        return ""
    return channel.name if visible else ""


def _time(seconds: int) -> str:
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return ""
    return f"{at:%Y-%m-%d %H:%M} UTC"


async def _looked_up(
    client: discord.Client, guild: discord.Guild | None, ids: list[int], patience: float
) -> dict[int, str]:
    names: dict[int, str] = {}
    try:
        async with asyncio.timeout(patience):
            for id_ in ids:
                if (name := await _name(client, guild, id_)) is not None:
                    names[id_] = name
    except TimeoutError:
        log.info("names_not_found", missing=len(ids) - len(names))
    return names


async def _name(client: discord.Client, guild: discord.Guild | None, user_id: int) -> str | None:
    try:
        async with outgoing(LOOKUP_SECONDS):
            if guild is not None:
                return (await guild.fetch_member(user_id)).display_name
            return (await client.fetch_user(user_id)).display_name
    except PostError as error:
        log.info("name_not_found", user=user_id, error=str(error))
        return None
