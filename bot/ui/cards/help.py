"""The help: what the bot can do, in one screen that fits the reader."""

from discord import ui

from bot.domain.request import ReplyMode
from bot.ui.cards.theme import BLURPLE, CardContext, card

PARTS = ("make", "change", "buttons", "own", "private")


def help_card(card_context: CardContext, *, admin: bool) -> ui.LayoutView:
    """Return the help for a member, or for an ``admin``, who may set limits."""
    messages = card_context.messages
    lines = [messages.say("help.title")]
    for part in PARTS:
        # Without replies, a video is changed with its button.
        replies_off = part == "change" and card_context.replies is ReplyMode.OFF
        lines.append(messages.say("help.change_by_button" if replies_off else f"help.{part}"))
    if admin:
        lines.append(messages.say("help.admin"))
    return card("\n".join(lines), colour=BLURPLE)
