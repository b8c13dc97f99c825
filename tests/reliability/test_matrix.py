"""Every call to the outside gone wrong in every way: nothing hangs, crashes or says an untruth."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clips import FixedClips
from tests.e2e.films import film, picture
from tests.reliability.figures import Figures
from tests.reliability.harness import Harness, shorten
from tests.reliability.matrix import CELLS, HEAD, Player, Row, sample

LONG = bool(os.environ.get("RETAKE_LONG"))
EVERY = 9


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    shorten(monkeypatch)
    clips = FixedClips(film(tmp_path / "film.mp4", seconds=3))
    harness = Harness(folder=tmp_path, clips=clips)
    with harness.complaints.listening():
        async with harness:
            yield harness


@pytest.mark.timeout(3000 if LONG else 400)
async def test_no_cell_hangs_crashes_or_says_an_untruth(harness: Harness) -> None:
    reported = await harness.discord.people.upload("p.png", picture())
    player = Player(harness=harness, picture=reported["id"])
    rows: list[Row] = []
    figures = Figures("matrix", of=len(CELLS))
    figures.say(HEAD)
    for cell in CELLS if LONG else sample(EVERY):
        row = await player.play(cell)
        figures.say(row.line())
        rows.append(row)
        if row.hung or harness.ended:
            await harness.stop()
            await harness.start()
    figures.write(
        cells=len(rows),
        hung=sum(row.hung for row in rows),
        crashed=sum(bool(row.crashed) for row in rows),
        untrue=sum(bool(row.untrue) for row in rows),
        missed=sum(row.missed for row in rows),
        slowest_s=round(max(row.seconds for row in rows), 1),
    )
    wrong = [row.line() for row in rows if not row.fine]
    assert not wrong, "\n".join(wrong)
