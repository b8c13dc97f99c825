"""The sentences: every code has one, every key is used, every fact can be put in."""

import ast
import re
import string
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Mode
from bot.domain.errors import Code, Refused
from bot.domain.fitting import fit
from bot.domain.generation import ParkReason, State
from bot.domain.limits import Amounts, LimitRule, Limits, Period, Scope, Usage, check, effective
from bot.domain.media import StoredMedia
from bot.domain.moderation import ModeratedPart, ModerationReason
from bot.domain.request import VideoRequest
from bot.domain.rights import Right
from bot.ui.text.messages import MessageError, Messages, _flat, languages
from tests.fakes.services import offer, video_file

ROOT = Path(__file__).parents[2]
ENGLISH = Messages.for_locale("en-US")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = re.compile(r"[a-z]+(\.[a-z0-9_]+)+")


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def used_keys() -> tuple[set[str], list[str]]:
    """Keys written out in the code, and patterns of those put together."""
    written: set[str] = set()
    patterns: list[str] = []
    for path in [*(ROOT / "bot/ui").rglob("*.py"), *(ROOT / "cogs").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                written.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(v.value)
                    if isinstance(v, ast.Constant) and isinstance(v.value, str)
                    else "[a-z0-9_]+"
                    for v in node.values
                ]
                patterns.append("".join(parts))
    return written, patterns


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_sentence_that_needs_no_facts(code: Code) -> None:
    reported = ENGLISH.explain(code, {})
    assert reported
    assert not placeholders(reported)
    assert reported.endswith((".", "!"))


def test_no_code_is_left_over() -> None:
    reported = {key.split(".")[1] for key in ENGLISH.names() if key.startswith("code.")}
    assert reported == {code.value for code in Code}


def test_every_key_is_used() -> None:
    written, patterns = used_keys()
    tables = re.compile(r"plural\.|word\.")
    unused = {
        key
        for key in ENGLISH.names()
        if key not in written
        and not tables.match(key)
        and not any(re.fullmatch(pattern, key) for pattern in patterns if "." in pattern)
    }
    assert unused == set()


def test_every_used_key_is_there() -> None:
    written, _ = used_keys()
    roots = {key.split(".")[0] for key in ENGLISH.names()}
    missing = {
        text
        for text in written
        if KEY.fullmatch(text) and text.split(".")[0] in roots and not ENGLISH.has(text)
    }
    # A file's name and a template's beginning are no keys.
    assert {text for text in missing if not text.endswith(".mp4")} == set()


def test_every_table_a_sentence_names_is_there() -> None:
    known = {"", "raw", "ago", "at", "clock", "span", "usd", "mib", "person", "and", "or"}
    tables = {key.split(".")[1] for key in ENGLISH.names() if key.startswith(("plural.", "word."))}
    named = {
        spec
        for key in ENGLISH.names()
        for _, name, spec, _ in string.Formatter().parse(ENGLISH.template(key))
        if name and not key.startswith("plural.")
    }
    assert named <= known | tables


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("period", Period),
        ("per", Period),
        ("source", Scope),
        ("mode", Mode),
        ("park", ParkReason),
        ("right", Right),
        ("moderated_part", ModeratedPart),
        ("moderated_reason", ModerationReason),
        ("option", ["duration", "aspect_ratio", "resolution"]),
    ],
)
def test_every_value_has_a_word(table: str, values: list[str]) -> None:
    assert all(ENGLISH.word(table, value) for value in values)


@pytest.mark.parametrize("state", [*State, "deleted"])
def test_every_state_has_a_word(state: str) -> None:
    assert ENGLISH.template(f"state.{state}")


ASKED = Amounts(videos=1, seconds=8)


def quota_refusals() -> list[Refused]:
    """What the rules of quota really raise, with their own facts."""
    raised: list[Refused] = []
    usage = Usage(videos=5, seconds=30, concurrent=2, last_at=NOW)
    rules = [
        Limits(videos=5),
        Limits(videos=0, seconds=30),
        Limits(concurrent=2),
        Limits(cooldown=60),
    ]
    for limits, period in product(rules, Period):
        rule = LimitRule(scope=Scope.SERVER, limits=replace(limits, period=period))
        with pytest.raises(Refused) as refused:
            check(effective([rule]), usage, ASKED, now=NOW + timedelta(seconds=1))
        raised.append(refused.value)
    return raised


