"""Reading the configuration from a TOML file and the environment, which overrides the file.

Owns the messages about invalid values, none of which ever contains a secret.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bot.settings.keys import Settings

PREFIX = "RETAKE__"

_RETIRED = frozenset({("media", "ffmpeg")})
"""Keys of earlier versions, which are ignored."""

DEFAULT_FILE = Path("config.toml")


class SettingsError(Exception):
    """The configuration is invalid. ``problems`` are sentences without secrets."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration.

    ``path`` None means ``config.toml`` in the current folder, if it exists.

    Raises:
        SettingsError: the configuration is invalid; it lists every problem.
    """
    environ = os.environ if environ is None else environ
    file = path or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    raw = _read_file(file) if file else {}
    problems: list[str] = []
    from_environment: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        keys = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        if keys in _RETIRED:
            continue
        field = _field(keys)
        if field is None or _section(field):
            problems.append(_unknown_variable(variable))
            continue
        from_environment[keys] = variable
        _put(raw, keys, _parse(environ[variable], field))
    for section, key in _RETIRED:
        if isinstance(values := raw.get(section), dict):
            values.pop(key, None)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        name = str(file) if file else "the configuration"
        problems += [
            _sentence(name, fault["type"], fault["loc"], raw, from_environment)
            for fault in error.errors(include_url=False, include_context=False)
        ]
        raise SettingsError(list(dict.fromkeys(problems))) from None
    if problems:
        raise SettingsError(problems)
    return settings


def missing(file: Path) -> str:
    """Return what to do if there is no configuration file."""
    return f"{file} does not exist: copy config.example.toml to it and fill it in."


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([missing(file)]) from None
    except IsADirectoryError:
        problem = (
            f"{file} is a folder, not a file. Docker creates one if the file to mount is missing:"
            " remove it, copy config.example.toml to its place and fill it in."
        )
        raise SettingsError([problem]) from None
    except PermissionError:
        problem = (
            f"{file} can't be read by user {os.getuid()}, who runs the bot: fix its permissions."
        )
        raise SettingsError([problem]) from None
    except OSError as error:
        raise SettingsError([f"{file} can't be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file} is not UTF-8 text: save it as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file} is not valid TOML: {error}."]) from None


def _put(raw: dict[str, Any], keys: tuple[str, ...], value: object) -> None:
    for key in keys[:-1]:
        raw = raw.setdefault(key, {})
        if not isinstance(raw, dict):
            return  # the file has a value in place of a section, which is another problem
    raw[keys[-1]] = value


def _parse(text: str, field: FieldInfo) -> object:
    """Parse lists and tables as TOML; a list may also be separated by commas."""
    kind = str(field.annotation)
    if not kind.startswith(("tuple", "dict")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in text.split(",")] if kind.startswith("tuple") else text


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _field(keys: tuple[str, ...]) -> FieldInfo | None:
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    for key in keys:
        field = model.model_fields.get(key) if model else None
        if field is None:
            return None
        model = _section(field)
    return field


def _paths(model: type[BaseModel] = Settings) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = _section(field)
        if inner is None:
            yield (name,)
        else:
            yield from ((name, *rest) for rest in _paths(inner))


def _unknown_variable(variable: str) -> str:
    known = [PREFIX + "__".join(path).upper() for path in _paths()]
    near = difflib.get_close_matches(variable, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "config.example.toml lists every key."
    return f"Unknown environment variable {variable}; {hint}"


def _unknown_key(file: str, keys: tuple[str, ...]) -> str:
    *section, key = keys
    owner = Settings if not section else _section_of(tuple(section))
    names = list(owner.model_fields) if owner else []
    place = f"[{'.'.join(section)}]" if section else "The top level"
    near = difflib.get_close_matches(key, names, n=1)
    if near:
        field = owner.model_fields[near[0]] if owner else None
        named = (
            f"[{'.'.join((*section, near[0]))}]" if field and _section(field) else f'"{near[0]}"'
        )
        return f'{file}: {place} has no "{key}"; did you mean {named}?'
    elsewhere = [path for path in _paths() if path[-1] == key]
    if elsewhere:
        where = ".".join(elsewhere[0][:-1])
        return f'{file}: {place} has no "{key}"; did you mean "{key}" in [{where}]?'
    return f'{file}: {place} has no "{key}"; it has {", ".join(names)}.'


def _section_of(keys: tuple[str, ...]) -> type[BaseModel] | None:
    field = _field(keys)
    return _section(field) if field else None


def _sentence(
    file: str,
    fault: str,
    loc: tuple[int | str, ...],
    raw: dict[str, Any],
    from_environment: Mapping[tuple[str, ...], str],
) -> str:
    keys = tuple(key for key in loc if isinstance(key, str))
    if fault == "extra_forbidden":
        return _unknown_key(file, keys)
    field = _field(keys)
    if field is None or _section(field):
        return f"{file}: {'.'.join(keys)} is a section: write it as [{'.'.join(keys)}]."
    value: Any = raw
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    secret = "SecretStr" in str(field.annotation) or not field.repr
    shown = " is invalid" if secret else f" is {_toml(value)}"
    name = from_environment.get(keys)
    subject = (
        f"{name} in the environment" if name else f"{file}: [{'.'.join(keys[:-1])}] {keys[-1]}"
    )
    return f"{subject}{shown}; it must be {field.description}."


def _toml(value: object) -> str:
    """Return a value as the file would hold it, shortened, and without secrets in addresses."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = re.sub(r"//[^/@]*@", "//***@", text)
    text = re.sub(r"\?[^\"]*", "?***", text)
    return text if len(text) <= 80 else f"{text[:79]}…"
