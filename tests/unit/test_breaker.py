"""The pause of a provider: when it begins, when one probe may pass, what ends it."""

import pytest

from bot.domain.breaker import FIRST_PAUSE, LONGEST_ASKED_FOR, LONGEST_PAUSE, OPENS_AFTER, Breaker
from bot.domain.errors import Accepted, Code
from bot.domain.ids import GenerationId

DOWN = Code.PROVIDER_UNAVAILABLE
BUSY = Code.PROVIDER_RATE_LIMITED
POOR = Code.PROVIDER_BALANCE
ANA, BEN = GenerationId("ana"), GenerationId("ben")


def silent(times: int, breaker: Breaker | None = None, now: float = 0.0) -> Breaker:
    """Submissions in a row whose answers never came."""
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = breaker.failed(DOWN, now, accepted=Accepted.UNKNOWN)
    return breaker


def test_one_lost_answer_pauses_nothing_and_a_few_in_a_row_do() -> None:
    assert not silent(OPENS_AFTER - 1).is_open
    assert silent(OPENS_AFTER).blocks(0.0)


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = silent(OPENS_AFTER - 1).answered(0.0)
    assert not silent(OPENS_AFTER - 1, breaker).is_open


@pytest.mark.parametrize("code", [DOWN, BUSY, POOR, Code.PROVIDER_AUTH])
def test_a_refusal_that_is_not_about_the_request_pauses_at_once(code: Code) -> None:
    assert Breaker().failed(code, 0.0, accepted=Accepted.NO).blocks(0.0)


@pytest.mark.parametrize("code", [Code.PROVIDER_REJECTED, Code.MODERATED])
def test_a_request_refused_for_what_is_in_it_shows_that_the_provider_works(code: Code) -> None:
    breaker = silent(OPENS_AFTER - 1)
    for _ in range(10):
        breaker = breaker.failed(code, 0.0, accepted=Accepted.NO)
    assert breaker == Breaker()


def test_a_refused_probe_that_got_an_answer_ends_the_pause() -> None:
    probing = Breaker().failed(DOWN, 0.0, accepted=Accepted.NO).asked(ANA)
    assert not probing.failed(Code.MODERATED, FIRST_PAUSE, accepted=Accepted.NO).is_open


def test_after_the_pause_one_probe_passes_and_only_one() -> None:
    breaker = silent(OPENS_AFTER)
    assert breaker.blocks(FIRST_PAUSE - 0.1, ANA)
    assert not breaker.blocks(FIRST_PAUSE, ANA)
    probing = breaker.asked(ANA)
    assert probing.blocks(FIRST_PAUSE, BEN)
    assert not probing.blocks(FIRST_PAUSE, ANA)


def test_only_the_probe_itself_makes_room_for_another_one() -> None:
    probing = silent(OPENS_AFTER).asked(ANA)
    assert probing.unasked(BEN).blocks(FIRST_PAUSE, BEN)
    assert not probing.unasked(ANA).blocks(FIRST_PAUSE, BEN)


def test_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now = silent(OPENS_AFTER), 0.0
    pauses = []
    for _ in range(9):
        assert breaker.until is not None
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker = breaker.asked(ANA).failed(DOWN, now, accepted=Accepted.UNKNOWN)
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_late_failures_do_not_lengthen_a_pause_unless_they_ask_for_it() -> None:
    breaker = silent(OPENS_AFTER)
    assert breaker.failed(DOWN, 1.0, accepted=Accepted.NO).until == breaker.until
    assert breaker.failed(BUSY, 1.0, accepted=Accepted.NO, retry_after=60).until == 61.0


def test_a_success_from_before_the_pause_does_not_end_it() -> None:
    breaker = Breaker().failed(BUSY, 0.0, accepted=Accepted.NO, retry_after=60)
    assert breaker.answered(1.0).blocks(59.0)
    assert not breaker.answered(60.0).is_open


def test_a_pause_that_was_asked_for_is_kept_and_no_more() -> None:
    breaker = Breaker().failed(BUSY, 10.0, accepted=Accepted.NO, retry_after=60)
    assert breaker.blocks(69.0)
    assert not breaker.blocks(70.0)
    assert breaker.failures == 0
    for_ever = Breaker().failed(BUSY, 0.0, accepted=Accepted.NO, retry_after=1e9)
    assert for_ever.until == LONGEST_ASKED_FOR


def test_busy_is_not_broken() -> None:
    breaker, now = Breaker(), 0.0
    for _ in range(OPENS_AFTER + 1):
        breaker = breaker.failed(BUSY, now, accepted=Accepted.NO, retry_after=60)
        assert not breaker.fails(now)
        now += 60
    assert silent(OPENS_AFTER).fails(0.0)
    assert not silent(OPENS_AFTER).fails(FIRST_PAUSE), "the next request is the probe"


def test_no_time_and_no_late_success_makes_up_for_money() -> None:
    breaker = Breaker().failed(POOR, 0.0, accepted=Accepted.NO)
    assert breaker.blocks(1e9, ANA)
    assert breaker.answered(1e9).blocks(1e9)
    assert breaker.failed(BUSY, 1.0, accepted=Accepted.NO, retry_after=1).reason is POOR


def test_a_refusal_for_money_during_another_pause_counts_for_more() -> None:
    busy = Breaker().failed(BUSY, 0.0, accepted=Accepted.NO, retry_after=60)
    assert busy.failed(POOR, 1.0, accepted=Accepted.NO).awaits_operator


def test_the_balance_ends_a_pause_for_money() -> None:
    breaker = Breaker().failed(POOR, 0.0, accepted=Accepted.NO, needed_micro_usd=860_000)
    still = breaker.reported(100_000, 30.0)
    assert still.blocks(30.0)
    assert still.reported(100_000, 1e9).blocks(1e9), "as little as before"
    assert not still.reported(100_001, 60.0).is_open, "somebody topped it up"
    assert not breaker.reported(860_000, 30.0).is_open, "it was topped up before the first look"
    assert not breaker.reported(None, 30.0).is_open, "unlimited"


def test_a_provider_that_refuses_in_spite_of_its_balance_is_asked_less_and_less() -> None:
    breaker, now = Breaker(), 0.0
    waits = []
    for _ in range(9):
        breaker = breaker.failed(POOR, now, accepted=Accepted.NO, needed_micro_usd=1)
        assert breaker.until is not None
        waits.append(breaker.until - now)
        assert breaker.reported(5, breaker.until - 0.1).blocks(breaker.until)
        now = breaker.until
        breaker = breaker.reported(5, now)
        assert not breaker.blocks(now)
    assert waits[0] == FIRST_PAUSE
    assert waits[-1] == LONGEST_PAUSE
