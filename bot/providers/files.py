"""The disk side of a download: a file is counted, hashed, and deleted unless it is complete."""

import asyncio
import hashlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from bot.domain.errors import Code, DiskFault, MediaError
from bot.domain.ports.provider import Download

_BLOCK = 512 * 1024


class FileSink:
    """Writes chunks in a worker thread. The file is deleted unless ``finish`` was called.

    Every method raises ``MediaError`` if the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._file: BinaryIO | None = None
        self._whole = False
        self.size = 0

    async def __aenter__(self) -> Self:
        try:
            self._file = await asyncio.to_thread(self._path.open, "wb")
        except OSError as error:
            raise _disk(error) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        if not self._whole:
            self._path.unlink(missing_ok=True)

    async def write(self, chunk: bytes) -> None:
        """Add a chunk."""
        self._waiting += chunk
        self.size += len(chunk)
        if len(self._waiting) >= _BLOCK:
            await self._flush()

    async def finish(self) -> Download:
        """Write the rest and keep the file."""
        await self._flush()
        self._whole = True
        return Download(size=self.size, sha256=self._hash.hexdigest())

    async def _flush(self) -> None:
        block, self._waiting = self._waiting, bytearray()
        try:
            await asyncio.to_thread(self._append, block)
        except OSError as error:
            raise _disk(error) from error

    def _append(self, block: bytearray) -> None:
        assert self._file is not None  # noqa: S101  (entered before it is written to)
        self._hash.update(block)
        self._file.write(block)
        self._file.flush()


async def clear(path: Path) -> None:
    """Delete a file if it exists. Raises ``MediaError`` if the disk refuses."""
    try:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    except OSError as error:
        raise _disk(error) from error


def is_text(path: Path) -> bool:
    """Return True if a file begins like a web page or JSON, as an error page does."""
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{", b"["}


def _disk(error: OSError) -> MediaError:
    return MediaError(Code.INTERNAL, reason=DiskFault.BROKEN, errno=error.errno or 0)
