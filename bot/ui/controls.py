"""Buttons that survive restarts: what they mean stands in their ``custom_id``.

Owns the grammar of our custom ids, the buttons, and the way from a press to the handler that a cog
registered. An id comes from outside and may be forged: it is read strictly, and what it names is
checked again by the service that is asked for it.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ui

from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, UserId

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient

PREFIX = "rt"


class Verb(StrEnum):
    """What a button or form does. ``FORM_*`` are forms that were sent off."""

    EDIT = "edit"
    AGAIN = "again"
    EXTEND = "extend"
    DETAILS = "details"
    FETCH = "fetch"
    DELETE = "delete"
    ERASE = "erase"
    CANCEL = "cancel"
    DROP = "drop"
    DELIVER = "deliver"
    HISTORY = "history"
    FORM_EDIT = "fedit"
    FORM_EXTEND = "fextend"
    FORM_UPLOAD = "fupload"
    FORM_MAKE = "fmake"


FORMS = frozenset({Verb.FORM_EDIT, Verb.FORM_EXTEND, Verb.FORM_UPLOAD, Verb.FORM_MAKE})

_ARGUMENTS: dict[Verb, str] = {
    **dict.fromkeys(Verb, r"(?P<generation>[0-9a-v]{20})"),
    Verb.HISTORY: r"(?P<user>[1-9]\d{0,19}):(?P<page>0|[1-9]\d{0,3})",
    Verb.FORM_UPLOAD: r"(?P<message>[1-9]\d{0,19})",
    Verb.FORM_MAKE: r"(?P<message>[1-9]\d{0,19})",
}
_PATTERNS = {
    verb: re.compile(f"{PREFIX}:{verb.value}:{arguments}", re.ASCII)
    for verb, arguments in _ARGUMENTS.items()
}


@dataclass(frozen=True, kw_only=True)
class ControlId:
    """What a custom id says."""

    verb: Verb
    generation_id: GenerationId | None = None
    user_id: UserId | None = None
    page: int = 0
    message_id: int | None = None

    @classmethod
    def parse(cls, custom_id: str) -> "ControlId | None":
        """Read an id; None when it is not exactly one of ours."""
        for verb, pattern in _PATTERNS.items():
            if (match := pattern.fullmatch(custom_id)) is not None:
                found = match.groupdict()
                user, message = found.get("user"), found.get("message")
                generation = found.get("generation")
                return cls(
                    verb=verb,
                    generation_id=None if generation is None else GenerationId(generation),
                    user_id=None if user is None else UserId(int(user)),
                    page=int(found.get("page") or 0),
                    message_id=None if message is None else int(message),
                )
        return None

    def __str__(self) -> str:
        if self.verb is Verb.HISTORY:
            return f"{PREFIX}:{self.verb}:{self.user_id}:{self.page}"
        return f"{PREFIX}:{self.verb}:{self.generation_id or self.message_id}"

    def generation(self) -> GenerationId:
        """The generation this is about.

        Raises:
            Refused: NOT_FOUND where an id names none.
        """
        if self.generation_id is None:
            raise Refused(Code.NOT_FOUND)
        return self.generation_id


Handler = Callable[[discord.Interaction["RetakeClient"], ControlId], Awaitable[None]]


@dataclass(kw_only=True)
class Switchboard:
    """Which handler serves which verb. Cogs register theirs when they are loaded."""

    _handlers: dict[Verb, Handler] = field(default_factory=dict[Verb, Handler])

    def on(self, verb: Verb, handler: Handler) -> None:
        """Serve a verb."""
        self._handlers[verb] = handler

    def handler(self, verb: Verb) -> Handler | None:
        """Who serves it."""
        return self._handlers.get(verb)


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


STYLES: dict[Verb, tuple[discord.ButtonStyle, str | None]] = {
    Verb.EDIT: (discord.ButtonStyle.primary, "✏️"),
    Verb.AGAIN: (discord.ButtonStyle.secondary, "🔄"),
    Verb.EXTEND: (discord.ButtonStyle.secondary, "➕"),
    Verb.DETAILS: (discord.ButtonStyle.secondary, "📋"),
    Verb.FETCH: (discord.ButtonStyle.primary, "📎"),
    Verb.DELETE: (discord.ButtonStyle.secondary, "🗑️"),
    Verb.ERASE: (discord.ButtonStyle.danger, None),
    Verb.CANCEL: (discord.ButtonStyle.secondary, "✖️"),
    Verb.DROP: (discord.ButtonStyle.danger, None),
    Verb.DELIVER: (discord.ButtonStyle.primary, None),
}


def control(verb: Verb, generation: Generation, label: str) -> Control:
    """A button about a generation."""
    style, emoji = STYLES[verb]
    custom_id = str(ControlId(verb=verb, generation_id=generation.id))
    return Control(ui.Button(style=style, label=label, emoji=emoji, custom_id=custom_id))


def page_control(user_id: UserId, page: int, label: str, *, disabled: bool) -> Control:
    """A button that turns to a page of somebody's history."""
    custom_id = str(ControlId(verb=Verb.HISTORY, user_id=user_id, page=page))
    return Control(ui.Button(label=label, custom_id=custom_id, disabled=disabled))


def control_ids(message: discord.Message) -> list[ControlId]:
    """All of our ids in a message, however deep its components are nested."""
    found: list[ControlId] = []
    waiting: list[Any] = list(message.components)
    while waiting:
        component = waiting.pop(0)
        custom_id = getattr(component, "custom_id", None)
        if custom_id is not None and (read := ControlId.parse(custom_id)) is not None:
            found.append(read)
        waiting += getattr(component, "children", ())
        if (accessory := getattr(component, "accessory", None)) is not None:
            waiting.append(accessory)
    return found
