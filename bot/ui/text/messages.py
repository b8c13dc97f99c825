"""Every sentence a person reads, by key, in their language.

Owns the catalogues in ``locales/`` (one TOML file a language: adding a language is adding a file)
and how facts are put into sentences: plurals, numbers, lists, money, times. Knows nothing of
Discord's objects; what a sentence is about is its caller's business.

A placeholder is ``{fact}`` or ``{fact:how}``. Without ``how`` a text is shown as plain text (see
``markdown.plain``) and a number as people write it. ``how`` is one of ``raw`` (our own markup),
``ago``, ``at`` and ``clock`` (a time), ``span`` (seconds, in the largest unit that fits), ``usd``
(micro-USD), ``mib`` (bytes), ``person`` (an id), ``and`` or ``or`` (a list), the name of a table in
``[plural]`` ("3 videos") or of one in ``[word]`` (the word for a value).
"""

import string
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from bot.domain.errors import Code
from bot.ui.text.markdown import plain

DEFAULT_LANGUAGE = "en"

_TIMES = {"ago": "R", "at": "f", "clock": "T"}
"""Discord's styles of a time: how far away, the day and the time, the time with its seconds."""


class MessageError(LookupError):
    """A sentence, table or fact that does not exist: a fault in our own code."""


class Messages(string.Formatter):
    """The sentences of one language."""

    def __init__(self, locale: Locale, sentences: Mapping[str, str]) -> None:
        self.locale = locale
        self._sentences = sentences

    @classmethod
    def for_locale(cls, tag: str) -> "Messages":
        """The sentences for a Discord locale such as ``en-US``; English where there is no file."""
        return _load(tag)

    def names(self) -> frozenset[str]:
        """Every key of this language."""
        return frozenset(self._sentences)

    def has(self, key: str) -> bool:
        """Whether there is a sentence of that key."""
        return key in self._sentences

    def say(self, key: str, /, **facts: Any) -> str:
        """The sentence of that key with its facts.

        Raises:
            MessageError: no such key, or a fact is missing.
        """
        return self.vformat(self.template(key), (), facts)

    def explain(
        self, code: Code, facts: Mapping[str, Any], *, titles: Mapping[str, str] | None = None
    ) -> str:
        """What a code means for the person who asked; shorter where facts are missing.

        ``titles`` are the models' names for people.
        """
        values = {name: value for name, value in facts.items() if value is not None}
        if isinstance(model := values.get("model"), str):
            values["model"] = (titles or {}).get(model, model)
        if isinstance(allowed := values.get("allowed"), list):
            values["allowed"] = [(titles or {}).get(name, name) for name in allowed]
        if isinstance(missing := values.get("missing"), list):
            values["missing"] = [self.word("right", right) for right in missing]
        try:
            return self.vformat(self.template(f"code.{code.value}.text"), (), values)
        except (MessageError, ValueError, TypeError):
            # Facts come from many places, some of them outside: without them the short form is
            # still true, and a person must get an answer.
            return self.template(f"code.{code.value}.plain")

    def word(self, table: str, value: object) -> str:
        """The word for a value, from a table of ``[word]``."""
        return self.template(f"word.{table}.{value}")

    def count(self, table: str, number: int) -> str:
        """A number with its noun in the right form, from a table of ``[plural]``."""
        form = self.locale.plural_form(number)
        key = f"plural.{table}.{form}"
        template = self.template(key if key in self._sentences else f"plural.{table}.other")
        return template.replace("{n}", format_decimal(number, locale=self.locale))

    def template(self, key: str) -> str:
        """The sentence of that key as written."""
        try:
            return self._sentences[key]
        except KeyError:
            raise MessageError(f"no sentence {key!r} in {self.locale}") from None

    def get_value(
        self,
        key: int | str,
        args: Sequence[Any],  # noqa: ARG002 - the standard library's signature
        kwargs: Mapping[str, Any],
    ) -> Any:
        try:
            return kwargs[str(key)]
        except KeyError:
            raise MessageError(f"the fact {key!r} is missing") from None

    def get_field(
        self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, str]:
        # Neither attributes nor indices: a sentence names facts and nothing else.
        return self.get_value(field_name, args, kwargs), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "":
                return self._shown(value)
            case "raw":
                return str(value)
            case "ago" | "at" | "clock":
                return f"<t:{_unix(value)}:{_TIMES[format_spec]}>"
            case "usd":
                return self._dollars(int(value))
            case "span":
                return self._span(int(value))
            case "mib":
                return f"{format_decimal(round(value / 2**20, 1), locale=self.locale)} MiB"
            case "person":
                return f"<@{int(value)}>"
            case "and" | "or":
                return self._list(value, "standard" if format_spec == "and" else "or")
        if f"plural.{format_spec}.other" in self._sentences:
            return self.count(format_spec, int(value))
        return self.word(format_spec, value)

    def _shown(self, value: Any) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return format_decimal(value, locale=self.locale)
        return plain(str(value))

    def _list(self, values: Sequence[Any], style: Any) -> str:
        return format_list([self._shown(value) for value in values], style, locale=self.locale)

    def _span(self, seconds: int) -> str:
        """A stretch of time in the largest unit that tells it exactly."""
        for table, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
            if seconds and seconds % length == 0:
                return self.count(table, seconds // length)
        return self.count("second", seconds)

    def _dollars(self, micro_usd: int) -> str:
        # Half a cent is a price here: two digits would show it as nothing or as twice as much.
        digits = 2 if micro_usd >= 10_000 or not micro_usd else 3
        return format_currency(
            micro_usd / 1_000_000,
            "USD",
            format=f"¤#,##0.{'0' * digits}",
            locale=self.locale,
            currency_digits=False,
        )


def _unix(value: datetime | float) -> int:
    return int(value.timestamp()) if isinstance(value, datetime) else int(value)


def _language(tag: str) -> str:
    return tag.partition("-")[0]


@cache
def languages() -> frozenset[str]:
    """The languages there are files for, as tags: ``en``, ``pt-BR``."""
    files = resources.files("bot.ui").joinpath("locales").iterdir()
    return frozenset(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


@cache
def _sentences(language: str) -> dict[str, str]:
    text = resources.files("bot.ui").joinpath(f"locales/{language}.toml").read_text("utf-8")
    return dict(_flat("", tomllib.loads(text)))


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        found += [(key, value.strip())] if isinstance(value, str) else _flat(f"{key}.", value)
    return found


@lru_cache(maxsize=64)
def _load(tag: str) -> Messages:
    language = next(
        (name for name in (tag, _language(tag)) if name in languages()), DEFAULT_LANGUAGE
    )
    # Numbers as people write them there, where the language is theirs; else as English does.
    spoken = tag if _language(tag) == _language(language) else language
    merged = {**_sentences(DEFAULT_LANGUAGE), **_sentences(language)}
    try:
        locale = Locale.parse(spoken, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale.parse(language, sep="-")
    return Messages(locale, merged)
