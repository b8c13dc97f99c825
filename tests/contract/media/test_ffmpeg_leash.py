"""The real ffmpeg on its leash: it ends when it must, and takes nothing with it."""

import asyncio
import itertools
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.media.ffmpeg import PROBE, Ffmpeg, Leash, find_ffmpeg

# An input that never ends, at the speed of the clock: it uses no CPU and stops for nothing.
ENDLESS = ["-v", "info", "-re", "-f", "lavfi", "-i", "testsrc2=s=32x32:r=25", "-f", "null", "-"]
BUSY = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x480", "-f", "null", "-"]


def children() -> set[int]:
    """The processes that this one started and that are still there, zombies too."""
    mine = f" {os.getpid()} "
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if re.match(r" \w" + mine, fields):
            found.add(int(status.parent.name))
    return found


@pytest.fixture
def no_process_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def running_in_group(group: int) -> set[int]:
    """The processes of a group that still run: those that only wait to be counted do not."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in "ZX" and int(fields[2]) == group:
            found.add(int(status.parent.name))
    return found


async def begun(program: Path) -> None:
    """Wait until the stubborn program says that it runs: the pipe ends when it was opened."""
    await asyncio.to_thread((program.parent / "begun").read_text)


@pytest.fixture
def stubborn(tmp_path: Path) -> Path:
    """A program in ffmpeg's place that deafens itself, tells that it runs, and stays."""
    program = tmp_path / "ffmpeg"
    os.mkfifo(tmp_path / "begun")
    program.write_text(
        f"#!/bin/sh\ntrap '' TERM INT HUP\nenv > {tmp_path}/env\n: > {tmp_path}/begun\n"
        "while :; do read -r line || sleep 60; done\n"
    )
    program.chmod(0o755)
    return program


@pytest.mark.usefixtures("no_process_left")
async def test_cancelling_kills_it_and_all_it_started(stubborn: Path) -> None:
    ffmpeg, before = Ffmpeg(stubborn), children()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ffmpeg.run([], PROBE))
        await begun(stubborn)
        (pid,) = children() - before
        assert pid in running_in_group(pid)
        running.cancel()
    assert not running_in_group(pid)


@pytest.mark.usefixtures("no_process_left")
async def test_time_up_ends_it(program: Path) -> None:
    run = await Ffmpeg(program).run(ENDLESS, Leash(seconds=1))
    assert run.timed_out
    assert not run.ok
    assert "testsrc2" in run.log


@pytest.mark.usefixtures("no_process_left")
async def test_cpu_time_up_ends_it(program: Path) -> None:
    run = await Ffmpeg(program).run(BUSY, Leash(seconds=30, cpu_seconds=1))
    assert not run.timed_out
    assert run.status in {-signal.SIGXCPU, -signal.SIGKILL, 255}
    assert not run.ok


async def test_memory_has_an_end(program: Path) -> None:
    large = [*BUSY[:4], "-i", "color=s=8000x8000", "-frames:v", "1", "-f", "null", "-"]
    assert (await Ffmpeg(program).run(large, Leash())).ok
    assert not (await Ffmpeg(program).run(large, Leash(memory=250 * 1024**2))).ok


async def test_files_have_an_end(program: Path, tmp_path: Path) -> None:
    raw = ["-v", "error", "-f", "lavfi", "-i", "color=s=640x480:d=1", "-f", "rawvideo"]
    out = tmp_path / "raw"
    run = await Ffmpeg(program).run([*raw, f"file:{out}"], Leash(file_size=64 * 1024))
    assert not run.ok
    assert size(out) <= 64 * 1024


def size(path: Path) -> int:
    return path.stat().st_size


@pytest.mark.usefixtures("no_process_left")
async def test_nothing_of_our_environment_is_handed_on(
    stubborn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAKE__DISCORD__TOKEN", "hunter2")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(Ffmpeg(stubborn).run([], PROBE))
        await begun(stubborn)
        running.cancel()
    assert "hunter2" not in environment(stubborn)


def environment(program: Path) -> str:
    return (program.parent / "env").read_text()


async def test_at_most_so_many_run_at_once(tmp_path: Path) -> None:
    program, diary = tmp_path / "ffmpeg", tmp_path / "diary"
    program.write_text(f"#!/bin/sh\necho + >> {diary}\nsleep 0.05\necho - >> {diary}\n")
    program.chmod(0o755)
    ffmpeg = Ffmpeg(program, at_once=2)
    await asyncio.gather(*(ffmpeg.run([], PROBE) for _ in range(6)))
    assert most_at_once(diary) == 2


def most_at_once(diary: Path) -> int:
    signs = diary.read_text().split()
    assert len(signs) == 12
    return max(itertools.accumulate(1 if sign == "+" else -1 for sign in signs))


@pytest.mark.usefixtures("no_process_left")
async def test_what_it_says_is_kept_within_bounds(tmp_path: Path) -> None:
    chatty = tmp_path / "ffmpeg"
    chatty.write_text("#!/bin/sh\necho first\nhead -c 3000000 /dev/zero | tr '\\0' x\necho last\n")
    chatty.chmod(0o755)
    run = await Ffmpeg(chatty).run([], PROBE)
    assert run.ok
    assert len(run.log) <= 64 * 1024
    assert run.log.startswith("first\n")
    assert run.log.endswith("last\n")


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as run:
        await Ffmpeg(tmp_path / "nowhere").run([], PROBE)
    with pytest.raises(MediaError) as found:
        find_ffmpeg(str(tmp_path / "nowhere"))
    for told in (run, found):
        assert told.value.code is Code.INTERNAL
        assert told.value.facts == {"reason": "ffmpeg_missing", "path": str(tmp_path / "nowhere")}


async def test_it_is_found_where_it_is(
    stubborn: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_ffmpeg(str(stubborn)) == stubborn
    monkeypatch.setenv("PATH", str(stubborn.parent))
    assert find_ffmpeg() == stubborn
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_ffmpeg() not in {stubborn, Path("ffmpeg")}
    assert (await Ffmpeg(program).version()).startswith("ffmpeg version")
