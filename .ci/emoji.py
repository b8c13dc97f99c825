"""Writes the words by which the stand-ins' clips find an emoji.

Owns reading Unicode's annotations and the selection; `sandbox/clips/emoji/README.md` names the
origin and the licence. Both folders are unpacked npm packages.

    python3 .ci/emoji.py CLDR-ANNOTATIONS-FULL EMOJIBASE-DATA > sandbox/clips/emoji/words.tsv
"""

import json
import sys
from pathlib import Path
from typing import Any

LANGUAGES = (("en",), ("zh", "zh-Hant"))
# Symbols, flags and parts of emoji show no subject.
LEFT_OUT = {"component", "symbols", "flags"}
SELECTOR, JOINER = "\N{VARIATION SELECTOR-16}", "\N{ZERO WIDTH JOINER}"


def main(cldr: Path, emojibase: Path) -> None:
    """Print one line for each emoji: itself, its group, and its words in each language."""
    groups = json.loads((emojibase / "meta/groups.json").read_text("utf-8"))
    words = [[_annotations(cldr, name) for name in names] for names in LANGUAGES]
    for entry in json.loads((emojibase / "en/data.json").read_text("utf-8")):
        if "group" not in entry or groups["groups"][str(entry["group"])] in LEFT_OUT:
            continue
        emoji = entry["emoji"].replace(SELECTOR, "")
        if emoji != entry["emoji"] and JOINER in emoji:  # mostly forms of one that is there
            continue
        columns = ["|".join(_words(emoji, language)) for language in words]
        if all(columns):
            print(emoji, groups["subgroups"][str(entry["subgroup"])], *columns, sep="\t")


def _annotations(cldr: Path, language: str) -> dict[str, Any]:
    path = cldr / f"annotations/{language}/annotations.json"
    return json.loads(path.read_text("utf-8"))["annotations"]["annotations"]


def _words(emoji: str, language: list[dict[str, Any]]) -> list[str]:
    """The emoji's name first, then its other words."""
    found = [entry[emoji] for entry in language if emoji in entry]
    names = [name for entry in found for name in entry["tts"]]
    keywords = [word for entry in found for word in entry["default"]]
    return list(dict.fromkeys(word.lower() for word in [*names, *keywords]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
