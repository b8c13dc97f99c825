"""What a text says as an instruction: trimmed, safe to keep, and whether it says anything at all.

Owns telling an instruction from a sticker's silence: invisible characters, bare Markdown and
punctuation are no instruction, and a reply of nothing but emoji or links is a reaction. Knows
nothing of Discord, models or sentences.
"""

import re
import unicodedata

# Letters and symbols by their category that no font shows.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_LINK = re.compile(
    r"<?\b[a-z][a-z0-9+.-]*://\S+|\b(?:www\.|discord\.gg/|tenor\.com/)\S+", re.IGNORECASE
)
# The text that remains of an emoji that the user may not use.
_SHORT_NAME = re.compile(r"(?<!\w):\w{2,32}:(?!\w)")
_LETTER_EMOJI = "\u2139"
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def wording(text: str) -> str:
    """Return the text as it is kept and sent: trimmed, its line breaks as line feeds.

    Empty if nothing in it could mean anything to a model: only white space, invisible characters,
    punctuation or Markdown. Control characters and broken surrogates are removed; neither a
    database nor a provider takes them.
    """
    lines = _LINE_END.sub("\n", text)
    kept = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return _trimmed(kept) if any(map(_means_something, kept)) else ""


def has_words(text: str) -> bool:
    """Return True if a text says something outside of links and emoji.

    One or two letters or digits alone ("ok", "+1", "xD") are a reaction. Where a single sign is a
    word, as in Chinese, it is one, and so is a number with its unit ("4k").
    """
    bare = _SHORT_NAME.sub("", _KEYCAP.sub("", _LINK.sub("", text)))
    signs = [char for char in bare if _is_word(char) and char != _LETTER_EMOJI]
    kinds = {unicodedata.category(char) for char in signs}
    return len(signs) > 2 or "Lo" in kinds or ("Nd" in kinds and len(kinds) > 1)


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN" and char not in _BLANK


def _means_something(char: str) -> bool:
    symbol = unicodedata.category(char)[0] == "S" and not char.isascii() and char not in _BLANK
    return symbol or _is_word(char)


def _trimmed(text: str) -> str:
    """Return the text without invisible characters at its ends."""

    def invisible(char: str) -> bool:
        # The tag characters (from U+E0020) are the last part of some flags.
        hidden = unicodedata.category(char) == "Cf" and char < "\U000e0020"
        return char.isspace() or char in _BLANK or hidden

    start, end = 0, len(text)
    while start < end and invisible(text[start]):
        start += 1
    while end > start and invisible(text[end - 1]):
        end -= 1
    return text[start:end]
