"""The card of a member's videos in progress."""

from collections.abc import Sequence
from typing import Any

from discord import ui

from bot.domain.generation import Generation, LiveStatus
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.cards.status import state_line
from bot.ui.cards.theme import BLURPLE, CardContext, card
from bot.ui.text.markdown import plain

MOST_JOBS = 9


def jobs_card(
    jobs: Sequence[tuple[Generation, LiveStatus]], card_context: CardContext
) -> ui.LayoutView:
    """Return the card of a member's videos in progress, each with its cancel button."""
    messages = card_context.messages
    if not jobs:
        return card(messages.say("jobs.none"), colour=BLURPLE)
    items: list[ui.Item[Any] | str] = [messages.say("jobs.title")]
    for generation, live_status in jobs[:MOST_JOBS]:
        prompt = plain(generation.request.prompt, 120) or messages.say("status.no_prompt")
        text = f"**{prompt}**\n{state_line(generation, live_status, card_context)}"
        button = control(Action.CANCEL, generation, messages.say("button.cancel"))
        items.append(ui.Section[Any](text, accessory=button))
    if len(jobs) > MOST_JOBS:
        items.append(messages.say("jobs.more", count=len(jobs) - MOST_JOBS))
    return card(*items, colour=BLURPLE)
