"""What an application command may be: names, descriptions, options, choices, how many.

Owns the rules that Discord enforces on registration. Must not store anything (`commands`).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from sandbox.discord.rules.errors import DiscordError, Form

Json = dict[str, Any]
Path = tuple[str | int, ...]
CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
STRING, INTEGER, BOOLEAN, USER_OPTION, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
LIMITS = {CHAT: 100, USER: 15, MESSAGE: 15}
CHAT_NAME = re.compile(r"^[-_'\w\u0900-\u097F\u0E00-\u0E7F]{1,32}$")
# Discord's own languages.
LOCALES = {
    "id",
    "da",
    "de",
    "en-GB",
    "en-US",
    "es-ES",
    "es-419",
    "fr",
    "hr",
    "it",
    "lt",
    "hu",
    "nl",
    "no",
    "pl",
    "pt-BR",
    "ro",
    "fi",
    "sv-SE",
    "vi",
    "tr",
    "cs",
    "el",
    "bg",
    "ru",
    "uk",
    "hi",
    "th",
    "zh-CN",
    "ja",
    "zh-TW",
    "ko",
}


def check_set(form: Form, bodies: list[Json]) -> None:
    """What holds for all commands of one scope together."""
    kinds = Counter(body.get("type") or CHAT for body in bodies)
    for kind, limit in LIMITS.items():
        if kinds[kind] > limit:
            raise DiscordError(
                400, 30032, f"Maximum number of application commands reached ({limit})."
            )
    seen: set[tuple[int, str]] = set()
    for index, body in enumerate(bodies):
        key = (body.get("type") or CHAT, body["name"])
        if key in seen:
            form.add(
                (index, "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            )
        seen.add(key)


def check_command(form: Form, body: object, path: Path) -> None:
    """One command's name, description, options and permissions."""
    if not isinstance(body, dict):
        form.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    kind = body.get("type") or CHAT
    if kind not in LIMITS:
        form.choice((1, 2, 3), *path, "type")
        return
    name = body.get("name") or ""
    if kind == CHAT:
        _check_name(form, name, (*path, "name"))
        _check_description(form, body, path)
    else:
        if not 1 <= len(name) <= 32:
            form.length(1, 32, *path, "name")
        for key in ("description", "options"):
            if body.get(key):
                form.add(
                    (*path, key),
                    "APPLICATION_COMMAND_CONTEXT_MENU_" + key.upper() + "_FORBIDDEN",
                    f"Context menu commands cannot have {key}",
                )
    _check_localizations(form, body, path, chat=kind == CHAT)
    allowed = body.get("default_member_permissions")
    if allowed is not None and not str(allowed).isdecimal():
        form.add(
            (*path, "default_member_permissions"),
            "NUMBER_TYPE_COERCE",
            f'Value "{allowed}" is not int.',
        )
    for key, choices in (("contexts", (0, 1, 2)), ("integration_types", (0, 1))):
        for index, value in enumerate(body.get(key) or []):
            if value not in choices:
                form.choice(choices, *path, key, index)
    if kind == CHAT:
        check_options(form, body.get("options") or [], (*path, "options"), depth=0)
        if _weight(body) > 8000:
            form.add(
                path,
                "APPLICATION_COMMAND_TOO_LARGE",
                "Command exceeds maximum size (8000)",
            )


def _weight(body: Json) -> int:
    own = len(body.get("name") or "") + len(body.get("description") or "")
    own += sum(
        len(str(c.get("name"))) + len(str(c.get("value"))) for c in body.get("choices") or []
    )
    return own + sum(_weight(option) for option in body.get("options") or [])


def _check_name(form: Form, name: str, path: Path) -> None:
    if not 1 <= len(name) <= 32:
        form.length(1, 32, *path)
    elif not CHAT_NAME.match(name) or name != name.lower():
        form.add(
            path,
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        )


def _check_description(form: Form, body: Json, path: Path) -> None:
    description = body.get("description")
    if not description:
        form.required(*path, "description")
    elif len(description) > 100:
        form.length(1, 100, *path, "description")


def _check_localizations(form: Form, body: Json, path: Path, *, chat: bool) -> None:
    for key in ("name_localizations", "description_localizations"):
        for locale, text in (body.get(key) or {}).items():
            here = (*path, key, locale)
            if locale not in LOCALES:
                form.choice("Discord's locales", *here)
            elif key == "name_localizations" and chat:
                _check_name(form, text, here)
            elif not 1 <= len(text) <= (32 if key.startswith("name") else 100):
                form.length(1, 32 if key.startswith("name") else 100, *here)


def check_options(form: Form, options: list[Json], path: Path, *, depth: int) -> None:
    """Options, subcommands and groups at one level, and below."""
    if len(options) > 25:
        form.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    names: set[str] = set()
    nested = [option.get("type") in (SUBCOMMAND, GROUP) for option in options]
    if any(nested) and not all(nested):
        form.add(
            path,
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other "
            "types",
        )
    optional_before = False
    for index, option in enumerate(options):
        here = (*path, index)
        kind = option.get("type")
        name = option.get("name") or ""
        _check_name(form, name, (*here, "name"))
        _check_description(form, option, here)
        _check_localizations(form, option, here, chat=True)
        if name in names:
            form.add(
                (*here, "name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                "Option name already exists",
            )
        names.add(name)
        if (kind == GROUP and depth > 0) or (kind == SUBCOMMAND and depth > 1):
            form.add(
                (*here, "type"),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                "This option type may not be used at this depth",
            )
        elif kind in (SUBCOMMAND, GROUP):
            check_options(form, option.get("options") or [], (*here, "options"), depth=depth + 1)
        elif kind not in range(3, 12):
            form.choice(tuple(range(1, 12)), *here, "type")
        else:
            _check_value_option(form, option, here)
            if option.get("required") and optional_before:
                form.add(
                    here,
                    "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                    "Required options must be placed before non-required options",
                )
            optional_before = optional_before or not option.get("required")


def _check_value_option(form: Form, option: Json, path: Path) -> None:
    choices = option.get("choices") or []
    kind = option["type"]
    if choices and kind not in (STRING, INTEGER, NUMBER):
        form.add((*path, "choices"), "APPLICATION_COMMAND_CHOICES_INVALID", "No choices here")
    if len(choices) > 25:
        form.add((*path, "choices"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if choices and option.get("autocomplete"):
        form.add(
            (*path, "autocomplete"),
            "APPLICATION_COMMAND_OPTIONS_CHOICES_AND_AUTOCOMPLETE",
            "autocomplete may not be set to true if choices are present",
        )
    names: set[str] = set()
    for index, choice in enumerate(choices):
        name, value = choice.get("name") or "", choice.get("value")
        if not 1 <= len(name) <= 100:
            form.length(1, 100, *path, "choices", index, "name")
        if name in names:
            form.add(
                (*path, "choices", index, "name"),
                "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS",
                "Option choice name already exists",
            )
        names.add(name)
        fits = isinstance(value, str) if kind == STRING else isinstance(value, (int, float))
        if not fits or (isinstance(value, str) and not 1 <= len(value) <= 100):
            form.add(
                (*path, "choices", index, "value"),
                "BASE_TYPE_BAD_TYPE",
                "The value has a wrong type",
            )
