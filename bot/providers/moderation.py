"""What a provider's words say about a refusal by its moderation.

Providers name the rule and the part in codes and prose of their own. Owns the signs that are looked
for; a refusal without any of them has no known part and no known reason.
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

# The first that fits counts: a rule about minors is named together with others.
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
    """Return what an error says of its own kind, beside its code and its message."""
    return " ".join(filter(None, (json_values.text(error.get(name)) for name in _KINDS)))


def classified_by_words(error: ProviderError, known: Collection[str] = ()) -> ProviderError:
    """The same error, as a moderation refusal when its words say so.

    For errors whose code is none of the ``known`` ones: providers give many refusals one number.
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
    """Return the facts ``part`` and ``reason`` that a provider's code, type and message name."""
    said = " ".join(words).lower().replace("_", " ")
    part = next((part for part, sign in _PARTS if re.search(sign, said)), ModeratedPart.UNKNOWN)
    reason = next(
        (reason for reason, sign in _REASONS if re.search(rf"\b(?:{sign})", said)),
        ModerationReason.UNKNOWN,
    )
    return {"part": part.value, "reason": reason.value}
