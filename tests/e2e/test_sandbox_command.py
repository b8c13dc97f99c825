"""``./retake sandbox`` as a person runs it: up, used, its bot killed, and gone without a trace."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import opening

ROOT = Path(__file__).resolve().parents[2]
ENOUGH_SECONDS = 60.0


@dataclass
class Command:
    """The running command, and the address that it printed."""

    process: asyncio.subprocess.Process
    web: aiohttp.ClientSession
    url: str = ""

    async def line(self, start: str) -> str:
        """The next line on its screen that starts so."""
        assert self.process.stdout is not None
        said = ""
        async with asyncio.timeout(ENOUGH_SECONDS):
            while line := (await self.process.stdout.readline()).decode():
                said += line
                if line.startswith(start):
                    return line.strip()
        pytest.fail(f"{start!r} was never said:\n{said}")

    async def call(self, path: str, body: dict[str, Any]) -> Any:
        async with self.web.post(self.url + path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    def bots(self) -> list[int]:
        """The bots among its child processes; the others render clips."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if is_bot(Path(f"/proc/{child}/cmdline"))]


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", "0", "--no-browser",
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as web:
            yield Command(process, web)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await process.wait()


def is_bot(command_line: Path) -> bool:
    try:
        return b"\0bot\0run\0" in command_line.read_bytes()
    except OSError:  # ended meanwhile
        return False


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_it_keeps_its_bot_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as command:
        command.url = (await command.line("Retake is ready: ")).removeprefix("Retake is ready: ")
        await command.line("Type /video there, or reply to a video. Ctrl-C stops everything.")
        [first] = command.bots()
        await command.line(f"The bot is process {first}: ")
        state = await command.web.get(f"{command.url}/control/state?user=tom")
        channel = next(c for c in (await state.json())["guilds"][0]["channels"] if c["type"] == 0)
        asking = {"channel_id": channel["id"], "name": "video", "path": []}
        await command.call(
            "/control/users/tom/commands", asking | {"options": {"prompt": "a paper boat"}}
        )
        wait = {"after": 0, "timeout": ENOUGH_SECONDS}
        named = {"event": "THREAD_CREATE", "match": {"name": "a paper boat"}}
        thread = await command.call("/control/discord/wait", named | wait)
        os.kill(first, signal.SIGKILL)
        assert "exit status -9" in await command.line("The bot has ended")
        there = {"channel_id": thread["data"]["id"], "attachments.0.content_type": "video/mp4"}
        video = {"event": "MESSAGE_CREATE", "match": there}
        await command.call("/control/discord/wait", video | wait)
        fox = {"event": "THREAD_CREATE", "match": {"name": opening.FOX}}
        await command.call("/control/discord/wait", fox | wait)
        [second] = command.bots()
        assert second != first
        command.process.send_signal(signal.SIGINT)
        assert await command.process.wait() == 0
        assert not alive(first)
        assert not alive(second)
        with pytest.raises(aiohttp.ClientConnectorError):
            await command.web.get(command.url)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")] == ["data/sandbox"]


async def second_start(folder: Path, port: int = 0) -> str:
    """What a start prints that ends by itself, with exit status 1."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", str(port), "--no-browser",
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(ENOUGH_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert (process.returncode, err) == (1, b"")
    return out.decode()


def contents(folder: Path) -> dict[str, int]:
    """The files that a running bot needs, by their inode."""
    return {path.name: path.stat().st_ino for path in (folder / "data/sandbox").glob("retake.db*")}


async def test_a_second_start_in_the_same_folder_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as command:
        command.url = (await command.line("Retake is ready: ")).removeprefix("Retake is ready: ")
        [bot] = command.bots()
        before = contents(tmp_path)
        assert "retake.db" in before
        # Neither any free port nor the first one's own gets past the lock.
        for port in (0, int(command.url.rpartition(":")[2])):
            said = await second_start(tmp_path, port)
            assert said == (
                f"A sandbox is already running in {tmp_path}/data/sandbox, as process"
                f" {command.process.pid}. Open {command.url}, or stop it with Ctrl-C in its"
                " terminal.\n"
            )
        assert contents(tmp_path) == before
        assert command.bots() == [bot]


async def test_a_bot_whose_sandbox_was_killed_still_holds_the_folder(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as command:
        await command.line("Retake is ready: ")
        [bot] = command.bots()
        command.process.kill()
        await command.process.wait()
        before = contents(tmp_path)
        said = await second_start(tmp_path)
        assert said.startswith("The bot of a sandbox that was killed is still running in ")
        assert said.endswith(f" kill {bot}\n")
        assert contents(tmp_path) == before
        os.kill(bot, signal.SIGKILL)
        with (tmp_path / "data/sandbox/retake.db.lock").open() as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
    async with sandbox(tmp_path) as command:
        await command.line("Retake is ready: ")


async def test_a_port_in_use_gets_a_sentence(tmp_path: Path) -> None:
    async def nobody(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    kept = tmp_path / "data/sandbox/retake.db"
    kept.parent.mkdir(parents=True)
    kept.write_text("of a sandbox on another port")
    taken = await asyncio.start_server(nobody, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    try:
        said = await second_start(tmp_path, port)
    finally:
        taken.close()
    assert f"Port {port} can't be used" in said
    assert "Use --port 0" in said
    assert kept.exists()


async def test_a_bot_that_never_comes_online_ends_it_with_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'bot' in sys.orig_argv:\n    sys.exit('The bot cannot start here.')\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", "0", "--no-browser",
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert "The bot did not start. Its last lines" in out.decode()
    assert "The bot cannot start here." in out.decode()
