"""The real bot as a process beside the stand-ins, for tests that kill, restart and look from outside.

Owns the start and the end of both, and what must hold at the end: no violation of Discord's
document, no unknown route, no exception in a stand-in.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.clips import Clips
from sandbox.discord.judge import Judge
from sandbox.process import BotProcess
from sandbox.server import Sandbox

Json = dict[str, Any]


@dataclass
class Running:
    """A sandbox, and the bot in it."""

    sandbox: Sandbox
    folder: Path
    config: Path
    bot: BotProcess = field(init=False)
    starts: int = 0

    async def start_bot(self, extra: str = "") -> None:
        """Start the bot and wait until it is connected; ``extra`` is appended to its file."""
        if extra:
            self.config.write_text(self.config.read_text() + extra)
        self.starts += 1
        self.bot = BotProcess(config=self.config, log=self.folder / f"bot-{self.starts}.log")
        position = self.sandbox.discord.position
        await self.bot.start()
        await self.sandbox.discord.wait("BOT", {"online": True}, after=position, timeout=30)

    async def kill_bot(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.bot.kill()
        await self.bot.wait()

    def user(self, name: str) -> str:
        return next(u.id for u in self.sandbox.discord.world.users.values() if u.username == name)

    def channel(self, name: str) -> str:
        return next(c.id for c in self.sandbox.discord.world.channels.values() if c.name == name)

    async def video(
        self, prompt: str, *, by: str = "tom", channel: str = "videos", **options: Any
    ) -> Json:
        """``/video``, and the interaction once it is answered."""
        people = self.sandbox.discord.people
        interaction_id = await people.command(
            self.user(by), self.channel(channel), "video", options={"prompt": prompt, **options}
        )
        return await people.interaction(interaction_id, wait=10)

    async def next_video(self, *, after: int = 0, seconds: float = 40) -> Json:
        """The next message with a file: ``{n, type, data}``."""
        return await self.sandbox.discord.wait(
            "MESSAGE_CREATE", _is_video, after=after, timeout=seconds
        )

    def posted_videos(self) -> list[Json]:
        """Every message of the bot that holds a file, as it stands in Discord now."""
        events = self.sandbox.discord.log.newest("MESSAGE_CREATE")
        return [event["data"] for event in events if _is_video(event["data"])]

    def paid(self) -> list[str]:
        gateways = self.sandbox.gateways
        return [*gateways.evolink.paid, *gateways.apimart.paid]

    async def check(self) -> tuple[int, str]:
        """``retake check`` on the bot's own configuration: exit status, and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "check", "--config", str(self.config),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()


@asynccontextmanager
async def running_sandbox(folder: Path, judge: Judge | None) -> AsyncIterator[Running]:
    """Stand-ins with small, quick videos; the bot is started by the test."""
    sandbox = Sandbox(
        directory=folder / "gateways", clips=Clips(folder / "clips", scale="tiny"), judge=judge
    )
    await sandbox.start()
    sandbox.gateways.evolink.settings.seconds = 1
    sandbox.gateways.apimart.settings.seconds = 1
    config = folder / "config.toml"
    config.write_text(sandbox.bot_config(folder))
    running = Running(sandbox=sandbox, folder=folder, config=config)
    try:
        yield running
    finally:
        if running.starts:
            await running.bot.stop()
        await sandbox.close()
    assert sandbox.discord.violations == []
    assert sandbox.discord.unhandled == []
    assert sandbox.discord.crashes == []
    assert sandbox.gateways.problems == []


def _is_video(message: Json) -> bool:
    return bool(message["attachments"] and message["author"].get("bot"))
