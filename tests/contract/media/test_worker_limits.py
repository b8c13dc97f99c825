"""The process that decodes: it ends when it must, takes nothing with it, and is never shared."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError
from bot.media import engine as engines
from bot.media.engine import LONG, SHORT, Engine, ResourceLimits
from bot.media.jobs import Fault, JobError

SOON = ResourceLimits(seconds=1, cpu_seconds=30, memory=2 * 1024**3, jobs=3)


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


@pytest.fixture(autouse=True)
async def no_process_left() -> AsyncIterator[None]:
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


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the worker's place that says it is ready, deafens itself, and stays."""
    os.mkfifo(tmp_path / "begun")
    program(
        tmp_path,
        monkeypatch,
        f"trap '' TERM INT HUP\nenv > {tmp_path}/env\necho '{{\"ready\": \"yes\"}}'\n"
        f"read -r job\n: > {tmp_path}/begun\nwhile :; do sleep 60; done\n",
    )
    return tmp_path


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "worker"
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    monkeypatch.setattr(engines, "PROGRAM", (str(path),))


async def begun(folder: Path) -> None:
    """Wait until the stubborn program has its job: the pipe ends when it was opened."""
    await asyncio.to_thread((folder / "begun").read_text)


@asynccontextmanager
async def failing(fault: Fault) -> AsyncIterator[None]:
    with pytest.raises(JobError) as failed:
        yield
    assert failed.value.fault is fault


async def look(engine: Engine, path: Path) -> dict[str, object]:
    return await engine.do("look", source=str(path), demuxer="mov", max_pixels=10**9)


async def test_cancelling_kills_it_and_all_it_started(stubborn: Path) -> None:
    before = children()
    async with Engine() as engine, asyncio.TaskGroup() as group:
        running = group.create_task(engine.do("look"))
        await begun(stubborn)
        (pid,) = children() - before
        assert pid in running_in_group(pid)
        running.cancel()
    assert not running_in_group(pid)


async def test_time_up_ends_it(stubborn: Path) -> None:
    async with Engine(short=SOON) as engine:
        opened = asyncio.create_task(begun(stubborn))
        async with failing(Fault.EXHAUSTED):
            await engine.do("look")
        await opened


def encoding(source: Path, scratch: Path, **quality: int) -> dict[str, object]:
    return {
        "source": str(source),
        "demuxer": "mov",
        "destination": str(scratch / "made.mp4"),
        "scratch": str(scratch),
        "quality": quality,
    }


async def test_cpu_time_up_ends_it(files: Path, tmp_path: Path) -> None:
    limits = replace(LONG, seconds=60, cpu_seconds=1)
    async with Engine(long=limits) as engine, failing(Fault.EXHAUSTED):
        work = encoding(files / "heavy.mp4", tmp_path, width=3840, height=2160)
        await engine.do("encode", long=True, **work)


async def test_memory_has_an_end(files: Path) -> None:
    giant = files / "giant.mp4"
    async with Engine() as engine:
        assert await look(engine, giant)
    async with Engine(short=replace(SHORT, memory=200 * 1024**2)) as engine:
        assert await look(engine, files / "clip.mp4")
        async with failing(Fault.EXHAUSTED):
            await look(engine, giant)


async def test_files_have_an_end(files: Path, tmp_path: Path) -> None:
    limits = replace(LONG, file_size=64 * 1024)
    async with Engine(long=limits) as engine, failing(Fault.EXHAUSTED):
        await engine.do("encode", long=True, **encoding(files / "heavy.mp4", tmp_path))
    assert size(tmp_path / "made.mp4") <= 64 * 1024


def size(path: Path) -> int:
    return path.stat().st_size


async def test_nothing_of_our_environment_is_handed_on(
    stubborn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAKE__DISCORD__TOKEN", "hunter2")
    async with Engine() as engine, asyncio.TaskGroup() as group:
        running = group.create_task(engine.do("look"))
        await begun(stubborn)
        running.cancel()
    assert "hunter2" not in text(stubborn / "env")


def text(path: Path) -> str:
    return path.read_text()


async def test_looks_do_not_wait_for_encodes_nor_more_than_two_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encodes that never end fill their places; looks go on next to them."""
    diary = tmp_path / "diary"
    program(
        tmp_path,
        monkeypatch,
        'echo \'{"ready": "yes"}\'\n'
        f'while read -r job; do case "$job" in *encode*) echo + >> {diary}; sleep 60;;'
        ' *) echo \'{"result": {"seen": 1}}\';; esac; done\n',
    )
    async with Engine() as engine, asyncio.TaskGroup() as group:
        encodes = [group.create_task(engine.do("encode", long=True)) for _ in range(3)]
        looks = await asyncio.gather(*(engine.do("look") for _ in range(4)))
        assert looks == [{"seen": 1}] * 4
        for task in encodes:
            task.cancel()
    assert len(text(diary).split() if diary.exists() else []) <= 2


@pytest.mark.parametrize(
    "script",
    [
        "echo '{\"ready\": 1}'\nread -r job\nexit 0\n",
        "echo '{\"ready\": 1}'\nread -r job\nkill -SEGV $$\n",
        "echo '{\"ready\": 1}'\nread -r job\necho nonsense\nsleep 60\n",
        "echo '{\"ready\": 1}'\nread -r job\necho '[1]'\nsleep 60\n",
        "echo '{\"ready\": 1}'\nread -r job\nhead -c 3000000 /dev/zero | tr '\\0' x\nsleep 60\n",
    ],
    ids=["ends", "crashes", "talks nonsense", "answers no object", "talks without end"],
)
async def test_whatever_it_does_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, monkeypatch, script)
    async with Engine() as engine, failing(Fault.DAMAGED):
        await engine.do("look")


@pytest.mark.parametrize("script", ["exit 1\n", "echo nonsense\n"])
async def test_a_worker_that_does_not_start_says_nothing_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, monkeypatch, script)
    async with Engine() as engine:
        for attempt in (engine.do("look"), engine.versions()):
            with pytest.raises(MediaError) as failed:
                await attempt
            assert failed.value.code is Code.INTERNAL
            assert failed.value.facts == {"reason": "media_worker"}


async def test_a_program_that_is_not_there_says_nothing_about_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PROGRAM", (str(tmp_path / "nowhere"),))
    async with Engine() as engine:
        with pytest.raises(MediaError) as failed:
            await engine.do("look")
    assert failed.value.facts == {"reason": "media_worker"}


async def test_one_that_ended_while_it_waited_is_replaced(files: Path) -> None:
    before = children()
    async with Engine() as engine:
        await look(engine, files / "clip.mp4")
        (waiting,) = children() - before
        os.kill(waiting, 9)
        assert await look(engine, files / "clip.mp4")


async def test_it_is_kept_warm_and_replaced_after_a_number_of_files(files: Path) -> None:
    before, seen = children(), list[int]()
    async with Engine(short=replace(SHORT, jobs=2)) as engine:
        for _ in range(3):
            await look(engine, files / "clip.mp4")
            seen += children() - before
        assert seen[0] != seen[1]
    assert len(seen) == 2  # after the second file none waits


async def test_it_names_its_libraries() -> None:
    async with Engine() as engine:
        assert re.match(r"PyAV 18\.\d+\.\d+ with FFmpeg \S+, Pillow \d+", await engine.versions())
