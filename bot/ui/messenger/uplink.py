"""How fast files go up to Discord, as measured, and what follows for the next one.

Owns how long an upload may take and how large a file may be to pass in that time. In memory: after
a restart the first upload measures again.
"""

import io
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 45.0
MOST_SECONDS = 270.0
"""The library cuts every request after 300 seconds, whatever is under way."""

PASSING_SECONDS = 150.0
UNMEASURED = 40 * 1024
"""Bytes a second that are thought possible before the first upload."""

LEAST_BYTES = 2**20
TELLING_BYTES = 2**18
"""A smaller file measures how far away Discord is, not how wide the line."""


class OutgoingFile(io.BufferedReader):
    """A file that knows how much of it was read, also after it was closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = path.stat().st_size
        self.sent = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.sent += len(data)
        return data

    def seek(self, target: int, whence: int = io.SEEK_SET, /) -> int:
        self.sent = super().seek(target, whence)
        return self.sent


@dataclass(kw_only=True)
class Uplink:
    """The line to Discord. ``rate`` is in bytes a second, None before anything was measured."""

    rate: float | None = None

    def seconds_for(self, size: int) -> float:
        """Return how many seconds an upload of this size may take: twice the time expected."""
        expected = size / (self.rate / 2 if self.rate is not None else UNMEASURED)
        return min(START_SECONDS + expected, MOST_SECONDS)

    def most_bytes(self) -> int | None:
        """How large a file may be to pass in good time; None: nothing speaks against any size."""
        if self.rate is None:
            return None
        return max(int(self.rate * PASSING_SECONDS), LEAST_BYTES)

    def passed(self, size: int, seconds: float) -> None:
        """A file of that size went up in that time."""
        if size < TELLING_BYTES or seconds <= 0:
            return
        measured = size / seconds
        self.rate = measured if self.rate is None else (self.rate + measured) / 2

    def cut(self, size: int, *, sent: int, seconds: float) -> None:
        """Learn from an upload that was cut off after ``sent`` bytes.

        What was handed to the line may still stand in its buffers, so half of the file is the most
        that is believed.
        """
        if sent >= size or seconds <= 0:
            # All of it went up: what was missing is Discord's answer.
            return
        self.rate = min(sent, size / 2) / seconds
