"""The media directory: files are taken in, checked, kept under lasting names, and cleaned away.

::

    inputs/<sha256>.<ext>            what people attached, checked and rewritten
    videos/<generation>.mp4          what providers made
    copies/<name>.<limit>.<how>.mp4  copies made to fit
    partial/<generation>.part        results on their way in
    scratch/                         work in progress; anything old there is rubbish

A file has its lasting name only when it is whole and on the disk. Knows nothing of who asks.
"""

import asyncio
import contextlib
import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TypeVar

import structlog

from bot.domain.errors import Code, MediaError, ProviderError, Refused
from bot.domain.ids import GenerationId
from bot.domain.media import FittedMedia, MediaKind, StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.media import IncomingFile
from bot.media.budget import Budget
from bot.media.engine import Engine
from bot.media.faults import Fault, JobError
from bot.media.fit import fit_video
from bot.media.intake import Caps, check_in
from bot.media.probe import VideoFacts, encode, look, remux
from bot.media.purge import FOLDERS, remove_old, shrink
from bot.media.purge import size as kept_bytes
from bot.media.sniff import Format, sniff_file

log = structlog.get_logger(__name__)

T = TypeVar("T")

Fetch = Callable[[str, Path, int], Awaitable[int]]
"""Downloads an address to a file of at most this many bytes and returns how many there were.

Raises ProviderError or MediaError; RESULT_TOO_LARGE when there are more.
"""

_AT_ONCE = 64 * 2**20
"""Bytes of attachments, as declared, that are fetched and decoded at once."""

_ENOUGH = 2**30
"""Bytes that should be free on the disk."""

_USUAL = 8 * 2**20
"""Bytes of a usual video: with less room than this, none can be kept."""

_LONGEST_RESULT = 120
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_HOW = ("remuxed", "reencoded", "preview")


