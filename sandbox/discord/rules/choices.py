"""The kinds of components, and the rules of everything one chooses from.

Owns selects and lists of options, in messages (`components`) and in modals (`modals`) alike.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from sandbox.discord.rules.errors import Form

Json = dict[str, Any]
Path = tuple[str | int, ...]
SELECTS = {3, 5, 6, 7, 8}


class Kind(IntEnum):
    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18
    FILE_UPLOAD = 19
    RADIO_GROUP = 21
    CHECKBOX_GROUP = 22
    CHECKBOX = 23


def check_select(form: Form, select: Json, path: Path) -> None:
    """The rules of every kind of select, in messages and in modals."""
    low, high = select.get("min_values"), select.get("max_values")
    low, high = 1 if low is None else low, 1 if high is None else high
    if not 0 <= low <= 25:
        form.add((*path, "min_values"), "NUMBER_TYPE_MAX", "int value should be between 0 and 25.")
    if not 1 <= high <= 25 or low > high:
        form.add((*path, "max_values"), "NUMBER_TYPE_MAX", "int value should be between 1 and 25.")
    if len(select.get("placeholder") or "") > 150:
        form.too_long(150, *path, "placeholder")
    if select["type"] != Kind.STRING_SELECT:
        return
    options = select.get("options") or []
    if not 1 <= len(options) <= 25:
        form.length(1, 25, *path, "options")
        return
    check_options(form, options, (*path, "options"))
    if high > len(options) or low > len(options):
        form.add(
            (*path, "options"),
            "SELECT_COMPONENT_INVALID_NUMBER_OF_OPTIONS",
            "There are fewer options than min_values or max_values ask for",
        )
    if sum(bool(option.get("default")) for option in options) > high:
        form.add(
            (*path, "options"),
            "SELECT_COMPONENT_TOO_MANY_DEFAULT_OPTIONS",
            "There are more default options than max_values",
        )


def check_options(form: Form, options: list[Json], path: Path) -> None:
    """Labels, values and descriptions of a list to choose from; values are unique."""
    seen: set[str] = set()
    for index, option in enumerate(options):
        for key in ("label", "value"):
            if not 1 <= len(option.get(key) or "") <= 100:
                form.length(1, 100, *path, index, key)
        if len(option.get("description") or "") > 100:
            form.too_long(100, *path, index, "description")
        value = option.get("value") or ""
        if value in seen:
            form.add(
                (*path, index, "value"),
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            )
        seen.add(value)
