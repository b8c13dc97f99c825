"""What a provider's moderation objected to, as closed sets: facts of the code MODERATED.

The sentences are ``bot.ui``'s. A provider's own words are never shown to people.
"""

from enum import StrEnum


class ModeratedPart(StrEnum):
    """What was refused. ``UNKNOWN``: the provider did not say."""

    PROMPT = "prompt"
    INPUT = "input"
    RESULT = "result"
    UNKNOWN = "unknown"


class ModerationReason(StrEnum):
    """The rule that it broke. ``UNKNOWN``: the provider did not say, or a rule we do not know."""

    REAL_PEOPLE = "real_people"
    CELEBRITY = "celebrity"
    TRADEMARK = "trademark"
    NUDITY = "nudity"
    VIOLENCE = "violence"
    MINORS = "minors"
    UNKNOWN = "unknown"
