"""What a gateway's words say about a refusal by its moderation.

Gateways name the rule and the part in codes and prose of their own. Owns the signs that are looked
for; a refusal without any of them has no known part and no known reason.
"""

import re
from collections.abc import Sequence

from bot.domain.errors import Facts
from bot.domain.moderation import ModeratedPart, ModerationReason

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


def facts(*words: str) -> Facts:
    """Return the facts ``part`` and ``reason`` that a gateway's code, type and message name."""
    said = " ".join(words).lower().replace("_", " ")
    part = next((part for part, sign in _PARTS if re.search(sign, said)), ModeratedPart.UNKNOWN)
    reason = next(
        (reason for reason, sign in _REASONS if re.search(rf"\b(?:{sign})", said)),
        ModerationReason.UNKNOWN,
    )
    return {"part": part.value, "reason": reason.value}
