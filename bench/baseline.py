"""The baseline: a Discord bot for videos as they are usually written.

One task per video that asks every five seconds over plain httpx, the video read into memory and
sent from there. It commits the request before it answers, as the real one does, so that the two
differ in design and not in what they promise. The benches start it as a separate process.
"""

import argparse
import asyncio
import contextlib
import io
import os
import random
import signal
import sys
from pathlib import Path

import aiosqlite
import discord
import httpx
from discord import app_commands

from bench.load import MODEL, VIDEO_SECONDS, Load
from bot.ui.inbound.client import configure_endpoints
from sandbox.providers import EVOLINK_KEY

POLL_SECONDS = 5.0


class BaselineBot(discord.Client):
    """``/video`` and what follows from it."""

    def __init__(self, *, provider: str, database: Path, load: Load, channels: list[int]) -> None:
        super().__init__(intents=discord.Intents(guilds=True), guild_ready_timeout=0.2)
        self.tree = app_commands.CommandTree(self)
        self._database = database
        self._load = load
        self._channels = channels
        self._http = httpx.AsyncClient(
            base_url=f"{provider}/evolink",
            headers={"Authorization": f"Bearer {EVOLINK_KEY}"},
            timeout=60,
        )
        self._jobs: set[asyncio.Task[None]] = set()

    async def setup_hook(self) -> None:
        self._books = await aiosqlite.connect(self._database)
        await self._books.execute("PRAGMA journal_mode = WAL")
        await self._books.execute("PRAGMA synchronous = FULL")
        await self._books.execute("CREATE TABLE jobs (interaction INTEGER PRIMARY KEY, state TEXT)")

        @self.tree.command(name="video", description="Make a video")
        async def video(interaction: discord.Interaction, prompt: str, duration: str = "5") -> None:
            await self._books.execute("INSERT INTO jobs VALUES (?, 'queued')", (interaction.id,))
            await self._books.commit()
            await interaction.response.send_message("On it!", ephemeral=True)
            assert interaction.channel_id is not None
            self._start(self._make(prompt, int(duration), interaction.channel_id))

        await self.tree.sync()
        for number in range(self._load.count):
            channel_id = self._channels[number % len(self._channels)]
            self._start(self._follow(self._load.task_id(number), channel_id, f"load {number}"))

    def _start(self, job) -> None:  # noqa: ANN001
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _make(self, prompt: str, duration: int, channel_id: int) -> None:
        body = {"model": MODEL, "prompt": prompt, "duration": duration}
        answer = await self._http.post("/v1/videos/generations", json=body)
        await self._follow(answer.raise_for_status().json()["id"], channel_id, prompt)

    async def _follow(self, task_id: str, channel_id: int, prompt: str) -> None:
        await asyncio.sleep(random.uniform(0, POLL_SECONDS))
        while True:
            task = (await self._http.get(f"/v1/tasks/{task_id}")).raise_for_status().json()
            if task["status"] == "completed":
                break
            await asyncio.sleep(POLL_SECONDS)
        video = (await self._http.get(task["results"][0])).content
        file = discord.File(io.BytesIO(video), filename=f"video-{VIDEO_SECONDS}s.mp4")
        await self.get_partial_messageable(channel_id).send(f"Ready: {prompt}", file=file)


async def run(args: argparse.Namespace) -> None:
    """Run until a signal stops it."""
    configure_endpoints(args.api_url, args.gateway_url)
    if args.bare:
        bot = discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.2)
    else:
        bot = BaselineBot(
            provider=args.providers, database=args.database, load=args.load, channels=args.channel
        )
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(bot.start(args.token))
    loop.add_signal_handler(signal.SIGTERM, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    os._exit(0)  # the usual bot has no orderly end: thousands of tasks are under way


class Process:
    """``python -m bench.baseline``, as seen by the bench that starts it."""

    def __init__(self, log: Path, **args: object) -> None:
        self._log = log
        self._arguments = [
            part for name, value in args.items() for part in _option(name.replace("_", "-"), value)
        ]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.baseline", *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def stop(self) -> int | None:
        """End it."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(10):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


def _option(name: str, value: object) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if isinstance(value, list):
        return [part for item in value for part in (f"--{name}", str(item))]
    return [f"--{name}", str(value)]


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("api-url", "gateway-url", "token"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--bare", action="store_true", help="a client that does nothing")
    parser.add_argument("--providers")
    parser.add_argument("--database", type=Path)
    parser.add_argument("--load", type=Load.read)
    parser.add_argument("--channel", type=int, action="append", default=[])
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
