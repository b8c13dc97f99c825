"""Writing to the media directory: hashes, lasting names, and errors of the disk."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from bot.domain.errors import Code, DiskFault, MediaError

_PROBE_MIB = 8


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn an OSError into a ``MediaError``, with ``reason`` ``disk_full`` or ``disk``."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = DiskFault.FULL if full else DiskFault.BROKEN
        raise MediaError(Code.INTERNAL, reason=reason, errno=error.errno) from error


@contextlib.asynccontextmanager
async def scratch_folder(root: Path) -> AsyncIterator[Path]:
    """Yield a folder for one job, then delete it. Disk errors inside become ``MediaError``."""
    folder = root / "scratch" / secrets.token_hex(8)
    with disk_errors():
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(source: Path, destination: Path) -> int:
    """Move a complete file to its lasting name, safely against a power cut; return its size."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(destination)
    folder = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return destination.stat().st_size


def is_writable(root: Path) -> bool:
    """Return True if a usual video can be written.

    It writes one: the number of free bytes shows neither quotas nor read-only mounts.
    """
    probe = root / "scratch" / f"{secrets.token_hex(8)}.probe"
    try:
        with probe.open("wb") as file:
            for _ in range(_PROBE_MIB):
                file.write(bytes(2**20))
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return True
