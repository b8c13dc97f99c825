"""What a text says as an instruction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.wording import has_words, wording

FLAG = "🏴\U000e0067\U000e0062\U000e007f"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n\t ",
        "\u200b\u200d\ufeff\u2060",
        "\u3164\u2800 \u115f\uffa0",
        "\u202e\u2066\u2069",
        "** **",
        "# \n> \n- ",
        "||  || ~~ ~~ __ __",
        "```\n\n```",
        "…",
        "?!",
        "\x00\x07",
        "\ufe0f\u0301",
        "\ud83d",
    ],
)
def test_what_says_nothing_is_nothing(text: str) -> None:
    assert wording(text) == ""
    assert not has_words(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  make it night \n", "make it night"),
        ("\u200bmake it night\u200b", "make it night"),
        ("first\r\nsecond\rthird\u2028fourth", "first\nsecond\nthird\nfourth"),
        ("a\n\n\tb", "a\n\n\tb"),
        ("x\x00y\ud800z", "xyz"),
        ("# big", "# big"),
        ("🦊", "🦊"),
        ("\u2014 雪 \u2014", "\u2014 雪 \u2014"),
        ("2", "2"),
        ("👩\u200d🚀 flies", "👩\u200d🚀 flies"),
        ("שלום\u200f", "שלום"),
        (FLAG, FLAG),
    ],
)
def test_what_is_said_is_kept_as_it_is(text: str, kept: str) -> None:
    assert wording(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        *(
            "🔥",
            "👍🏽 👍🏽",
            "🇩🇪",
            "1️⃣",
            "❤️",
            "!!",
            FLAG,
            "👨\u200d👩\u200d👧\u200d👦",
            "ℹ️",
            "™️ ©️ Ⓜ️",
            "🅰️",
        ),
        *("https://tenor.com/view/wow-gif-1", "<http://a.b/c>", "tenor.com/view/x", "discord.gg/x"),
        *(
            "www.a.b",
            ":pepe_laugh:",
            ":one: :two:",
            "||🔥||",
            "\u00ad\u034f\u17b4",
            "> 🔥\n```\n```",
        ),
        *("ok", "k", "No", "+1", "10", "xD", "🔥 w", "<3"),
    ],
)
def test_a_reaction_has_no_words(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "snow",
        "雪",
        "بالليل",
        "5 more",
        "🔥 more",
        "see https://a.b x",
        "16:9:16",
        "a:b:c",
        "4k",
        "夜晚",
        "нет",
        "ℹ️ sign",
        "① first",
    ],
)
def test_words_are_words(text: str) -> None:
    assert has_words(text)


@given(st.text())
def test_wording_is_stable_and_storable(text: str) -> None:
    kept = wording(text)
    assert wording(kept) == kept
    kept.encode()
    assert "\x00" not in kept
