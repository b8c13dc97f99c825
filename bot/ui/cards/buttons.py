"""The buttons of cards, whose meaning stands in their custom ids."""

import re
from typing import Any, Self

import discord
from discord import ui

from bot.domain.generation import Generation
from bot.domain.ids import UserId
from bot.ui.cards.custom_ids import PREFIX, Action, ControlId


class Control(ui.DynamicItem[ui.Button[Any]], template=rf"(?s:{PREFIX}:.*)"):
    """Any of our buttons, new or from before a restart."""

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the library's signature
        item: ui.Item[Any],
        match: re.Match[str],  # noqa: ARG003 - read again, strictly, when it is pressed
        /,
    ) -> Self:
        if not isinstance(item, ui.Button):
            raise TypeError(f"a {type(item).__name__} has the id of a button")
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.serve(interaction, self.custom_id)


STYLES: dict[Action, tuple[discord.ButtonStyle, str | None]] = {
    Action.EDIT: (discord.ButtonStyle.primary, "✏️"),
    Action.AGAIN: (discord.ButtonStyle.secondary, "🔄"),
    Action.MAKE: (discord.ButtonStyle.primary, "🎬"),
    Action.RETRY: (discord.ButtonStyle.primary, "🔁"),
    Action.EXTEND: (discord.ButtonStyle.secondary, "➕"),
    Action.DETAILS: (discord.ButtonStyle.secondary, "📋"),
    Action.FETCH: (discord.ButtonStyle.primary, "📎"),
    Action.DELETE: (discord.ButtonStyle.secondary, "🗑️"),
    Action.ERASE: (discord.ButtonStyle.danger, None),
    Action.CANCEL: (discord.ButtonStyle.secondary, "✖️"),
    Action.DROP: (discord.ButtonStyle.danger, None),
    Action.DELIVER: (discord.ButtonStyle.primary, None),
}


def control(action: Action, generation: Generation, label: str) -> Control:
    """A button about a generation."""
    return _control(ControlId(action=action, generation_id=generation.id), label)


def retry_control(request_id: int, label: str) -> Control:
    """The button that makes a refused request once more."""
    return _control(ControlId(action=Action.RETRY, message_id=request_id), label)


def make_control(message_id: int, label: str) -> Control:
    """The button that opens the form for a new video, with what a message says and shows."""
    return _control(ControlId(action=Action.MAKE, message_id=message_id), label)


def _control(control_id: ControlId, label: str) -> Control:
    style, emoji = STYLES[control_id.action]
    return Control(ui.Button(style=style, label=label, emoji=emoji, custom_id=str(control_id)))


def page_control(user_id: UserId, page: int, label: str, *, disabled: bool) -> Control:
    """A button that turns to a page of somebody's history."""
    custom_id = str(ControlId(action=Action.HISTORY, user_id=user_id, page=page))
    return Control(ui.Button(label=label, custom_id=custom_id, disabled=disabled))
