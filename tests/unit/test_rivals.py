"""Two bots with one token: noticed by several answers that another process gave, not by one."""

from datetime import UTC, datetime, timedelta

from bot.ui.inbound.rivals import SIGNS, WITHIN, Rivals

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_one_lost_answer_is_no_rival() -> None:
    rivals = Rivals()
    for minutes in range(0, 60, 6):
        rivals.answered_elsewhere(1, NOON + timedelta(minutes=minutes))
    assert not rivals.suspected(NOON + timedelta(minutes=60))


def test_several_within_minutes_are_one_and_are_forgotten_again() -> None:
    rivals = Rivals()
    for number in range(SIGNS):
        rivals.answered_elsewhere(number, NOON + timedelta(seconds=number))
    assert rivals.suspected(NOON + timedelta(minutes=1))
    assert not rivals.suspected(NOON + WITHIN + timedelta(minutes=1))