def fitting_refusals() -> list[Refused]:
    """What fitting to a model really raises."""
    image: StoredMedia = video_file()
    cases = [
        (VideoRequest(), offer(Mode.TEXT)),
        (VideoRequest(prompt="x" * 50), offer(Mode.TEXT, max_prompt=10)),
        (VideoRequest(prompt="x", duration=99), offer(Mode.TEXT)),
        (VideoRequest(prompt="x", aspect_ratio="1:1"), offer(Mode.TEXT)),
        (VideoRequest(prompt="x", resolution="8k"), offer(Mode.TEXT)),
        (VideoRequest(prompt="x", images=(image,) * 4), offer(Mode.IMAGE)),
        (VideoRequest(prompt="x", last_frame=image), offer(Mode.IMAGE)),
        (
            VideoRequest(prompt="x", video=image, source_ms=99_000),
            offer(Mode.EDIT, max_source_seconds=10),
        ),
    ]
    raised: list[Refused] = []
    for request, given_offer in cases:
        with pytest.raises(Refused) as refused:
            fit(request, given_offer)
        raised.append(refused.value)
    return raised


@pytest.mark.parametrize("refused", [*quota_refusals(), *fitting_refusals()], ids=str)
def test_real_refusals_fill_the_full_sentence(refused: Refused) -> None:
    reported = ENGLISH.explain(refused.code, refused.facts, titles={"omni-flash": "Omni Flash"})
    full = ENGLISH.template(f"code.{refused.code}.text")
    assert placeholders(full) <= set(refused.facts)
    if placeholders(full):
        assert reported != ENGLISH.template(f"code.{refused.code}.plain")
    assert "omni-flash" not in reported


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        (Code.MEDIA_TYPE, {"name": "a.txt", "allowed": ["PNG", "MP4"]}),
        (Code.MEDIA_TOO_LARGE, {"name": "a.mp4", "size": 9, "limit": 10 * 2**20}),
        (Code.MEDIA_DIMENSIONS, {"name": "a.png", "width": 9000, "height": 9000, "limit": 1}),
        (Code.MEDIA_DURATION, {"name": "a.mp4", "seconds": 40, "limit": 30}),
        (
            Code.MEDIA_TOO_SMALL,
            {"name": "a.png", "width": 900, "height": 9, "least": 16, "ratio": 32},
        ),
        (Code.MEDIA_NO_PICTURE, {"name": "a.mp4"}),
        (Code.MEDIA_TOO_SHORT, {"name": "a.mp4", "least": 1}),
        (Code.MEDIA_CODEC, {"name": "a.mp4", "codec": "pcm_mulaw"}),
        (Code.MEDIA_TIMEOUT, {"name": "a.mp4"}),
        (Code.MEDIA_BROKEN, {"name": "a.png"}),
        (Code.MEDIA_UNAVAILABLE, {"name": "a.png"}),
        (Code.MODE_UNSUPPORTED, {"model": "omni-flash", "mode": "edit"}),
        (Code.MODEL_UNKNOWN, {"requested": "sora", "allowed": ["omni-flash"]}),
    ],
)
def test_other_facts_fill_the_full_sentence(code: Code, facts: dict[str, object]) -> None:
    assert ENGLISH.explain(code, facts) != ENGLISH.template(f"code.{code}.plain")


def test_a_missing_or_strange_fact_gives_the_short_form() -> None:
    short = ENGLISH.template("code.quota_videos.plain")
    facts = {
        "limit": 5,
        "used": 5,
        "period": "day",
        "source": "server",
        "resets_at": 9,
        "more": "server",
    }
    assert ENGLISH.explain(Code.QUOTA_VIDEOS, facts) != short
    assert ENGLISH.explain(Code.QUOTA_VIDEOS, facts | {"limit": None}) == short
    assert ENGLISH.explain(Code.QUOTA_VIDEOS, facts | {"limit": "many"}) == short
    assert ENGLISH.explain(Code.QUOTA_VIDEOS, facts | {"period": "decade"}) == short


def test_what_a_provider_said_is_never_shown() -> None:
    facts = {"provider": "evolink", "message": "raw words", "status": 500, "request_id": "r-1"}
    for code in Code:
        reported = ENGLISH.explain(code, facts)
        assert "raw words" not in reported
        assert "r-1" not in reported


