"""Periods end when they should, the narrowest rule wins, every refusal says what it is about."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Code, Refused
from bot.domain.limits import (
    COUNTED,
    MEASURES,
    Amounts,
    EffectiveLimits,
    LimitRule,
    Limits,
    Period,
    Scope,
    Usage,
    amounts_of,
    check,
    effective,
)
from tests.fakes.services import plan

WEDNESDAY = datetime(2025, 11, 19, 12, 30, 15, 500_000, tzinfo=UTC)
TIMES = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 (the strategy adds the zone)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
LIMITS = st.none() | st.integers(min_value=0, max_value=50)
CHANGES = st.builds(
    Limits,
    videos=LIMITS,
    seconds=LIMITS,
    period=st.none() | st.sampled_from(Period),
    concurrent=LIMITS,
    cooldown=LIMITS,
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # pyright: ignore[reportArgumentType]


# -- periods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        (Period.DAY, WEDNESDAY, at(2025, 11, 19), at(2025, 11, 20)),
        (Period.DAY, at(2024, 2, 28, 23, 59, 59, 999_999), at(2024, 2, 28), at(2024, 2, 29)),
        (Period.DAY, at(2025, 12, 31, 12), at(2025, 12, 31), at(2026, 1, 1)),
        # Where clocks in Europe and in America are changed: a day in UTC has 24 hours all the same.
        (Period.DAY, at(2025, 3, 30, 1), at(2025, 3, 30), at(2025, 3, 31)),
        (Period.DAY, at(2025, 11, 2, 6), at(2025, 11, 2), at(2025, 11, 3)),
        (Period.WEEK, WEDNESDAY, at(2025, 11, 17), at(2025, 11, 24)),
        (Period.WEEK, at(2025, 11, 17), at(2025, 11, 17), at(2025, 11, 24)),
        (Period.WEEK, at(2025, 11, 23, 23, 59), at(2025, 11, 17), at(2025, 11, 24)),
        (Period.WEEK, at(2026, 1, 1), at(2025, 12, 29), at(2026, 1, 5)),
        (Period.MONTH, WEDNESDAY, at(2025, 11, 1), at(2025, 12, 1)),
        (Period.MONTH, at(2025, 12, 31, 23, 59), at(2025, 12, 1), at(2026, 1, 1)),
        (Period.MONTH, at(2024, 2, 29, 5), at(2024, 2, 1), at(2024, 3, 1)),
        (Period.MONTH, at(2025, 2, 1), at(2025, 2, 1), at(2025, 3, 1)),
        (Period.MONTH, at(2025, 1, 31), at(2025, 1, 1), at(2025, 2, 1)),
    ],
)
def test_a_period_begins_and_ends(
    period: Period, now: datetime, start: datetime, end: datetime
) -> None:
    assert period.start(now) == start
    assert period.end(now) == end


@given(TIMES, st.sampled_from(Period))
def test_periods_follow_each_other_without_a_gap(now: datetime, period: Period) -> None:
    start, end = period.start(now), period.end(now)
    assert start <= now < end
    assert period.start(start) == start
    assert period.end(end - timedelta(microseconds=1)) == end
    assert period.start(end) == end


# -- which rule wins --------------------------------------------------------------------------


def rule_under(default: Limits, server: Limits | None, member: Limits | None) -> EffectiveLimits:
    limits = {Scope.MEMBER: member, Scope.SERVER: server, Scope.DEFAULT: default}
    return effective(
        LimitRule(scope=scope, limits=each) for scope, each in limits.items() if each is not None
    )


@given(CHANGES | st.none(), CHANGES | st.none())
def test_the_narrowest_rule_wins_field_by_field(
    server: Limits | None, member: Limits | None
) -> None:
    default = Limits(videos=99, seconds=98, concurrent=97, cooldown=96)
    rule = rule_under(default, server, member)
    assert set(rule.sources) == set(MEASURES)
    for name, source in rule.sources.items():
        value = getattr(rule.limits, name)
        if getattr(member, name, None) is not None:
            assert (value, source) == (getattr(member, name), Scope.MEMBER)
        elif getattr(server, name, None) is not None:
            assert (value, source) == (getattr(server, name), Scope.SERVER)
        else:
            assert (value, source) == (getattr(default, name), Scope.DEFAULT)


def test_no_limit_for_a_member_is_a_rule_too() -> None:
    rule = rule_under(Limits(videos=3), Limits(videos=5), Limits(videos=0))
    assert rule.limits.videos == 0
    assert rule.sources[MEASURES[0]] is Scope.MEMBER


@given(CHANGES, CHANGES)
def test_newer_changes_replace_only_what_they_set(old: Limits, new: Limits) -> None:
    merged = old.merged_with(new)
    for field in fields(Limits):
        newer = getattr(new, field.name)
        assert getattr(merged, field.name) == (getattr(old, field.name) if newer is None else newer)


# -- the verdict ------------------------------------------------------------------------------


ASKED = Amounts(videos=1, seconds=8)


def refusal(rule: EffectiveLimits, usage: Usage) -> Refused:
    with pytest.raises(Refused) as caught:
        check(rule, usage, ASKED, now=WEDNESDAY)
    return caught.value


def rule_of(**limits: Any) -> EffectiveLimits:
    """Return a member's own rule."""
    return rule_under(Limits(), None, Limits(**limits))


