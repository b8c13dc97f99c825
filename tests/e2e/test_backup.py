"""A copy of the database while the bot writes to it, and a bot that goes on from such a copy."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.ops.clock import SystemClock
from bot.storage import backup, open_storage
from sandbox.clips import FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import film
from tests.e2e.running import FREE, Running, running_sandbox
from tests.e2e.test_command_line import ROOT, CommandLine

PROMPTS = [f"boat number {number} in the rain" for number in range(1, 7)]


@pytest.fixture
async def cli(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[CommandLine]:
    clips = FixedClips(film(tmp_path / "film.mp4"))
    async with running_sandbox(tmp_path, validator, clips=clips, seconds=10) as running:
        cli = CommandLine(running)
        cli.add(FREE)
        yield cli


async def faults(copy: Path) -> list[str]:
    """What is wrong with a copy: its pages, and its books as ``retake check`` sees them."""
    with closing(sqlite3.connect(copy)) as opened:
        found = [row[0] for row in opened.execute("PRAGMA integrity_check") if row != ("ok",)]
    async with open_storage(f"sqlite:///{copy}", clock=SystemClock()) as storage:
        return [*found, *await storage.read(lambda tx: tx.ledger.faults())]


def states(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        return {row[0] for row in opened.execute("SELECT state FROM generations")}


def restore(running: Running, copy: Path) -> None:
    """Go back to a copy, with the commands of docs/howto/update.md."""
    folder = running.folder
    page = (ROOT / "docs/howto/update.md").read_text(encoding="utf-8")
    (commands,) = re.findall(
        r"```sh\n(.*?)```", page.partition("## Go back")[2].partition("\n## ")[0], re.DOTALL
    )
    # The page's database is in `data`, the tests' next to it.
    (folder / "data").symlink_to(folder)
    shutil.copyfile(copy, folder / "before-update.db")
    subprocess.run(["sh", "-euc", commands], cwd=folder, check=True, timeout=30)
    assert list(folder.glob("retake.db-*")) == []


async def test_copies_made_while_the_bot_writes_are_whole(cli: CommandLine) -> None:
    running = cli.running
    running.sandbox.providers.evolink.settings.seconds = 1
    await running.start_bot()
    copies = [running.folder / f"copy-{number}.db" for number in range(3)]

    async def copy_all() -> None:
        for copy in copies:
            said = await cli.run("backup", str(copy))
            assert said.status == 0, said.all
            assert said.out == f"The database was copied to {copy}.\n"

    async with asyncio.TaskGroup() as group:
        group.create_task(copy_all())
        for prompt in PROMPTS:
            group.create_task(running.video(prompt))
    for prompt in PROMPTS:
        await running.film(prompt)
    for copy in copies:
        assert await faults(copy) == []
        assert not copy.with_name(copy.name + ".part").exists()
    said = await cli.run("backup", str(copies[0]))
    assert said.status == 1
    assert "exists already" in said.err


async def test_a_bot_goes_on_from_a_copy_with_what_was_under_way(cli: CommandLine) -> None:
    running = cli.running
    await running.start_bot()
    for prompt in PROMPTS[:3]:
        await running.video(prompt)
    await running.sandbox.providers.evolink.wait(
        lambda provider: len(provider.paid) == 3, timeout=30
    )
    copy = running.folder / "copy.db"
    await backup(f"sqlite:///{cli.database}", copy)
    assert states(copy) & {"submitting", "running"}

    # More happens after the copy: what it tells is lost with the disk, what is in Discord is not.
    for prompt in PROMPTS[:3]:
        await running.film(prompt)
    await running.kill_bot()
    restore(running, copy)
    assert (await cli.run("check")).status == 0
    await running.start_bot()
    for prompt in PROMPTS[:3]:
        await running.status(prompt, "Done")
    await running.video(PROMPTS[3])
    await running.film(PROMPTS[3])

    said = await cli.run("check")
    assert said.status == 0, said.all
    assert "0 generations are in progress." in said.out
    assert states(running.folder / "retake.db") == {"delivered"}
    assert len(running.posted_videos()) == 4
    assert len(running.paid()) == 4


async def test_a_copy_from_nowhere_says_why(cli: CommandLine) -> None:
    said = await cli.run("backup", str(cli.running.folder / "copy.db"))
    assert said.status == 1
    assert said.err.startswith("No backup was made: unable to open database file\n")
    assert not (cli.running.folder / "copy.db").exists()
