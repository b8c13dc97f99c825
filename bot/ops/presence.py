"""The file that says until when the bot was listening to Discord.

Owns its form: one time in ISO 8601. A file that is missing or broken says nothing, and one that
cannot be written is told in the log: then replies written during an absence stay unanswered.
"""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


class PresenceFile:
    """A time that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> datetime | None:
        """The time that was written last; None if there is none, or it cannot be read."""
        return await asyncio.to_thread(self._read)

    async def write(self, at: datetime) -> None:
        """Keep the time, in one step: a reader never sees half of it."""
        await asyncio.to_thread(self._write, at)

    def _read(self) -> datetime | None:
        with contextlib.suppress(OSError, ValueError):
            at = datetime.fromisoformat(self._path.read_text("ascii").strip())
            return at if at.tzinfo is not None else None
        return None

    def _write(self, at: datetime) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(at.isoformat(), "ascii")
            fresh.replace(self._path)
        except OSError as error:
            log.warning("presence_not_kept", error=str(error))
