"""What all cards share: colours, the bar, the frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from discord import ui

from bot.domain.catalogue import Catalogue, Plan
from bot.domain.generation import State
from bot.domain.request import ReplyMode
from bot.ui.text.messages import Messages

YELLOW, BLURPLE, GREEN, RED, GREY = 0xFEE75C, 0x5865F2, 0x57F287, 0xED4245, 0x80848E
CELLS = 12
SEPARATOR = " · "

_COLOURS = {
    State.QUEUED: YELLOW,
    State.DELIVERED: GREEN,
    State.FAILED: RED,
    State.EXPIRED: RED,
    State.UNDELIVERABLE: RED,
    State.CANCELLED: GREY,
}


@dataclass(frozen=True, kw_only=True)
class CardContext:
    """What every card needs: the words, what models are called and can do, what replies do."""

    messages: Messages
    catalogue: Catalogue
    replies: ReplyMode = ReplyMode.EDIT

    @classmethod
    def for_locale(cls, locale: str, catalogue: Catalogue) -> "CardContext":
        """Return the context for a Discord locale."""
        return cls(messages=Messages.for_locale(locale), catalogue=catalogue)

    @property
    def titles(self) -> Mapping[str, str]:
        """The models' names for people."""
        return {str(name): title for name, title in self.catalogue.titles.items()}

    def title(self, plan: Plan) -> str:
        """One model's name for people."""
        return self.titles.get(plan.model, plan.model)


def card(*items: ui.Item[Any] | str, colour: int | None = None) -> ui.LayoutView:
    """A card of text and rows, with an accent."""
    children = [ui.TextDisplay(item) if isinstance(item, str) else item for item in items if item]
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*children, accent_colour=colour))
    return view


def bar(percent: float, *, cells: int = CELLS) -> str:
    """Return a bar of this many cells; full only at 100 %, never empty once something is done."""
    part = min(max(percent, 0), 100) * cells / 100
    filled = int(part) if percent >= 100 or part >= 1 or percent <= 0 else 1
    return "▰" * filled + "▱" * (cells - filled)
