"""Other people's text: cut well, and nothing in it means anything to Discord."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ui.text.markdown import cut, plain, tidy


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a  b\n\nc\t d ", "a b c d"),
        ("x\u202ey\u200bz\x00", "xyz"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ],
)
def test_tidy(text: str, shown: str) -> None:
    assert tidy(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("one two three four", 12, "one two…"),
        ("x" * 50, 10, "x" * 9 + "…"),
        ("cafe\u0301s and more", 5, "caf…"),
        ("👍🏽👍🏽", 2, "…"),
        ("🇩🇪🇫🇷🇩🇪", 4, "🇩🇪…"),
    ],
)
def test_cut(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@given(st.text(max_size=200), st.integers(1, 60))
def test_a_cut_is_never_longer(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold** _it_ ~~no~~ ||spoiler||", r"\*\*bold\*\* \_it\_ \~\~no\~\~ \|\|spoiler\|\|"),
        ("`code` [a](https://b.c)", r"\`code\` \[a\](https\://b.c)"),
        ("# not a heading", r"\# not a heading"),
        ("-# not small", r"\-# not small"),
        ("> no quote", r"\> no quote"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("1234. no list", r"1234\. no list"),
        ("2) no list", r"2\) no list"),
        (
            "sky\n# no heading\r\n> no quote\u2028- no list\n1. nor this",
            "sky # no heading > no quote - no list 1. nor this",
        ),
        ("<@1> <#2> <@&3> <:e:4> <t:5:R> </cmd:6>", None),
        ("discord.gg/x DISCORD.GG/y discord.com/invite/z", None),
        ("@everyone and @here", r"\@everyone and \@here"),
        ("16:9, 3.5 + 2 - 1", "16:9, 3.5 + 2 - 1"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_nothing_is_a_mark(text: str, shown: str | None) -> None:
    result = plain(text)
    if shown is not None:
        assert result == shown
    assert not re.search(r"(?<!\\)[<@`*_|~\[]", result)
    assert not re.search(r"discord\.(gg|com/invite)", result, re.IGNORECASE)
    assert not re.search(r"\w://", result)


@given(st.text(max_size=400))
def test_undoing_the_escapes_gives_the_text_back(text: str) -> None:
    shown = plain(text, 1000)
    assert re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", shown) == tidy(text)
