"""The learned upload limit: what it starts from, what lowers and raises it."""

from datetime import timedelta

from bot.ui.messenger.upload_limits import UploadLimits
from tests.fakes.services import NOON

MIB = 2**20


class Time:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self):
        return self.at


def test_it_starts_one_step_above_what_discord_reports() -> None:
    limits = UploadLimits(now=Time())
    assert limits.allowed(1, 10 * MIB) == 20_000_000
    assert limits.allowed(0, None) == 20_000_000


def test_what_boosts_give_is_believed() -> None:
    limits = UploadLimits(now=Time())
    assert limits.allowed(1, 50 * MIB) == 50 * MIB
    assert limits.allowed(2, 10 * MIB) == 20_000_000
    assert limits.allowed(2, 100 * MIB) == 100 * MIB


def test_a_refusal_of_the_probe_leaves_what_was_sure() -> None:
    limits = UploadLimits(now=Time())
    limits.allowed(1, 10 * MIB)
    limits.refused(1, 15 * MIB)
    assert limits.allowed(1, 10 * MIB) == 10 * MIB


def test_the_probe_is_tried_again_a_day_later() -> None:
    time = Time()
    limits = UploadLimits(now=time)
    limits.refused(1, 15 * MIB)
    time.at += timedelta(hours=23)
    assert limits.allowed(1, 10 * MIB) == 10 * MIB
    time.at += timedelta(hours=1)
    assert limits.allowed(1, 10 * MIB) == 20_000_000


def test_each_refusal_lowers_it_further() -> None:
    limits = UploadLimits(now=Time())
    tried = []
    for _ in range(4):
        size = limits.allowed(1, 10 * MIB)
        tried.append(size)
        limits.refused(1, size)
    assert tried == [20_000_000, 10 * MIB, 8 * MIB, 4 * MIB]


def test_a_success_raises_it() -> None:
    limits = UploadLimits(now=Time())
    limits.accepted(1, 12 * MIB)
    assert limits.allowed(1, 10 * MIB) == 25 * MIB
    limits.refused(1, 22 * MIB)
    assert limits.allowed(1, 10 * MIB) == 20_000_000
    limits.accepted(1, 23 * MIB)
    assert limits.allowed(1, 10 * MIB) == 25 * MIB


def test_servers_are_kept_apart() -> None:
    limits = UploadLimits(now=Time())
    limits.refused(1, 9 * MIB)
    assert limits.allowed(1, 10 * MIB) == 8 * MIB
    assert limits.allowed(2, 10 * MIB) == 20_000_000