class DiskMediaStore:
    """``MediaStore`` on a directory, which may be shared by several workers."""

    def __init__(
        self,
        *,
        root: Path,
        engine: Engine,
        fetch: Fetch,
        caps: Caps | None = None,
        clock: Clock | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.root = root.absolute()
        self.caps = caps or Caps()
        self._engine = engine
        self._fetch = fetch
        self._clock = clock
        self._max_bytes = max_bytes
        self._budget = Budget(_AT_ONCE)
        self.needed: Callable[[], Awaitable[Collection[str]]] = _nothing
        """Returns the paths of files that must not be removed, relative to the directory.

        May raise ``StorageUnavailable``: then nothing is removed.
        """
        with _disk():
            for folder in FOLDERS:
                (self.root / folder).mkdir(parents=True, exist_ok=True)

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        name = safe_name(file.name)
        if file.size > self.caps.upload_bytes:
            raise Refused(
                Code.MEDIA_TOO_LARGE, name=name, size=file.size, limit=self.caps.upload_bytes
            )
        async with self._budget.spend(file.size):
            return await self._with_room(lambda: self._take(file, kinds, name))

    async def _take(self, file: IncomingFile, kinds: Sequence[MediaKind], name: str) -> StoredMedia:
        async with self._scratch() as scratch:
            source = scratch / "incoming"
            await self._download(file.url, source, name)
            checked = await check_in(
                self._engine, source, scratch, name=name, kinds=kinds, caps=self.caps
            )
            digest = await asyncio.to_thread(_sha256, checked.path)
            path = f"inputs/{digest}.{checked.format.value}"
            size = await asyncio.to_thread(_keep, checked.path, self.root / path)
        return StoredMedia(
            kind=checked.format.kind,
            path=path,
            mime=checked.format.mime,
            size=size,
            sha256=digest,
            width=checked.width,
            height=checked.height,
            duration_ms=checked.duration_ms,
            name=f"{PurePosixPath(name).stem}.{checked.format.value}",
            first_picture_only=checked.first_picture_only,
        )

    async def _with_room(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; on a full disk make room and do it once more."""
        try:
            return await work()
        except MediaError as error:
            if error.facts.get("reason") != "disk_full" or not await self.make_room():
                raise
        return await work()

    def partial_path(self, generation_id: GenerationId) -> Path:
        return self.root / "partial" / f"{_checked(generation_id)}.part"

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        return await self._with_room(lambda: self._adopt(generation_id, sha256))

    async def _adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        partial = self.partial_path(generation_id)
        path = f"videos/{_checked(generation_id)}.mp4"
        with _disk():
            format_ = await asyncio.to_thread(sniff_file, partial)
        if format_ is None or format_.kind is not MediaKind.VIDEO:
            raise MediaError(Code.RESULT_BROKEN)
        async with self._scratch() as scratch:
            try:
                facts = await look(self._engine, partial, format_)
                source = await self._playable(partial, format_, facts, scratch / "video.mp4")
            except JobError as error:
                log.warning(
                    "result_unreadable",
                    generation=generation_id,
                    fault=error.fault,
                    detail=error.detail,
                )
                if error.fault is Fault.EXHAUSTED:
                    raise MediaError(Code.INTERNAL, reason="exhausted") from error
                raise MediaError(Code.RESULT_BROKEN) from error
            if source != partial:
                sha256 = await asyncio.to_thread(_sha256, source)
            size = await asyncio.to_thread(_keep, source, self.root / path)
            partial.unlink(missing_ok=True)
        return StoredMedia(
            kind=MediaKind.VIDEO,
            path=path,
            mime=Format.MP4.mime,
            size=size,
            sha256=sha256,
            width=facts.width,
            height=facts.height,
            duration_ms=facts.duration_ms,
            name=f"retake-{generation_id}.mp4",
            lost_credentials=facts.credentials and source != partial,
        )

    async def _playable(
        self, partial: Path, format_: Format, facts: VideoFacts, made: Path
    ) -> Path:
        """Return a file that every player plays at once: as it came wherever that is possible."""
        if not facts.plays_inline:
            # A codec that Discord's players do not know: what people get must play.
            await encode(self._engine, partial, format_, made, seconds=_LONGEST_RESULT)
            return made
        if facts.streamable and not facts.surplus:
            return partial
        try:
            await remux(self._engine, partial, format_, made)
            await look(self._engine, made, Format.MP4)
        except JobError as error:
            log.warning("result_not_rewritten", fault=error.fault, detail=error.detail)
            if format_ is Format.MP4:
                return partial  # It plays, only not at once: better than nothing.
            await encode(self._engine, partial, format_, made, seconds=_LONGEST_RESULT)
        return made

    def path_of(self, media: StoredMedia) -> Path:
        path = (self.root / media.path).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ValueError(media.path)
        return path

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        source = self.path_of(media)
        if not source.exists():
            raise MediaError(Code.RESULT_GONE)
        size = source.stat().st_size
        if size <= max_bytes:
            return FittedMedia(path=str(source), size=size, how="original")
        for how in _HOW:
            copy = self._copy(source, max_bytes, how)
            if copy.exists():
                return FittedMedia(path=str(copy), size=copy.stat().st_size, how=how)
        return await self._with_room(lambda: self._fit(source, size, max_bytes))

    async def _fit(self, source: Path, size: int, max_bytes: int) -> FittedMedia:
        async with self._scratch() as scratch:
            made, how = await fit_video(
                self._engine, source, scratch, size=size, max_bytes=max_bytes
            )
            copy = self._copy(source, max_bytes, how)
            kept = await asyncio.to_thread(_keep, made, copy)
        return FittedMedia(path=str(copy), size=kept, how=how)

    async def discard(self, media: StoredMedia) -> None:
        await asyncio.to_thread(self._discard, self.path_of(media))

    def _discard(self, path: Path) -> None:
        with _disk():
            path.unlink(missing_ok=True)
            for copy in (self.root / "copies").glob(f"{glob.escape(path.stem)}.*"):
                copy.unlink(missing_ok=True)

    async def make_room(self) -> bool:
        if self._clock is None:
            return False
        needed = await self.needed()
        return await asyncio.to_thread(self._make_room, self._clock.now(), needed)

    def _make_room(self, now: datetime, needed: Collection[str]) -> bool:
        with _disk():
            short = _ENOUGH - shutil.disk_usage(self.root).free
            if short <= 0:
                return False
            gone = shrink(self.root, now, kept_bytes(self.root) - short, needed)
        log.warning("disk_full_old_files_removed", bytes=gone)
        return gone > 0

    async def can_keep(self) -> bool:
        if await asyncio.to_thread(self._is_writable):
            return True
        return await self.make_room() and await asyncio.to_thread(self._is_writable)

    def _is_writable(self) -> bool:
        """Write it and see: quotas and read-only mounts do not show in the bytes that are free."""
        probe = self.root / "scratch" / f"{secrets.token_hex(8)}.probe"
        try:
            with probe.open("wb") as file:
                for _ in range(_USUAL // 2**20):
                    file.write(bytes(2**20))
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        return True

    async def clean(self, now: datetime, older_than: timedelta) -> int:
        """Remove files kept longer than that, leftovers, and the oldest of too many bytes.

        Returns how many files were too old.
        """
        return await asyncio.to_thread(self._clean, now, older_than, await self.needed())

    def _clean(self, now: datetime, older_than: timedelta, needed: Collection[str]) -> int:
        with _disk():
            removed = remove_old(self.root, now, older_than, needed)
            if self._max_bytes is not None:
                gone = shrink(self.root, now, self._max_bytes, needed)
                if gone:
                    log.info("media_shrunk", bytes=gone, limit=self._max_bytes)
        return removed

    def _copy(self, source: Path, max_bytes: int, how: str) -> Path:
        return self.root / "copies" / f"{source.stem}.{max_bytes}.{how}.mp4"

    async def _download(self, url: str, destination: Path, name: str) -> None:
        try:
            with _disk():
                await self._fetch(url, destination, self.caps.upload_bytes)
        except (ProviderError, MediaError) as error:
            if error.code is Code.RESULT_TOO_LARGE:
                raise Refused(
                    Code.MEDIA_TOO_LARGE, name=name, size=None, limit=self.caps.upload_bytes
                ) from error
            if error.code is Code.INTERNAL:
                raise
            raise Refused(Code.MEDIA_UNAVAILABLE, name=name) from error

    @contextlib.asynccontextmanager
    async def _scratch(self) -> AsyncIterator[Path]:
        """A folder for one piece of work, gone afterwards; disk errors inside become MediaError."""
        folder = self.root / "scratch" / secrets.token_hex(8)
        with _disk():
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


async def _nothing() -> frozenset[str]:
    return frozenset()


def safe_name(name: str) -> str:
    """A file name to show a person: the last part only, without control signs, at most 80 long."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(sign for sign in last if sign.isprintable()).strip(". ")
    if len(shown) > 80:
        stem, dot, extension = shown.rpartition(".")
        shown = f"{stem[:70]}…{dot}{extension[:8]}" if dot else f"{shown[:79]}…"
    return shown or "file"


def _checked(generation_id: GenerationId) -> str:
    """The id, if it can be a file's name and nothing else. Raises ValueError."""
    if not _ID.fullmatch(generation_id):
        raise ValueError(generation_id)
    return generation_id


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "disk_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "disk"
        raise MediaError(Code.INTERNAL, reason=reason, errno=error.errno) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(source: Path, destination: Path) -> int:
    """Give a whole file its lasting name so that a power cut leaves it or nothing; its size."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(destination)
    folder = os.open(destination.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return destination.stat().st_size
