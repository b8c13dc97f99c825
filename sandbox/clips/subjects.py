"""What a prompt speaks of: its words become emoji, by Unicode's own names and keywords for them.

Owns the rule and its exceptions, in English and Chinese, with the number and the colour that stand
before a word. The words are in `emoji/`. Knows nothing of drawing.
"""

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T", int, str)
_FOLDER = Path(__file__).parent / "emoji"
_MOST = 4

_COUNTS = {
    1: "a an one the 一 一只 一个 一条 一艘 一辆 一匹 一头",
    2: "two pair couple 两 二 两只 两个 两条 两艘 两辆 两匹 一对",
    3: "three several some few 三 三只 三个 三条 三艘 三辆 三匹 几只 几个",
    4: "four 四 四只 四个",
    5: "five six seven eight many flock herd school swarm group crowd 五 五只 一群 许多 很多",
}
_SIZES = {
    55: "tiny small little mini 小 小小的",
    150: "big large huge giant enormous gigantic 大 巨大 巨型",
}
COLOURS = {
    "red": ((220, 40, 44), "red crimson scarlet 红色 红 紅色 紅"),
    "orange": ((240, 130, 30), "orange 橙色 橘色"),
    "yellow": ((248, 208, 48), "yellow golden gold 黄色 金色 黃色"),
    "green": ((64, 168, 76), "green emerald 绿色 绿 綠色"),
    "blue": ((52, 110, 220), "blue azure 蓝色 蓝 藍色"),
    "purple": ((140, 76, 200), "purple violet 紫色"),
    "pink": ((244, 130, 180), "pink magenta 粉色 粉红色 粉红"),
    "white": ((240, 242, 248), "white 白色 白"),
    "black": ((52, 54, 64), "black 黑色 黑"),
    "brown": ((140, 92, 58), "brown 棕色"),
    "grey": ((136, 142, 152), "grey gray silver 灰色 银色"),
}
# Of these kinds a keyword is enough; of the others the name has to be said.
_THINGS = (
    *("animal", "plant", "food", "drink", "place", "transport", "sky", "event", "sport", "game"),
    *("arts", "clothing", "sound", "music", "phone", "computer", "light", "book", "money", "tool"),
    *("science", "household", "other-object", "office", "person-fantasy", "time", "dishware"),
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One thing a clip shows. ``group`` is Unicode's, as `animal-bird`. None keeps its colours."""

    emoji: str
    group: str
    colour: str | None = None
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Found:
    """A subject and where the text speaks of it. ``size`` is in hundredths of the usual."""

    subject: Subject
    start: int
    end: int
    size: int = 100


def find(text: str) -> list[Found]:
    """The subjects in the order of the text, each once: the longest words win over shorter ones."""
    plain = text.lower()
    sure, unsure = [], []
    seen: set[str] = set()
    for start, end, emoji, strong in _matches(plain):
        if emoji in seen:
            continue
        seen.add(emoji)
        found = _described(plain, start, end, emoji)
        (sure if strong else unsure).append(found)
    return (sure or unsure[:1])[:_MOST]


def _described(text: str, start: int, end: int, emoji: str) -> Found:
    """The subject with the colour, the size and the number that stand before it."""
    head = text[:start].rstrip(" 的色")
    colour, head = _taken(head, {name: words for name, (_, words) in COLOURS.items()})
    size, head = _taken(head, _SIZES)
    if colour is None:
        colour, head = _taken(head, {name: words for name, (_, words) in COLOURS.items()})
    begin = len(head) if colour or size else start
    count, _ = _taken(head.removesuffix(" of"), _COUNTS)
    if count is None:
        count = 3 if _is_plural(text[start:end]) else 1
    subject = Subject(emoji=emoji, group=_groups()[emoji], colour=colour, count=count)
    return Found(subject=subject, start=begin, end=end, size=size or 100)


# A word, a Chinese sign, or an emoji as it is.
_TOKEN = re.compile(
    r"[^\W\d_㐀-鿿]+(?:[-'’]\w+)*|[㐀-鿿]"
    "|[\U0001f000-\U0001faff☀-➿](?:\u200d[\U0001f000-\U0001faff☀-➿])*"
)


def _matches(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Start, end, emoji and whether its name or a thing's keyword was said."""
    index, unseen = _index(), _unseen()
    tokens = [(m.start(), m.end()) for m in _TOKEN.finditer(text)]
    at = 0
    while at < len(tokens):
        for size in range(min(8, len(tokens) - at), 0, -1):
            start, end = tokens[at][0], tokens[at + size - 1][1]
            words = re.sub(r"\s+", " ", text[start:end])
            hit = next((index[w] for w in _singular(words) if w in index), None)
            if hit and words not in unseen:
                yield start, end, *hit
                at += size - 1
                break
            if words in unseen and len(words) > 1:
                at += size - 1
                break
        at += 1


def _singular(words: str) -> Iterator[str]:
    yield words
    if words.isascii() and words.endswith("s"):
        yield words[:-1]
        if words.endswith("es"):
            yield words[:-2]
        if words.endswith("ies"):
            yield words[:-3] + "y"


def _is_plural(word: str) -> bool:
    return word.isascii() and word.endswith("s") and not word.endswith(("ss", "us"))


def _taken(head: str, words: Mapping[_T, str]) -> tuple[_T | None, str]:
    """What the last word means, and the text before it; None and the whole text if nothing."""
    for meaning, said in words.items():
        for word in said.split():
            before = head.removesuffix(word)
            if before != head and not (word.isascii() and before[-1:].isalpha()):
                return meaning, before.rstrip(" 的色,")
    return None, head


@functools.cache
def _table() -> list[tuple[str, str, list[list[str]]]]:
    lines = (_FOLDER / "words.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        (emoji, group, [column.split("|") for column in columns]) for emoji, group, *columns in rows
    ]


@functools.cache
def _rules() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "rules.toml").read_text("utf-8"))


@functools.cache
def _unseen() -> frozenset[str]:
    """The words that are no subjects."""
    rules = _rules()
    done = {verb + ending for verb in rules["verbs"].split() for ending in rules["endings"]}
    return frozenset(done - set(rules["nouns"].split())) | set(rules["unseen"].split())


@functools.cache
def _groups() -> dict[str, str]:
    return {"lighthouse": "place-building"} | {emoji: group for emoji, group, _ in _table()}


@functools.cache
def _index() -> dict[str, tuple[str, bool]]:
    """Words to an emoji and whether it is surely meant."""
    unseen = _unseen()
    ranked: dict[str, tuple[tuple[int, int], str, bool]] = {}
    for emoji, group, languages in _table():
        thing = group.startswith(_THINGS)
        for words in languages:
            for number, word in enumerate(words):
                if word in unseen or (number and len(word) < (3 if word.isascii() else 2)):
                    continue
                rank = (0 if number == 0 else 1 if thing else 2, len(words))
                if word not in ranked or rank < ranked[word][0]:
                    ranked[word] = rank, emoji, rank[0] < 2
    better = {
        word: (emoji, True) for emoji, words in _rules()["better"].items() for word in words.split()
    }
    drawn = {emoji: (emoji, True) for emoji, _, _ in _table()}
    return {word: (emoji, sure) for word, (_, emoji, sure) in ranked.items()} | better | drawn
