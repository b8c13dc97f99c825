"""How long an upload may take, and how large it may be: by what the line was seen to do."""

from pathlib import Path

import pytest

from bot.ui.messenger.uplink import (
    LEAST_BYTES,
    MOST_SECONDS,
    PASSING_SECONDS,
    START_SECONDS,
    UNMEASURED,
    OutgoingFile,
    Uplink,
)

MIB = 2**20


def test_before_anything_was_measured_the_size_decides() -> None:
    line = Uplink()
    assert line.most_bytes() is None
    assert line.seconds_for(MIB) == START_SECONDS + MIB / UNMEASURED
    assert line.seconds_for(100 * MIB) == MOST_SECONDS


def test_a_fast_connection_gives_up_soon_and_takes_everything() -> None:
    line = Uplink()
    line.passed(10 * MIB, 2.0)
    assert line.seconds_for(10 * MIB) == START_SECONDS + 4
    assert (line.most_bytes() or 0) > 500 * MIB


def test_a_slow_connection_shrinks_the_next_file_until_it_passes() -> None:
    """20 KiB a second, of which the line's buffers hide two MiB."""
    line, size, rate, tries = Uplink(), 10 * MIB, 20 * 1024, 0
    while size / rate > line.seconds_for(size):
        seconds = line.seconds_for(size)
        line.cut(size, sent=min(int(rate * seconds) + 2 * MIB, size - 1), seconds=seconds)
        size = min(size, line.most_bytes() or size)
        tries += 1
    assert tries <= 2
    assert size >= LEAST_BYTES


def test_an_answer_that_is_missing_says_nothing_about_the_line() -> None:
    line = Uplink()
    line.cut(MIB, sent=MIB, seconds=60)
    assert line.rate is None


@pytest.mark.parametrize(("size", "seconds"), [(1000, 5.0), (10 * MIB, 0.0)])
def test_what_measures_nothing_is_passed_over(size: int, seconds: float) -> None:
    line = Uplink()
    line.passed(size, seconds)
    assert line.rate is None


def test_a_connection_that_recovers_is_trusted_again() -> None:
    line = Uplink()
    line.cut(10 * MIB, sent=MIB, seconds=200)
    small = line.most_bytes() or 0
    for _ in range(6):
        line.passed(small, 1.0)
    assert (line.most_bytes() or 0) > 10 * MIB
    assert line.rate is not None
    assert line.rate * PASSING_SECONDS > 10 * MIB


def test_a_file_knows_how_much_of_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(1000))
    film = OutgoingFile(path)
    film.read(600)
    assert (film.size, film.sent) == (1000, 600)
    film.seek(0)
    film.read(100)
    film.close()
    assert film.sent == 100
