"""Replies to our messages: which video one is about, what it says, and how it is answered.

This module owns reading a reply without the privileged intent: Discord shows its text only if the
reply pings us, or in a direct message. A reply has no private answer, so the answer is a short
message that is deleted again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import ui

from bot.domain.access import Viewer
from bot.domain.errors import Code, PostError, Refused
from bot.domain.generation import Generation
from bot.domain.ids import MessageId
from bot.domain.request import Operation, ReplyMode, VideoRequest
from bot.domain.wording import has_words
from bot.ui.cards.buttons import control, make_control, retry_control
from bot.ui.cards.custom_ids import Action, control_ids
from bot.ui.discord_errors import outgoing
from bot.ui.inbound import context, sources
from bot.ui.inbound.answers import LONGEST_SECONDS
from bot.ui.inbound.drafts import IncomingFiles, RequestDraft
from bot.ui.inbound.mentions import without_marks
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient

log = structlog.get_logger(__name__)

SHOWN_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A reply to a finished video, read once. ``draft`` is the edit of ``subject`` it requests.

    ``hidden`` is true if Discord did not show us its text.
    """

    subject: Generation
    draft: RequestDraft
    hidden: bool

    @property
    def reaction(self) -> bool:
        """``reaction`` is true if it requests nothing: an emoji, a sticker, a link, a mention."""
        return not self.draft.asked.request.prompt and not self.draft.files and not self.hidden


def is_reply(message: discord.Message) -> bool:
    """Return True if a message is a person's reply."""
    return message.type is discord.MessageType.reply and not message.author.bot


async def read(client: "RetakeClient", message: discord.Message) -> Reply | None:
    """Return what a reply requests, or None if it is about something else.

    Raises:
        Refused: NOT_FOUND, NOT_FINISHED or NOT_KEPT, if the reply speaks to us about such a video.
        PostError: the channel is not known, and Discord does not name it.
    """
    shown = speaks_to_us(client, message)
    if not shown and message.stickers and not message.content:
        # Discord always shows stickers: this one is a reaction, not a hidden text.
        return None
    subject = await _subject(client, message, shown=shown)
    if subject is None:
        return None
    request = VideoRequest(operation=Operation.EDIT, prompt=words(client, message))
    options = client.options
    draft = context.draft_of_reply(
        message,
        await _channel(client, message),
        request,
        files=IncomingFiles(images=tuple(map(sources.incoming, message.attachments))),
        parent_id=subject.id,
        locale=_locale(message),
        grace_seconds=options.reply_grace if options.replies is ReplyMode.EDIT else 0,
    )
    return Reply(subject=subject, draft=draft, hidden=not shown and not message.content)


async def _subject(
    client: "RetakeClient", message: discord.Message, *, shown: bool
) -> Generation | None:
    target = await _target(message)
    if target is None or client.user is None or target.author.id != client.user.id:
        return None
    client.check_served(message.guild.id if message.guild is not None else None)
    try:
        return await ours(client, target, viewer=context.viewer_of_reply(message))
    except Refused:
        # Members also chat below a video: only those who speak to us get an answer.
        if shown:
            raise
        return None


async def ours(
    client: "RetakeClient", message: discord.Message, *, viewer: Viewer
) -> Generation | None:
    """Return the generation of one of our messages, by its video or its buttons; None without.

    Raises:
        Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT.
    """
    services = client.services
    try:
        return await services.lookup.by_message(MessageId(message.id), viewer=viewer)
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
    named = [mark.generation_id for mark in control_ids(message) if mark.generation_id]
    return await services.lookup.by_id(named[0], viewer=viewer) if named else None


def speaks_to_us(client: "RetakeClient", message: discord.Message) -> bool:
    """Return True if Discord shows us the text: with the ping on, or in a direct message."""
    if message.guild is None:
        return True
    return client.user is not None and any(who.id == client.user.id for who in message.mentions)


def words(client: "RetakeClient", message: discord.Message) -> str:
    """Return what the reply says, without the mention of us.

    Empty if there are no words in it: a sticker, an emoji, a GIF's link or a bare mention is a
    reaction, which requests nothing.
    """
    text = message.content
    for mention in _mentions_of_us(client, message):
        text = text.replace(mention, " ")
    return text.strip() if has_words(without_marks(text)) else ""


def _mentions_of_us(client: "RetakeClient", message: discord.Message) -> list[str]:
    if client.user is None:
        return []
    role = message.guild.self_role if message.guild is not None else None
    ours = [f"<@{client.user.id}>", f"<@!{client.user.id}>"]
    return ours if role is None else [*ours, f"<@&{role.id}>"]


async def _channel(client: "RetakeClient", message: discord.Message) -> object:
    """Return the channel, fetched if the library does not know it (an old thread)."""
    if isinstance(message.channel, discord.PartialMessageable):
        async with outgoing(LONGEST_SECONDS):
            return await client.fetch_channel(message.channel.id)
    return message.channel


def _locale(message: discord.Message) -> str:
    """The server's locale. Discord sends a user's locale only with interactions."""
    return message.guild.preferred_locale.value if message.guild is not None else "en-US"


def messages(message: discord.Message) -> Messages:
    """Return the sentences in the language for the author of a message."""
    return Messages.for_locale(_locale(message))


async def tell(
    message: discord.Message, text: str, *, about: Generation | None = None, send: str = ""
) -> None:
    """Answer below a message, without a ping; in a server it is deleted after a few minutes.

    ``about`` adds the button that opens the form instead, ``send`` is the key of the label of the
    one that makes the request that the message is.
    """
    view = ui.View(timeout=None)
    if send:
        view.add_item(retry_control(message.id, messages(message).say(send)))
    if about is not None:
        view.add_item(control(Action.EDIT, about, messages(message).say("button.edit")))
    await _answer(message, text, view)


async def greet(message: discord.Message) -> None:
    """Tell somebody who speaks to the bot without a command how to begin."""
    label = messages(message).say("button.make")
    view = ui.View(timeout=None).add_item(make_control(message.id, label))
    await _answer(message, messages(message).say("help.greeting"), view)


async def _answer(message: discord.Message, text: str, view: ui.View) -> None:
    said: dict[str, Any] = {"mention_author": False}
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
