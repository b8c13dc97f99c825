"""The sandbox's folder: it serves one sandbox at a time, and each start begins without old state.

Owns the lock. The bot inherits it: if only the bot is left, the folder is still in use.
"""

import fcntl
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self


class FolderError(Exception):
    """The folder cannot be used. The text is a sentence for people."""


class Folder:
    """A locked folder: a context manager.

    Raises:
        FolderError: when it is entered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.config = self.path / "config.toml"
        self.log = self.path / "bot.log"

    @property
    def lock(self) -> int:
        """The lock's file descriptor, for the processes that share it."""
        return self._lock.fileno()

    def describe(self, text: str) -> None:
        """Set what a second start in this folder is told."""
        self._lock.truncate(0)
        self._lock.write(text)
        self._lock.flush()

    def clear(self) -> None:
        """Remove what the last bot knew: its Discord is gone with it."""
        for old in (*self.path.glob("retake.db*"), *self.path.glob("*.log")):
            old.unlink(missing_ok=True)
        shutil.rmtree(self.path / "media", ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / "sandbox.lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise FolderError(
                f"{self.path} can't be written to ({error.strerror}): fix its permissions."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            text = self._lock.read()
            self._lock.close()
            raise FolderError(f"A sandbox is already running in {self.path}. {text}") from None
        self.describe("It is just starting.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()
