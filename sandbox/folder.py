"""The sandbox's folder: it serves one sandbox at a time, and each start begins without old state.

Owns the lock. A bot that outlived its sandbox holds its database's lock: then the folder is in use.
"""

import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO


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

    def describe(self, *, url: str = "", bot: int | None = None) -> None:
        """Set what a second start in this folder says: this one's address and processes."""
        self._lock.truncate(0)
        self._lock.write(f"{url},{os.getpid()},{bot or ''}")
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
        self._lock.seek(0)
        url, process, bot = (self._lock.read() or ",,").split(",")
        if not _lock(self._lock):
            self._lock.close()
            where = f" Open {url}, or stop it with Ctrl-C in its terminal." if url else ""
            raise FolderError(
                f"A sandbox is already running in {self.path}, as process {process}.{where}"
            )
        if not self._is_free_of_bots():
            self._lock.close()
            stop = f": kill {bot}" if bot else "."
            raise FolderError(
                f"The bot of a sandbox that was killed is still running in {self.path}. Stop it"
                f" first{stop}"
            )
        self.describe()
        return self

    def _is_free_of_bots(self) -> bool:
        held = self.path / "retake.db.lock"
        if not held.exists():
            return True
        with held.open() as file:
            return _lock(file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()


def _lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
