"""``./retake sandbox``: the stand-ins, the page and the real bot, until Ctrl-C.

Owns the order of start and stop, and what is printed. Everything it keeps is in ``data/sandbox``,
which serves one sandbox at a time.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from sandbox import opening
from sandbox.discord.rules.errors import Refused
from sandbox.folder import Folder, FolderError
from sandbox.process import BotProcess
from sandbox.server import Sandbox

DATA = Path("data/sandbox")
PORT = 8900
ONLINE_SECONDS = 60.0
OPENING_SECONDS = 5.0
"""The address is printed after this long, even if the opening conversation is not finished."""


def main() -> int:
    """Parse the options and run; the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"{os.environ.get('RETAKE_COMMAND', 'python -m')} sandbox",
        description="Everything on this machine: a chat page with the real bot in it, "
        "no account, no key. Runs until Ctrl-C.",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help=f"the page's port on 127.0.0.1 (default {PORT}; 0 takes any free one)",
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args()
    return asyncio.run(run(options.port, browse=not options.no_browser))


async def run(port: int, *, browse: bool) -> int:
    """Start everything, wait for Ctrl-C or a bot that does not stay up, stop everything.

    Nothing in the folder is changed before its lock and the port are held: both may belong to a
    sandbox that is running.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        with Folder(DATA) as folder:
            return await _run_in(folder, port, stop, browse=browse)
    except FolderError as error:
        print(error)
        return 1


async def _run_in(folder: Folder, port: int, stop: asyncio.Event, *, browse: bool) -> int:
    sandbox = Sandbox(directory=folder.path / "providers")
    try:
        url = await sandbox.start(port)
    except OSError as error:
        print(f"Port {port} can't be used ({error.strerror}). Use --port 0 for any free one.")
        return 1
    folder.clear()
    opening.add_post(sandbox.discord)
    folder.config.write_text(sandbox.bot_config(folder.path), encoding="utf-8")
    bot = BotProcess(config=folder.config, log=folder.log)
    keeper = Keeper(sandbox=sandbox, bot=bot, folder=folder, url=url, browse=browse)
    try:
        return await _serve(keeper, stop)
    finally:
        await bot.stop()
        await sandbox.close()


async def _serve(keeper: "Keeper", stop: asyncio.Event) -> int:
    stopping = asyncio.ensure_future(stop.wait())
    keeping_up = asyncio.ensure_future(keeper.keep_up())
    try:
        await asyncio.wait({stopping, keeping_up}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            print("\nStopping.")
            return 0
        await keeping_up
        print(f"The bot did not start. Its last lines ({keeper.bot.log}):\n{keeper.tail()}")
        return 1
    finally:
        for task in (stopping, keeping_up):
            task.cancel()
        await asyncio.gather(stopping, keeping_up, return_exceptions=True)


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Starts the bot, and starts it again when it ends, as a service manager would."""

    sandbox: Sandbox
    bot: BotProcess
    folder: Folder
    url: str
    browse: bool

    async def keep_up(self) -> None:
        """Return if the bot ends before it was online: then it would end again."""
        opened: asyncio.Task[None] | None = None
        try:
            while await self._online():
                if opened is None:
                    opened = asyncio.create_task(self._open())
                    await asyncio.wait({opened}, timeout=OPENING_SECONDS)
                    self._welcome()
                status = await self.bot.wait()
                print(f"The bot has ended (exit status {status}). Starting it again.", flush=True)
        finally:
            if opened is not None:
                opened.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await opened

    async def _open(self) -> None:
        """Play the opening conversation; without it everything else works."""
        try:
            await opening.play(self.sandbox)
        except (KeyError, Refused, TimeoutError) as error:
            print(f"The conversation in #videos is not complete: {error}", flush=True)

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the bot's log."""
        log = self.bot.log
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _welcome(self) -> None:
        print(f"Retake is ready: {self.url}")
        print("Type /video there, or reply to a video. Ctrl-C stops everything.")
        print(f"The bot is process {self.bot.pid}: kill it while it works, and nothing is lost.")
        sys.stdout.flush()
        if self.browse and sys.stdout.isatty():
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(self.url)

    async def _online(self) -> bool:
        """Start the bot and return true if it comes online before it ends."""
        discord = self.sandbox.discord
        before = discord.position
        await self.bot.start()
        self.folder.describe(url=self.url, bot=self.bot.pid)
        ended = asyncio.ensure_future(self.bot.wait())
        online = asyncio.ensure_future(
            discord.wait("BOT", {"online": True}, after=before, timeout=ONLINE_SECONDS)
        )
        try:
            await asyncio.wait({ended, online}, return_when=asyncio.FIRST_COMPLETED)
            return online.done() and online.exception() is None
        finally:
            ended.cancel()
            online.cancel()
            await asyncio.gather(ended, online, return_exceptions=True)


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number from 0 to 65535")


if __name__ == "__main__":
    sys.exit(main())
