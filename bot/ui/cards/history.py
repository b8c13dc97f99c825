"""The card of a member's earlier videos, page by page."""

from typing import TYPE_CHECKING, Any

from discord import ui

from bot.domain.generation import Generation
from bot.domain.ids import UserId
from bot.ui.cards.buttons import control, page_control
from bot.ui.cards.custom_ids import Action
from bot.ui.cards.links import watch_link
from bot.ui.cards.status import state_word
from bot.ui.cards.theme import BLURPLE, SEPARATOR, CardContext, card
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.services.history import HistoryPage


def history_card(
    page: "HistoryPage", *, of: UserId, own: bool, card_context: CardContext
) -> ui.LayoutView:
    """A page of somebody's videos, with buttons for the next and the one before."""
    messages = card_context.messages
    title = messages.say("history.title") if own else messages.say("history.title_of", who=of)
    if not page.items and page.page == 0:
        none = messages.say("history.none") if own else messages.say("history.none_of", who=of)
        return card(title, none, colour=BLURPLE)
    items: list[ui.Item[Any] | str] = [title]
    for generation in page.items:
        button = control(Action.DETAILS, generation, messages.say("button.details"))
        items.append(ui.Section[Any](_history_entry(generation, messages), accessory=button))
    if page.page or page.has_more:
        newer, older = messages.say("button.newer"), messages.say("button.older")
        items.append(
            ui.ActionRow[Any](
                page_control(of, max(page.page - 1, 0), newer, disabled=page.page == 0),
                page_control(of, page.page + 1, older, disabled=not page.has_more),
            )
        )
        items.append("-# " + messages.say("history.page", page=page.page + 1))
    return card(*items, colour=BLURPLE)


def _history_entry(generation: Generation, messages: Messages) -> str:
    state = state_word(generation, messages)
    if link := watch_link(generation, messages):
        state += f"{SEPARATOR}{link}"
    return messages.say(
        "history.entry",
        prompt=generation.request.prompt or messages.say("status.no_prompt"),
        version=generation.version,
        state=state,
        at=generation.created_at,
    )
