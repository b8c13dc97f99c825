"""The file that says until when the bot was listening."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.ops.presence import PresenceFile

NOON = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)


async def test_the_last_time_comes_back(tmp_path: Path) -> None:
    for minutes in range(3):
        await PresenceFile(tmp_path / "until").write(NOON + timedelta(minutes=minutes))
    assert await PresenceFile(tmp_path / "until").read() == NOON + timedelta(minutes=2)
    assert [path.name for path in tmp_path.iterdir()] == ["until"]


@pytest.mark.parametrize("written", ["", "yesterday", "2026-11-20T12:00:00", "\x00"])
async def test_a_broken_file_says_nothing(tmp_path: Path, written: str) -> None:
    (tmp_path / "until").write_text(written)
    assert await PresenceFile(tmp_path / "until").read() is None


async def test_what_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    nowhere = PresenceFile(tmp_path / "no folder" / "until")
    await nowhere.write(NOON)
    assert await nowhere.read() is None
