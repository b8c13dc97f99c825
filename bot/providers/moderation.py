"""Which part of a request a provider's moderation refused, and why.

Providers name the part and the rule in their own codes and sentences. Owns the patterns that are
searched for in them; if none is found, the part and the reason are unknown.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.domain.errors import Code, Facts, ProviderError
from bot.domain.moderation import ModeratedPart, ModerationReason
from bot.providers import json_values

_SIGNS = re.compile(
    r"content[ _]?(policy|filter|moderat|safety)|(?<!retry )\bpolic(y|ies)\b|moderat|safety|unsafe"
    r"|(?<!case[ -])sensitive|prohibited|violat|guideline|inappropriate|harmful|nsfw|flagged"
    r"|nudity|\bsexual|pornograph|celebrit|public figure|copyright|trademark|responsible.?ai"
)
_KINDS = ("type", "sub_type", "subtype", "sub_code", "category", "reason")

# The first match counts: a rule about minors is named together with others.
_REASONS: Sequence[tuple[ModerationReason, str]] = (
    (ModerationReason.MINORS, r"minor(?!ity)|child|underage|csam"),
    (ModerationReason.NUDITY, r"nud|sexual|porn|nsfw|explicit|erotic"),
    (ModerationReason.VIOLENCE, r"violen|gore|blood|weapon|self.?harm"),
    (ModerationReason.CELEBRITY, r"celebrit|public figure|prominent|famous"),
    (ModerationReason.TRADEMARK, r"trademark|copyright|intellectual property|brand|third.party"),
    (ModerationReason.REAL_PEOPLE, r"photo.?realistic|real (people|person)|identifiable|likeness"),
)
_PARTS: Sequence[tuple[ModeratedPart, str]] = (
    (ModeratedPart.RESULT, r"output|generated (video|content|result)|result"),
    (ModeratedPart.INPUT, r"image|picture|photo(?!.?realistic)|input.?video|source.?video|upload"),
    (ModeratedPart.PROMPT, r"prompt|\btext"),
)


def kinds(error: Mapping[str, Any]) -> str:
    """Return all fields of an error that name a type or a category, as one text."""
    return " ".join(filter(None, (json_values.text(error.get(name)) for name in _KINDS)))


def classified_by_words(error: ProviderError, known: Collection[str] = ()) -> ProviderError:
    """Return the error as a moderation refusal if its code or message says so.

    Errors with a ``known`` code are returned as they are: providers give many refusals one code.
    """
    if error.facts.get("provider_code") in known:
        return error
    words = f"{error.facts.get('provider_code', '')} {error.facts.get('detail', '')}".lower()
    if error.retryable or not _SIGNS.search(words.replace("_", " ")):
        return error
    return ProviderError(
        Code.MODERATED,
        accepted=error.accepted,
        charged=error.charged,
        **{**error.facts, **facts(words)},
    )


def facts(*words: str) -> Facts:
    """Return the facts ``part`` and ``reason`` that the code, type and message of an error name."""
    said = " ".join(words).lower().replace("_", " ")
    part = next((part for part, sign in _PARTS if re.search(sign, said)), ModeratedPart.UNKNOWN)
    reason = next(
        (reason for reason, sign in _REASONS if re.search(rf"\b(?:{sign})", said)),
        ModerationReason.UNKNOWN,
    )
    return {"part": part.value, "reason": reason.value}
