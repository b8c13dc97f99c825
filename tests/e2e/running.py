"""The real bot as a process next to the stand-ins, for tests that look from outside.

Owns the start and the end of both, and what must hold at the end: no violation of Discord's
document, no unknown route, no exception in a stand-in, nothing unexpected in the bot's log.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.clips import Clips, ClipSource, FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.process import BotProcess
from sandbox.server import Sandbox
from tests.e2e.films import film
from tests.e2e.person import Person
from tests.messages_view import words

Json = dict[str, Any]

V2 = 1 << 15
# APIMart tells no estimate when it takes a task; the catalogue's would have us wait for seconds.
QUICK = "".join(
    f'\n[providers.apimart.models."{family}".{mode}]\nestimated_seconds = 1\n'
    for family in ("omni-flash", "omni-flash-1.1")
    for mode in ("text", "image", "edit")
)
AT_ONCE = "\n[replies]\ngrace_seconds = 0\n"
FREE = "\n[limits]\nvideos = 0\nconcurrent = 0\n" + AT_ONCE
COMPLAINTS = ("Traceback", "unexpected", "step_failed", "[error", "[critical", "never awaited")


@dataclass
class Running:
    """A sandbox, and the bot in it."""

    sandbox: Sandbox
    folder: Path
    config: Path
    clips: ClipSource
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
        online = asyncio.create_task(
            self.sandbox.discord.wait("BOT", {"online": True}, after=position, timeout=30)
        )
        ended = asyncio.create_task(self.bot.wait())
        await asyncio.wait({online, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            online.cancel()
            raise AssertionError(f"the bot ended: {self.bot.log.read_text()}")
        ended.cancel()
        await online

    async def kill_bot(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.bot.kill()
        await self.bot.wait()

    def person(self, name: str) -> Person:
        return Person(sandbox=self.sandbox, name=name)

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

    async def next_video(self, *, after: int = 0, seconds: float = 20) -> Json:
        """The next message with a file: ``{n, type, data}``."""
        return await self.sandbox.discord.wait(
            "MESSAGE_CREATE", _is_video, after=after, timeout=seconds
        )

    async def film(self, prompt: str, *, version: int | None = 1, seconds: float = 20) -> Json:
        """The finished video of a prompt (whose words hold no Markdown), as it was posted.

        ``version`` None: whichever it became.
        """
        facts = "-# v" if version is None else f"-# v{version} "

        def made(message: Json) -> bool:
            text = message["content"]
            return _is_video(message) and f"**{prompt}**" in text and facts in text

        found = await self.sandbox.discord.wait("MESSAGE_CREATE", made, timeout=seconds)
        return found["data"]

    async def status(self, prompt: str, says: str, *, seconds: float = 20) -> Json:
        """The status message of a prompt, as soon as it has said something."""
        wait = self.sandbox.discord.wait

        def about(message: Json) -> bool:
            text = words(message)
            return bool(message["flags"] & V2) and text.startswith(f"**{prompt}**")

        opened = (await wait("MESSAGE_CREATE", about, timeout=seconds))["data"]
        if says in words(opened):
            return opened

        def reported(message: Json) -> bool:
            return message["id"] == opened["id"] and says in words(message)

        return (await wait("MESSAGE_UPDATE", reported, timeout=seconds))["data"]

    async def says(self, channel_id: str, text: str, *, seconds: float = 20) -> Json:
        """The bot's message in a channel that says something."""
        bot = self.sandbox.discord.world.bot_id

        def said(message: Json) -> bool:
            here = message["channel_id"] == channel_id and message["author"]["id"] == bot
            return here and text in words(message)

        return (await self.sandbox.discord.wait("MESSAGE_CREATE", said, timeout=seconds))["data"]

    def now(self, message: Json) -> Json:
        """A message as it stands now."""
        discord = self.sandbox.discord
        return discord.render.message(discord.world.messages[message["id"]])

    def messages(self, channel_id: str) -> list[Json]:
        """Everything in a channel as it stands now, oldest first."""
        discord = self.sandbox.discord
        channel = discord.world.channels[channel_id]
        return [discord.render.message(message) for message in channel.messages.values()]

    def submissions(self) -> list[tuple[str, Json]]:
        """Every body that a provider was sent, with the provider's name."""
        providers = self.sandbox.providers
        return [
            (provider.name, call.sent)
            for provider in (providers.evolink, providers.apimart)
            for call in provider.calls
            if call.op == "submit" and call.sent is not None
        ]

    def submitted(self, prompt: str) -> list[tuple[str, Json]]:
        """Every body that a provider was sent for a prompt, with the provider's name."""
        return [sent for sent in self.submissions() if sent[1].get("prompt") == prompt]

    def posted_videos(self) -> list[Json]:
        """Every message of the bot that holds a file, as it stands in Discord now."""
        events = self.sandbox.discord.log.newest("MESSAGE_CREATE")
        return [event["data"] for event in events if _is_video(event["data"])]

    def paid(self) -> list[str]:
        providers = self.sandbox.providers
        return [*providers.evolink.paid, *providers.apimart.paid]

    def complaints(self) -> list[str]:
        """What the bot's logs hold that never should be there."""
        return [
            f"{log.name}: {line}"
            for log in sorted(self.folder.glob("bot-*.log"))
            for line in log.read_text().splitlines()
            if any(word in line for word in COMPLAINTS)
        ]

    async def check(self) -> tuple[int, str]:
        """``retake check`` on the bot's own configuration: exit status, and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "check", "--config", str(self.config),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()


@asynccontextmanager
async def running_sandbox(
    folder: Path,
    validator: OpenApiValidator | None,
    *,
    clips: ClipSource | None = None,
    seconds: float = 1,
    insecure_callbacks: bool = False,
) -> AsyncIterator[Running]:
    """Stand-ins with small, quick videos; the bot is started by the test."""
    clips = clips or Clips(folder / "clips", scale="tiny")
    sandbox = Sandbox(
        directory=folder / "providers",
        clips=clips,
        validator=validator,
        allow_insecure_callbacks=insecure_callbacks,
    )
    await sandbox.start()
    sandbox.providers.evolink.settings.seconds = seconds
    sandbox.providers.apimart.settings.seconds = seconds
    config = folder / "config.toml"
    config.write_text(sandbox.bot_config(folder))
    running = Running(sandbox=sandbox, folder=folder, config=config, clips=clips)
    try:
        yield running
    finally:
        if running.starts:
            await running.bot.stop()
        await sandbox.close()
    assert sandbox.discord.violations == [], sandbox.discord.violations
    assert sandbox.discord.unhandled == []
    assert sandbox.discord.crashes == []
    assert sandbox.providers.problems == []
    assert running.complaints() == [], running.complaints()


@asynccontextmanager
async def running_bot(
    folder: Path,
    validator: OpenApiValidator | None,
    *,
    config: str = FREE,
    clips: ClipSource | None = None,
    within: dict[str, str] | None = None,
    callbacks: int = 0,
) -> AsyncIterator[Running]:
    """One bot for many flows: quick providers, one film for all videos, no limits unless asked for.

    ``config`` is added to the bot's file, ``within`` holds lines for tables that are there already;
    ``callbacks`` is the port where the bot takes callbacks (0: it takes none). At the end
    ``retake check`` must be content.
    """
    clips = clips or FixedClips(film(folder / "film.mp4"))
    async with running_sandbox(
        folder, validator, clips=clips, seconds=0.4, insecure_callbacks=bool(callbacks)
    ) as running:
        text = running.config.read_text()
        for table, line in (within or {}).items():
            text = text.replace(f"[{table}]\n", f"[{table}]\n{line}\n")
        if callbacks:
            public = f'public_url = "http://127.0.0.1:{callbacks}"'
            text = text.replace("port = 0", f"port = {callbacks}\n{public}")
        running.config.write_text(text)
        await running.start_bot(config + QUICK)
        yield running
        status, said = await running.check()
        assert status == 0, said


def _is_video(message: Json) -> bool:
    return bool(message["attachments"] and message["author"].get("bot"))
