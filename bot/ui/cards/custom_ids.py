"""The grammar of our custom ids, by which a button keeps its meaning over restarts.

An id comes from outside and may be forged: it is read strictly, and what it names is checked again
by the service that is asked for it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import discord

from bot.domain.errors import Code, Refused
from bot.domain.ids import GenerationId, UserId

PREFIX = "rt"


class Action(StrEnum):
    """What a button or form does. ``FORM_*`` are forms that were sent off."""

    EDIT = "edit"
    AGAIN = "again"
    RETRY = "retry"
    MAKE = "make"
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


FORMS = frozenset({Action.FORM_EDIT, Action.FORM_EXTEND, Action.FORM_UPLOAD, Action.FORM_MAKE})


_ARGUMENTS: dict[Action, str] = {
    **dict.fromkeys(Action, r"(?P<generation>[0-9a-v]{20})"),
    Action.HISTORY: r"(?P<user>[1-9]\d{0,19}):(?P<page>0|[1-9]\d{0,3})",
    Action.RETRY: r"(?P<message>[1-9]\d{0,19})",
    Action.MAKE: r"(?P<message>[1-9]\d{0,19})",
    Action.FORM_UPLOAD: r"(?P<message>[1-9]\d{0,19})",
    Action.FORM_MAKE: r"(?P<message>[1-9]\d{0,19})",
}


_PATTERNS = {
    action: re.compile(f"{PREFIX}:{action.value}:{arguments}", re.ASCII)
    for action, arguments in _ARGUMENTS.items()
}


@dataclass(frozen=True, kw_only=True)
class ControlId:
    """What a custom id says.

    ``message_id`` names a message, or with ``RETRY`` the interaction or message that was refused.
    """

    action: Action
    generation_id: GenerationId | None = None
    user_id: UserId | None = None
    page: int = 0
    message_id: int | None = None

    @classmethod
    def parse(cls, custom_id: str) -> "ControlId | None":
        """Read an id; None when it is not exactly one of ours."""
        for action, pattern in _PATTERNS.items():
            if (match := pattern.fullmatch(custom_id)) is not None:
                found = match.groupdict()
                user, message = found.get("user"), found.get("message")
                generation = found.get("generation")
                return cls(
                    action=action,
                    generation_id=None if generation is None else GenerationId(generation),
                    user_id=None if user is None else UserId(int(user)),
                    page=int(found.get("page") or 0),
                    message_id=None if message is None else int(message),
                )
        return None

    def __str__(self) -> str:
        if self.action is Action.HISTORY:
            return f"{PREFIX}:{self.action}:{self.user_id}:{self.page}"
        return f"{PREFIX}:{self.action}:{self.generation_id or self.message_id}"

    def generation(self) -> GenerationId:
        """The generation this is about.

        Raises:
            Refused: NOT_FOUND where an id names none.
        """
        if self.generation_id is None:
            raise Refused(Code.NOT_FOUND)
        return self.generation_id


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
