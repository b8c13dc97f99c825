"""Replies to our messages: which video one is about, what it says, and how it is answered.

Owns reading a reply without the privileged intent: Discord shows what was written only when the
reply pings us, or in a direct message. A reply has no private answer, so what has to be said is
said in a short message that goes away again.
"""

from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import ui

from bot.domain.access import Viewer
from bot.domain.errors import Code, PostError, Refused
from bot.domain.generation import Generation
from bot.domain.ids import MessageId
from bot.domain.wording import has_words, wording
from bot.ui.cards.buttons import control, retry_control
from bot.ui.cards.custom_ids import Action, control_ids
from bot.ui.discord_errors import outgoing
from bot.ui.inbound import context
from bot.ui.inbound.answers import LONGEST_SECONDS
from bot.ui.inbound.mentions import in_words, without_marks
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient

log = structlog.get_logger(__name__)

SHOWN_SECONDS = 180.0


async def subject(client: "RetakeClient", message: discord.Message) -> Generation | None:
    """The finished video that a reply is about; None when it is about something else.

    Raises:
        Refused: NOT_FOUND or NOT_FINISHED, when the reply speaks to us about such a one.
    """
    if not speaks_to_us(client, message) and message.stickers and not message.content:
        # Stickers are shown to us whatever is said: this one is a reaction, not a hidden text.
        return None
    target = await _target(message)
    if target is None or client.user is None or target.author.id != client.user.id:
        return None
    client.check_served(message.guild.id if message.guild is not None else None)
    try:
        return await ours(client, target, viewer=context.author(message))
    except Refused:
        # People also chat below a video: only who speaks to us gets an answer.
        if speaks_to_us(client, message):
            raise
        return None


async def ours(
    client: "RetakeClient", message: discord.Message, *, viewer: Viewer
) -> Generation | None:
    """The generation of one of our messages, by its video or by its buttons; None: it has none.

    Raises:
        Refused: NOT_FOUND, NOT_FINISHED.
    """
    services = client.services
    try:
        return await services.edit.subject(MessageId(message.id), viewer=viewer)
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
    named = [mark.generation_id for mark in control_ids(message) if mark.generation_id]
    return await services.edit.by_id(named[0], viewer=viewer) if named else None


def speaks_to_us(client: "RetakeClient", message: discord.Message) -> bool:
    """Whether Discord shows us what was written: with the ping on, or in a direct message."""
    if message.guild is None:
        return True
    return client.user is not None and any(who.id == client.user.id for who in message.mentions)


async def instruction(client: "RetakeClient", message: discord.Message) -> str:
    """What the reply says, without the mention of us, every other mention as a name.

    Empty when there are no words in it: a sticker, an emoji, a GIF's link or a bare mention is a
    reaction, which orders nothing.

    Raises:
        Refused: CONTENT_HIDDEN when Discord kept it from us.
    """
    if not message.content and not speaks_to_us(client, message):
        raise Refused(Code.CONTENT_HIDDEN)
    text = message.content
    for mention in _mentions_of_us(client, message):
        text = text.replace(mention, " ")
    if not has_words(without_marks(text)):
        return ""
    text = await in_words(
        client,
        text,
        messages=messages(message),
        asker=message.author,
        guild=message.guild,
        known=message.mentions,
    )
    return wording(text)


def _mentions_of_us(client: "RetakeClient", message: discord.Message) -> list[str]:
    if client.user is None:
        return []
    role = message.guild.self_role if message.guild is not None else None
    ours = [f"<@{client.user.id}>", f"<@!{client.user.id}>"]
    return ours if role is None else [*ours, f"<@&{role.id}>"]


async def channel(client: "RetakeClient", message: discord.Message) -> object:
    """The channel of a message, fetched where the library does not know it (an old thread)."""
    if isinstance(message.channel, discord.PartialMessageable):
        return await client.fetch_channel(message.channel.id)
    return message.channel


def locale(message: discord.Message) -> str:
    """The server's language; of a person's own nothing is told outside interactions."""
    return message.guild.preferred_locale.value if message.guild is not None else "en-US"


def messages(message: discord.Message) -> Messages:
    """Return the sentences in the language for the author of a message."""
    return Messages.for_locale(locale(message))


async def tell(
    message: discord.Message, text: str, *, about: Generation | None, retry: bool = False
) -> None:
    """Answer below the reply, without a ping; in a server it goes away after a few minutes.

    ``about`` adds the button that opens the form instead, ``retry`` the one that makes the same
    request once more.
    """
    said: dict[str, Any] = {"mention_author": False}
    view = ui.View(timeout=None)
    if retry:
        view.add_item(retry_control(message.id, messages(message).say("button.retry")))
    if about is not None:
        view.add_item(control(Action.EDIT, about, messages(message).say("button.edit")))
    if view.children:
        said["view"] = view
    if message.guild is not None:
        said["delete_after"] = SHOWN_SECONDS
    try:
        async with outgoing(LONGEST_SECONDS):
            await message.reply(text, **said)
    except PostError as error:
        log.warning("reply_not_answered", message=message.id, error=str(error))


async def _target(message: discord.Message) -> discord.Message | None:
    reference = message.reference
    if reference is None or reference.message_id is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    if isinstance(reference.resolved, discord.DeletedReferencedMessage):
        return None
    try:
        async with outgoing(LONGEST_SECONDS):
            return await message.channel.fetch_message(reference.message_id)
    except PostError as error:
        log.info("reply_to_unseen", message=message.id, error=str(error))
        return None
