"""The real bot as a process of its own, started as an operator would start it.

Owns its start and its end. Nothing of the bot is imported here.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

STOP_SECONDS = 10.0
ROOT = Path(__file__).resolve().parent.parent


class BotProcess:
    """``python -m bot run --config FILE``; its output goes into a log file."""

    def __init__(self, *, config: Path, log: Path, role: str = "all") -> None:
        self._config = config
        self._role = role
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the running bot."""
        if self._process is None:
            raise RuntimeError("the bot was not started")
        return self._process.pid

    async def start(self) -> None:
        """Start it. The shell's settings do not reach it, nor its Ctrl-C: we stop it."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RETAKE__")}
        environment["PYTHONUNBUFFERED"] = "1"
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run", "--config", str(self._config.resolve()),
                "--role", self._role,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=asyncio.subprocess.STDOUT,
                env=environment, cwd=ROOT, start_new_session=True,
            )  # fmt: skip

    async def wait(self) -> int:
        """The exit status, once it has ended."""
        if self._process is None:
            raise RuntimeError("the bot was not started")
        return await self._process.wait()

    def kill(self) -> None:
        """End it between two instructions (SIGKILL)."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> int | None:
        """Ask it to end, wait, insist; its exit status (None: it never ran)."""
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        return await process.wait()
