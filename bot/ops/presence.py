"""The file with the time until which the bot listened to Discord, in ISO 8601.

Without a readable file, replies that were written while the bot was away stay unanswered.
"""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


class PresenceFile:
    """A time that survives a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> datetime | None:
        """Return the last time written, or None if it cannot be read."""
        return await asyncio.to_thread(self._read)

    async def write(self, at: datetime) -> None:
        """Write the time atomically. A failure is only logged."""
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
