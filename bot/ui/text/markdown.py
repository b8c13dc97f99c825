"""Other people's text made safe to show: cut, tidied, every mark of Markdown undone.

Owns what may leave of a prompt or a file's name. Knows nothing of sentences, cards or Discord's
objects.
"""

import re
import unicodedata

ELLIPSIS = "…"
# Marks that mean something anywhere; those that do so at the start of a line; what makes a link
# of an address (Discord takes invites without a scheme for links as well).
_MARKS = re.compile(
    r"([\\*_~`|<\[\]@]|^[#>+-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d{3})[.)]|(?<=^\d{4})[.)]|:(?=//)|\.(?=gg/)|\.(?=com/invite))",
    re.IGNORECASE,
)
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
# Joiners hold emoji and scripts together; everything else of these categories can reorder or hide
# text: right-to-left overrides, zero-width spaces, control characters.
_KEPT_FORMATS = frozenset("\u200c\u200d")


def tidy(text: str) -> str:
    """One line without control characters, invisible marks or runs of white space."""
    spaced = re.sub(r"\s+", " ", text)
    return "".join(
        char
        for char in spaced
        if char in _KEPT_FORMATS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}
    ).strip()


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, ended by an ellipsis where something is missing.

    Breaks at a space when one is near, and never between a character and what modifies it.
    """
    if len(text) <= limit:
        return text
    end = limit - len(ELLIPSIS)
    while end > 0 and _joins(text, end):
        end -= 1
    space = text.rfind(" ", max(0, end - 24), end)
    return text[: space if space > 0 else end].rstrip() + ELLIPSIS


def plain(text: str, limit: int = 300) -> str:
    """A person's text as text: nothing in it is a mention, a link, a mark or a line break.

    The backslashes come after the cut, so up to twice ``limit`` characters are sent.
    """
    return _MARKS.sub(r"\\\1", cut(tidy(text), limit))


def masked_link(label: str, url: str) -> str:
    """A link with a label of our own (never a person's text)."""
    return f"[{label}](<{url}>)"


def _joins(text: str, at: int) -> bool:
    """Whether the character at ``at`` belongs to the one before it."""
    if at >= len(text):
        return False
    char, before = text[at], text[at - 1]
    modifies = unicodedata.combining(char) != 0 or char in "\u200d\ufe0f\ufe0e"
    tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    # Flags are pairs of letters of their own: the second of a pair belongs to the first.
    letters = len(text[:at]) - len(text[:at].rstrip(_FLAG_LETTERS))
    flag = char in _FLAG_LETTERS and letters % 2 == 1
    return modifies or tone or flag or before == "\u200d"