@pytest.mark.parametrize(
    ("spec", "value", "shown"),
    [
        ("", 12345, "12,345"),
        ("", "*@everyone*", "\\*\\@everyone\\*"),
        ("raw", "*x*", "*x*"),
        ("ago", NOW, "<t:1795176000:R>"),
        ("at", 1795176000, "<t:1795176000:f>"),
        ("usd", 500_000, "$0.50"),
        ("span", 90, "90 seconds"),
        ("span", 600, "10 minutes"),
        ("span", 3600, "1 hour"),
        ("span", 172_800, "2 days"),
        ("span", 0, "0 seconds"),
        ("usd", 505_000, "$0.50"),
        ("usd", 5_500, "$0.006"),
        ("usd", 1_234_560_000, "$1,234.56"),
        ("mib", 10 * 2**20, "10 MiB"),
        ("mib", 20_000_000, "19.1 MiB"),
        ("person", 42, "<@42>"),
        ("and", ["a", "b", "c"], "a, b, and c"),
        ("or", ["16:9", "9:16"], "16:9 or 9:16"),
        ("video", 1, "1 video"),
        ("video", 2000, "2,000 videos"),
        ("period", Period.DAY, "today"),
    ],
)
def test_facts_are_shown_as_people_write_them(spec: str, value: object, shown: str) -> None:
    assert ENGLISH.format_field(value, spec) == shown


def test_other_languages_write_numbers_their_way() -> None:
    assert Messages.for_locale("en-GB").format_field(NOW, "ago") == "<t:1795176000:R>"
    assert Messages.for_locale("de").say("quota.title") == ENGLISH.say("quota.title")
    assert Messages.for_locale("nonsense-??").locale.language == "en"
    assert Messages.for_locale("en-ZZZZZ").locale.language == "en"


def test_a_bug_is_loud() -> None:
    with pytest.raises(MessageError):
        ENGLISH.say("no.such.key")
    with pytest.raises(MessageError):
        ENGLISH.say("status.version")


def test_facts_are_looked_up_by_name_only() -> None:
    with pytest.raises(MessageError):
        ENGLISH.vformat("{who.__class__}", (), {"who": 1})
    with pytest.raises(MessageError):
        ENGLISH.vformat("{who[0]}", (), {"who": "x"})


@given(st.text(max_size=300))
def test_no_text_breaks_a_sentence(text: str) -> None:
    reported = ENGLISH.say("video.ready_plain", prompt=text)
    assert reported.startswith("Your video is ready: **")


LONGEST = {"command.": 100, "button.": 80}
"""The most characters that Discord allows in the texts whose keys begin so."""


def sentences(language: str) -> dict[str, str]:
    """The sentences of one language's own file."""
    file = ROOT / f"bot/ui/locales/{language}.toml"
    return dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8"))))


def faults(theirs: dict[str, str], locale: Locale) -> list[str]:
    """Return what a language's file lacks, has too much, or has differently from English."""
    english = sentences("en")
    tables = {key.rpartition(".")[0] for key in english if key.startswith("plural.")}
    forms = {f"{table}.{form}" for table in tables for form in (*locale.plural_form.tags, "other")}
    wanted = {key for key in english if not key.startswith("plural.")} | forms
    found = [f"{key} is missing" for key in wanted - theirs.keys()]
    found += [f"{key} is not in English" for key in theirs.keys() - wanted]
    for key in wanted & theirs.keys():
        model = english.get(key) or english[f"{key.rpartition('.')[0]}.other"]
        if braces(theirs[key]) != braces(model):
            found.append(f"{key} has {sorted(braces(theirs[key]))}, not {sorted(braces(model))}")
        most = next((most for begin, most in LONGEST.items() if key.startswith(begin)), 4000)
        if len(theirs[key]) > most:
            found.append(f"{key} has more than {most} characters")
    return sorted(found)


def braces(template: str) -> set[str]:
    """What stands in braces, with how it is shown."""
    return {f"{name}:{how}" for _, name, how, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", sorted(languages()))
def test_languages_are_complete_and_use_the_same_facts(language: str) -> None:
    assert faults(sentences(language), Locale.parse(language, sep="-")) == []


def test_what_a_new_language_lacks_is_named() -> None:
    polish = sentences("en")
    del polish["status.done"]
    polish["status.dome"] = "gotowe"
    polish["status.version"] = "w{wersja}"
    polish["button.edit"] = "e" * 81
    found = faults(polish, Locale.parse("pl"))
    assert [fault for fault in found if not fault.startswith("plural.")] == [
        "button.edit has more than 80 characters",
        "status.dome is not in English",
        "status.done is missing",
        "status.version has ['wersja:'], not ['version:']",
    ]
    # Polish has two forms that English does not have.
    assert {"plural.video.few is missing", "plural.video.many is missing"} <= set(found)
