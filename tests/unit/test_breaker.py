"""The breaker: when it opens, when one probe may pass, what closes it."""

import pytest

from bot.domain.breaker import FIRST_PAUSE, LONGEST_PAUSE, OPENS_AFTER, Breaker
from bot.domain.errors import Code

DOWN = Code.PROVIDER_UNAVAILABLE


def opened(code: Code = DOWN, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(OPENS_AFTER):
        breaker = breaker.failed(code, now)
    return breaker


def test_it_opens_after_a_few_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(OPENS_AFTER - 1):
        breaker = breaker.failed(DOWN, 0.0)
        assert not breaker.is_open
    assert breaker.failed(DOWN, 0.0).blocks(0.0)


def test_a_success_in_between_begins_anew() -> None:
    breaker = Breaker().failed(DOWN, 0.0).failed(DOWN, 0.0).answered(took_a_task=False)
    assert not breaker.failed(DOWN, 0.0).is_open


@pytest.mark.parametrize("code", [Code.PROVIDER_BALANCE, Code.PROVIDER_AUTH])
def test_no_money_and_no_right_open_it_at_once(code: Code) -> None:
    assert Breaker().failed(code, 0.0).blocks(0.0)


@pytest.mark.parametrize("code", [Code.PROVIDER_REJECTED, Code.MODERATED])
def test_a_refused_request_says_nothing_about_the_provider(code: Code) -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker = breaker.failed(code, 0.0)
    assert not breaker.is_open


def test_after_the_pause_one_probe_passes_and_only_one() -> None:
    breaker = opened()
    assert breaker.blocks(FIRST_PAUSE - 0.1)
    assert not breaker.blocks(FIRST_PAUSE)
    probing = breaker.asked()
    assert probing.blocks(FIRST_PAUSE)
    assert not probing.unasked().blocks(FIRST_PAUSE)


def test_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now = opened(), 0.0
    pauses = []
    for _ in range(9):
        pauses.append(breaker.wait(now))
        now += breaker.wait(now)
        breaker = breaker.asked().failed(DOWN, now)
    assert pauses[:3] == [15.0, 30.0, 60.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_late_failures_of_an_open_one_do_not_lengthen_its_pause() -> None:
    breaker = opened()
    assert breaker.failed(DOWN, 1.0).until == breaker.until


def test_a_poll_that_works_closes_it_but_proves_no_money() -> None:
    assert not opened().answered(took_a_task=False).is_open
    poor = Breaker().failed(Code.PROVIDER_BALANCE, 0.0)
    assert poor.answered(took_a_task=False).is_open
    assert not poor.answered(took_a_task=True).is_open


def test_a_pause_that_was_asked_for_is_kept_and_no_more() -> None:
    breaker = Breaker().failed(Code.PROVIDER_RATE_LIMITED, 10.0, retry_after=60)
    assert breaker.blocks(69.0)
    assert not breaker.blocks(70.0)
    assert breaker.failures == 0
