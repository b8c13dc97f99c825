"""The media directory: files are checked, kept under lasting names, and removed.

::

    inputs/<sha256>.<ext>             attached files, checked and rewritten
    videos/<generation>.mp4           results of providers
    copies/<name>.<limit>.<step>.mp4  copies made to fit
    partial/<generation>.part         results during their download
    scratch/                          files of running jobs; old ones are leftovers

A file gets its lasting name only once it is complete and synced to the disk.
"""

import asyncio
import glob
import re
import shutil
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TypeVar

import structlog

from bot.domain.errors import Code, DiskFault, MediaError, ProviderError, Refused
from bot.domain.ids import GenerationId
from bot.domain.media import FitStep, FittedMedia, MediaKind, StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.media import IncomingFile
from bot.media.budget import Budget
from bot.media.disk import disk_errors, is_writable, keep, scratch_folder, sha256_of
from bot.media.engine import Engine
from bot.media.fit import fit_video
from bot.media.intake import Caps, check_in
from bot.media.purge import FOLDERS, kept_bytes, remove_old, shrink
from bot.media.results import check_result
from bot.media.sniff import Format

log = structlog.get_logger(__name__)

T = TypeVar("T")

Fetch = Callable[[str, Path, int], Awaitable[int]]
"""Downloads an address to a file of at most this many bytes, and returns its size.

Raises ProviderError or MediaError; RESULT_TOO_LARGE if the file is larger.
"""

_BUDGET = 64 * 2**20
"""Declared bytes of attachments that are fetched and decoded at the same time."""

_FREE_BYTES = 2**30
"""The number of bytes that should be free on the disk."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


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
        self._budget = Budget(_BUDGET)
        self.needed: Callable[[], Awaitable[Collection[str]]] = _nothing
        """Returns the paths of files that must not be removed, relative to the directory.

        It may raise ``StorageUnavailable``; then nothing is removed.
        """
        with disk_errors():
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
        async with scratch_folder(self.root) as scratch:
            source = scratch / "incoming"
            await self._download(file.url, source, name)
            checked = await check_in(
                self._engine, source, scratch, name=name, kinds=kinds, caps=self.caps
            )
            digest = await asyncio.to_thread(sha256_of, checked.path)
            path = f"inputs/{digest}.{checked.format.value}"
            size = await asyncio.to_thread(keep, checked.path, self.root / path)
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
        """Do the work. If the disk is full, make room and do it again."""
        try:
            return await work()
        except MediaError as error:
            if error.facts.get("reason") != DiskFault.FULL or not await self.make_room():
                raise
        return await work()

    def partial_path(self, generation_id: GenerationId) -> Path:
        return self.root / "partial" / f"{_checked(generation_id)}.part"

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        return await self._with_room(lambda: self._adopt(generation_id, sha256))

    async def _adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        partial = self.partial_path(generation_id)
        path = f"videos/{_checked(generation_id)}.mp4"
        async with scratch_folder(self.root) as scratch:
            source, facts = await check_result(self._engine, partial, scratch)
            if source != partial:
                sha256 = await asyncio.to_thread(sha256_of, source)
            size = await asyncio.to_thread(keep, source, self.root / path)
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
            return FittedMedia(path=str(source), size=size, step=FitStep.ORIGINAL)
        for step in FitStep:
            copy = self._copy(source, max_bytes, step)
            if copy.exists():
                return FittedMedia(path=str(copy), size=copy.stat().st_size, step=step)
        return await self._with_room(lambda: self._fit(source, size, max_bytes))

    async def _fit(self, source: Path, size: int, max_bytes: int) -> FittedMedia:
        async with scratch_folder(self.root) as scratch:
            made, step = await fit_video(
                self._engine, source, scratch, size=size, max_bytes=max_bytes
            )
            copy = self._copy(source, max_bytes, step)
            kept = await asyncio.to_thread(keep, made, copy)
        return FittedMedia(path=str(copy), size=kept, step=step)

    async def discard(self, media: StoredMedia) -> None:
        await asyncio.to_thread(self._discard, self.path_of(media))

    def _discard(self, path: Path) -> None:
        with disk_errors():
            path.unlink(missing_ok=True)
            for copy in (self.root / "copies").glob(f"{glob.escape(path.stem)}.*"):
                copy.unlink(missing_ok=True)

    async def make_room(self) -> bool:
        if self._clock is None:
            return False
        needed = await self.needed()
        return await asyncio.to_thread(self._make_room, self._clock.now(), needed)

    def _make_room(self, now: datetime, needed: Collection[str]) -> bool:
        with disk_errors():
            short = _FREE_BYTES - shutil.disk_usage(self.root).free
            if short <= 0:
                return False
            gone = shrink(self.root, now, kept_bytes(self.root) - short, needed)
        log.warning("disk_full_old_files_removed", bytes=gone)
        return gone > 0

    async def can_keep(self) -> bool:
        if await asyncio.to_thread(is_writable, self.root):
            return True
        return await self.make_room() and await asyncio.to_thread(is_writable, self.root)

    async def clean(self, now: datetime, older_than: timedelta) -> int:
        """Remove files older than that, leftovers, and the oldest files above the size limit.

        Returns the number of files that were too old.
        """
        return await asyncio.to_thread(self._clean, now, older_than, await self.needed())

    def _clean(self, now: datetime, older_than: timedelta, needed: Collection[str]) -> int:
        with disk_errors():
            removed = remove_old(self.root, now, older_than, needed)
            if self._max_bytes is not None:
                gone = shrink(self.root, now, self._max_bytes, needed)
                if gone:
                    log.info("media_shrunk", bytes=gone, limit=self._max_bytes)
        return removed

    def _copy(self, source: Path, max_bytes: int, step: FitStep) -> Path:
        return self.root / "copies" / f"{source.stem}.{max_bytes}.{step.value}.mp4"

    async def _download(self, url: str, destination: Path, name: str) -> None:
        try:
            with disk_errors():
                await self._fetch(url, destination, self.caps.upload_bytes)
        except (ProviderError, MediaError) as error:
            if error.code is Code.RESULT_TOO_LARGE:
                raise Refused(
                    Code.MEDIA_TOO_LARGE, name=name, size=None, limit=self.caps.upload_bytes
                ) from error
            if error.code is Code.INTERNAL:
                raise
            raise Refused(Code.MEDIA_UNAVAILABLE, name=name) from error


async def _nothing() -> frozenset[str]:
    return frozenset()


def safe_name(name: str) -> str:
    """Return the last part of a file name, without control characters and at most 80 long."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(sign for sign in last if sign.isprintable()).strip(". ")
    if len(shown) > 80:
        stem, dot, extension = shown.rpartition(".")
        shown = f"{stem[:70]}…{dot}{extension[:8]}" if dot else f"{shown[:79]}…"
    return shown or "file"


def _checked(generation_id: GenerationId) -> str:
    """Return the id if it is safe as a file name. Raises ValueError."""
    if not _ID.fullmatch(generation_id):
        raise ValueError(generation_id)
    return generation_id
