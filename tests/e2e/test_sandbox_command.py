"""``./retake sandbox`` as a person runs it: up, used, its bot killed, and gone without a trace."""

import asyncio
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

ROOT = Path(__file__).resolve().parents[2]
ENOUGH_SECONDS = 60.0


@dataclass
class Command:
    """The running command, and the address it told."""

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
        """Its child processes."""
        pid = self.process.pid
        return [int(told) for told in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_it_keeps_its_bot_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as command:
        command.url = (await command.line("Retake is ready: ")).removeprefix("Retake is ready: ")
        await command.line("Type /video there to begin. Ctrl-C stops everything.")
        [first] = command.bots()
        state = await command.web.get(f"{command.url}/control/state?user=tom")
        channel = next(c for c in (await state.json())["guilds"][0]["channels"] if c["type"] == 0)
        asking = {"channel_id": channel["id"], "name": "video", "path": []}
        await command.call(
            "/control/users/tom/commands", asking | {"options": {"prompt": "a paper boat"}}
        )
        thread = {"event": "THREAD_CREATE", "match": {}, "after": 0, "timeout": ENOUGH_SECONDS}
        await command.call("/control/discord/wait", thread)
        os.kill(first, signal.SIGKILL)
        assert "exit status -9" in await command.line("The bot has ended")
        video = {"event": "MESSAGE_CREATE", "match": {"attachments.0.content_type": "video/mp4"}}
        await command.call("/control/discord/wait", video | {"after": 0, "timeout": ENOUGH_SECONDS})
        [second] = command.bots()
        assert second != first
        command.process.send_signal(signal.SIGINT)
        assert await command.process.wait() == 0
        assert not alive(first)
        assert not alive(second)
        with pytest.raises(aiohttp.ClientConnectorError):
            await command.web.get(command.url)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")] == ["data/sandbox"]


async def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    async def nobody(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    taken = await asyncio.start_server(nobody, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sandbox", "--port", str(port), "--no-browser",
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
    finally:
        taken.close()
    assert process.returncode == 1
    assert f"Port {port} cannot be used" in out.decode()
    assert "Try --port 0" in out.decode()
    assert b"Traceback" not in err


async def test_a_bot_that_never_comes_online_ends_it_with_its_last_words(tmp_path: Path) -> None:
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
    assert "The bot did not start. Its last words" in out.decode()
    assert "The bot cannot start here." in out.decode()