def test_without_limits_everything_passes() -> None:
    used = Usage(videos=10**6, seconds=10**9, concurrent=10**6, last_at=WEDNESDAY)
    check(rule_of(), used, Amounts(videos=1, seconds=10**6), now=WEDNESDAY)


def test_the_last_video_passes_and_one_more_does_not() -> None:
    rule = rule_of(videos=3, period=Period.WEEK)
    check(rule, Usage(videos=2), ASKED, now=WEDNESDAY)
    refused = refusal(rule, Usage(videos=3))
    assert refused.code is Code.QUOTA_VIDEOS
    assert refused.facts == {
        "limit": 3,
        "used": 3,
        "asked": 1,
        "period": "week",
        "source": "member",
        "more": "server",
        "resets_at": int(at(2025, 11, 24).timestamp()),
    }


def test_the_last_second_passes_and_one_more_does_not() -> None:
    rule = rule_of(seconds=60, period=Period.MONTH)
    check(rule, Usage(seconds=52), ASKED, now=WEDNESDAY)
    refused = refusal(rule, Usage(seconds=53))
    assert refused.code is Code.QUOTA_SECONDS
    assert refused.facts == {
        "limit": 60,
        "used": 53,
        "asked": 8,
        "period": "month",
        "source": "member",
        "more": "server",
        "resets_at": int(at(2025, 12, 1).timestamp()),
    }


def test_no_more_than_the_limit_at_once() -> None:
    rule = rule_of(concurrent=2)
    check(rule, Usage(concurrent=1), ASKED, now=WEDNESDAY)
    refused = refusal(rule, Usage(concurrent=2))
    assert refused.code is Code.QUOTA_CONCURRENT
    assert refused.facts == {"limit": 2, "used": 2, "source": "member", "more": "server"}


def test_a_cooldown_ends_to_the_second() -> None:
    rule = rule_of(cooldown=60)
    check(rule, Usage(), ASKED, now=WEDNESDAY)
    check(rule, Usage(last_at=WEDNESDAY - timedelta(seconds=60)), ASKED, now=WEDNESDAY)
    last_at = WEDNESDAY - timedelta(seconds=59.9)
    refused = refusal(rule, Usage(last_at=last_at))
    assert refused.code is Code.QUOTA_COOLDOWN
    assert refused.facts["limit"] == 60
    assert refused.facts["source"] == "member"
    free_at = datetime.fromtimestamp(refused.facts["resets_at"], UTC)
    check(rule, Usage(last_at=last_at), ASKED, now=free_at)
    assert free_at - last_at <= timedelta(seconds=61)


def test_the_reason_that_holds_longest_is_named() -> None:
    rule = rule_of(videos=3, concurrent=1, cooldown=60)
    assert refusal(rule, Usage(videos=3, concurrent=1, last_at=WEDNESDAY)).code is Code.QUOTA_VIDEOS
    assert refusal(rule, Usage(concurrent=1, last_at=WEDNESDAY)).code is Code.QUOTA_CONCURRENT
    assert refusal(rule, Usage(last_at=WEDNESDAY)).code is Code.QUOTA_COOLDOWN


def test_a_direct_message_names_no_admin() -> None:
    rules = [LimitRule(scope=Scope.DEFAULT, limits=Limits(videos=1))]
    assert refusal(effective(rules, direct=True), Usage(videos=1)).facts["more"] == "direct"


def test_a_request_longer_than_the_whole_quota_is_refused() -> None:
    assert refusal(rule_of(seconds=5), Usage()).code is Code.QUOTA_SECONDS


def test_a_refusal_names_the_rule_that_stopped_it() -> None:
    rule = rule_under(Limits(videos=1), Limits(videos=2), None)
    assert refusal(rule, Usage(videos=2)).facts["source"] == "server"
    rule = rule_under(Limits(videos=1), None, None)
    assert refusal(rule, Usage(videos=1)).facts["source"] == "default"


def test_facts_are_plain_json_values() -> None:
    rule = rule_of(videos=1, seconds=1, concurrent=1, cooldown=60)
    for usage in (
        Usage(last_at=WEDNESDAY),
        Usage(concurrent=1),
        Usage(videos=1),
        Usage(seconds=1),
    ):
        for value in refusal(rule, usage).facts.values():
            assert type(value) in {int, str}


def test_a_request_takes_one_video_and_its_seconds() -> None:
    asked = amounts_of(plan(seconds=7))
    assert asked == Amounts(videos=1, seconds=7)
    assert asked.named() == list(COUNTED)


def test_one_more_request_adds_what_it_takes() -> None:
    used = Usage(videos=2, seconds=10, concurrent=1).with_one_more(ASKED, at=WEDNESDAY)
    assert used == Usage(videos=3, seconds=18, concurrent=2, last_at=WEDNESDAY)
