"""The bot's machine in trouble while a video is made: it is reported truly, and it ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.engine.steps import fetching
from bot.media import engine
from bot.storage import sqlite
from sandbox.clips import FixedClips
from tests.e2e.films import film
from tests.reliability.faults import REAL, Call
from tests.reliability.figures import Figures
from tests.reliability.harness import Harness, Json, shorten
from tests.reliability.machine import WHOLE, Machine, Trouble, small_disk
from tests.reliability.matrix import HEAD, LONGEST_SECONDS, Row, check_outcome

LASTS_SECONDS = 1.5
MEGABYTES = 12


@dataclass(frozen=True, kw_only=True)
class Place:
    """Small file systems, where this machine lets us have them."""

    path: Path
    small: bool


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, Place]]:
    with (
        small_disk(tmp_path / "books", MEGABYTES) as books,
        small_disk(tmp_path / "films", MEGABYTES) as films,
    ):
        yield {
            "books": Place(path=tmp_path / "books", small=books),
            "films": Place(path=tmp_path / "films", small=films),
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(folder=tmp_path)


@pytest.fixture
async def harness(
    tmp_path: Path, disks: dict[str, Place], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Harness]:
    shorten(monkeypatch)
    monkeypatch.setattr(engine, "PROGRAM", (str(machine.worker),))
    # A process for each file: what is wrong now counts now.
    monkeypatch.setattr(engine, "SHORT", replace(engine.SHORT, seconds=3, jobs=1))
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.3)
    # What never plays is given up within a cell's time, not within half an hour.
    monkeypatch.setattr(fetching, "BROKEN_SECONDS", 5.0)
    harness = Harness(
        folder=tmp_path,
        clips=FixedClips(film(tmp_path / "film.mp4", seconds=3)),
        media=disks["films"].path / "media",
        database=disks["books"].path / "retake.db",
    )
    with harness.complaints.listening():
        async with harness:
            yield harness


@asynccontextmanager
async def troubled(
    harness: Harness, machine: Machine, row: Row, trouble: Trouble, moment: Call | None
) -> AsyncIterator[None]:
    """Trouble from the start, or from the moment a call was answered, for a while."""
    ending: list[asyncio.Task[None]] = []
    assert harness.media is not None
    assert harness.database is not None
    media, database = harness.media, harness.database

    async def end() -> None:
        await REAL.sleep(LASTS_SECONDS)
        await machine.end()

    async def answered(call: Call | None) -> None:
        if call is not moment or row.struck:
            return
        row.struck += 1
        await machine.begin(trouble, database=database, media=media)
        if trouble not in WHOLE:
            ending.append(asyncio.create_task(end()))

    harness.weather.answered = answered
    if moment is None:
        await answered(None)
    try:
        yield
    finally:
        harness.weather.answered = None
        for task in ending:
            await task
        await machine.end()


async def play(harness: Harness, machine: Machine, trouble: Trouble, moment: Call | None) -> Row:
    """Ask for a video, cause the trouble, wait for the end, check the outcome."""
    prompt = f"{trouble} {moment or 'at once'}"
    row = Row(call=moment or "at once", how=trouble)
    began = time.monotonic()
    said = len(harness.complaints.said)
    people = harness.discord.people
    answer: Json = {"responses": [], "state": "pending"}
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            async with troubled(harness, machine, row, trouble, moment):
                options = {"prompt": prompt, "duration": "3"}
                id_ = await people.command("tom", "videos", "video", options=options)
                answer = await people.interaction(id_, wait=12)
                await harness.resting()
    except TimeoutError:
        row.hung = True
    row.crashed += harness.complaints.said[said:]
    check_outcome(harness, row, prompt, answer)
    if row.ended == "failed" and trouble not in WHOLE:
        row.untrue.append("it passed, and the video was given up")
    if harness.ended:
        row.crashed.append(f"the bot ended: {harness.task.exception()!r}")
    row.seconds = time.monotonic() - began
    return row


MOMENTS = {
    Trouble.LOCKED: (None, Call.THREAD, Call.SUBMIT, Call.DOWNLOAD, Call.FILE),
    Trouble.DATABASE_FULL: (None, Call.THREAD, Call.SUBMIT, Call.DOWNLOAD, Call.FILE),
    Trouble.MEDIA_FULL: (Call.SUBMIT,),
}
CELLS = [(t, moment) for t in Trouble for moment in MOMENTS.get(t, (Call.SUBMIT,))]


@pytest.mark.timeout(600)
async def test_trouble_of_the_machine_is_reported_truly_and_ends(
    harness: Harness, machine: Machine, disks: dict[str, Place]
) -> None:
    figures = Figures("machine")
    figures.say(HEAD)
    rows: list[Row] = []
    small = all(place.small for place in disks.values())
    for trouble, moment in CELLS:
        if trouble in {Trouble.DATABASE_FULL, Trouble.MEDIA_FULL} and not small:
            figures.say(f"{trouble}: this machine does not let us have a small disk")
            continue
        row = await play(harness, machine, trouble, moment)
        figures.say(row.line())
        rows.append(row)
        if row.hung or harness.ended:
            break
    figures.write(
        cells=len(rows),
        hung=sum(row.hung for row in rows),
        crashed=sum(bool(row.crashed) for row in rows),
        untrue=sum(bool(row.untrue) for row in rows),
    )
    assert [row.line() for row in rows if not row.fine or not row.struck] == []
