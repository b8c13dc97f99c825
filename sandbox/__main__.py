"""``./retake sandbox``: the stand-ins, the page and the real bot, until Ctrl-C.

Owns the order of start and stop, and what is printed. Everything it keeps is in ``data/sandbox``.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

from sandbox.process import BotProcess
from sandbox.server import Sandbox

DATA = Path("data/sandbox")
PORT = 8900
ONLINE_SECONDS = 60.0


def main() -> int:
    """Parse the options and run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="retake sandbox",
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
    """Start everything, wait for Ctrl-C or a bot that does not stay up, stop everything."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    data = _fresh(DATA)
    sandbox = Sandbox(directory=data / "providers")
    try:
        url = await sandbox.start(port)
    except OSError as error:
        print(f"Port {port} cannot be used ({error.strerror}). Try --port 0 for any free one.")
        return 1
    config = data / "config.toml"
    config.write_text(sandbox.bot_config(data.resolve()), encoding="utf-8")
    bot = BotProcess(config=config, log=data / "bot.log")
    try:
        return await _serve(sandbox, bot, stop, url, browse=browse)
    finally:
        await bot.stop()
        await sandbox.close()


async def _serve(
    sandbox: Sandbox, bot: BotProcess, stop: asyncio.Event, url: str, *, browse: bool
) -> int:
    def welcome() -> None:
        print(f"Retake is ready: {url}\nType /video there to begin. Ctrl-C stops everything.")
        sys.stdout.flush()
        if browse and sys.stdout.isatty():
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(url)

    stopping = asyncio.ensure_future(stop.wait())
    keeping_up = asyncio.ensure_future(_keep_up(sandbox, bot, welcome))
    try:
        await asyncio.wait({stopping, keeping_up}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            print("\nStopping.")
            return 0
        await keeping_up
        print(f"The bot did not start. Its last words ({bot.log}):\n{_tail(bot.log)}")
        return 1
    finally:
        for task in (stopping, keeping_up):
            task.cancel()
        await asyncio.gather(stopping, keeping_up, return_exceptions=True)


async def _keep_up(sandbox: Sandbox, bot: BotProcess, welcome: Callable[[], None]) -> None:
    """Start the bot, and start it again when it ends, as a service manager would.

    Return if it ends before it was online: then it would end again. ``welcome`` is called the
    first time that it is online.
    """
    restarted = False
    while await _online(sandbox, bot):
        if not restarted:
            welcome()
        status = await bot.wait()
        print(f"The bot has ended (exit status {status}). Starting it again.", flush=True)
        restarted = True


async def _online(sandbox: Sandbox, bot: BotProcess) -> bool:
    """Start the bot and return true if it comes online before it ends."""
    before = sandbox.discord.position
    await bot.start()
    ended = asyncio.ensure_future(bot.wait())
    online = asyncio.ensure_future(
        sandbox.discord.wait("BOT", {"online": True}, after=before, timeout=ONLINE_SECONDS)
    )
    try:
        await asyncio.wait({ended, online}, return_when=asyncio.FIRST_COMPLETED)
        return online.done() and online.exception() is None
    finally:
        ended.cancel()
        online.cancel()
        await asyncio.gather(ended, online, return_exceptions=True)


def _fresh(data: Path) -> Path:
    """The folder, without what the last run's bot knew: its Discord is gone with it."""
    data.mkdir(parents=True, exist_ok=True)
    for old in (*data.glob("retake.db*"), *data.glob("*.log"), data / "media"):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    return data


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")


if __name__ == "__main__":
    sys.exit(main())
