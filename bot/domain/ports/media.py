"""The port to the stored files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.ids import GenerationId
from bot.domain.media import FittedMedia, MediaKind, StoredMedia

_SUFFIXES = {
    MediaKind.VIDEO: (".mp4", ".mov", ".m4v", ".webm", ".mkv"),
    MediaKind.IMAGE: (".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".avif"),
}


@dataclass(frozen=True, kw_only=True)
class IncomingFile:
    """An attached file as Discord describes it. None of these values is trusted.

    ``size`` is the declared size in bytes, ``content_type`` the declared type or None.
    """

    url: str
    name: str
    size: int
    content_type: str | None = None

    def claims(self, kind: MediaKind) -> bool:
        """Return True if the declared type or the name is of that kind."""
        declared = (self.content_type or "").startswith(f"{kind.value}/")
        return declared or self.name.lower().endswith(_SUFFIXES[kind])


class MediaStore(Protocol):
    """The media directory. It checks and keeps files, and makes copies that fit a size limit."""

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        """Fetch an attached file, check its content and keep it.

        Images become JPEG or PNG, videos become MP4 (H.264).

        Raises:
            Refused: MEDIA_TYPE, MEDIA_TOO_LARGE, MEDIA_DIMENSIONS, MEDIA_TOO_SMALL,
                MEDIA_DURATION, MEDIA_TOO_SHORT, MEDIA_NO_PICTURE, MEDIA_CODEC, MEDIA_TIMEOUT,
                MEDIA_BROKEN, MEDIA_UNAVAILABLE, with the file's name and what is allowed.
            MediaError: INTERNAL with ``reason`` ``disk_full`` or ``disk`` when it cannot be
                written, ``media_worker`` when the decoding process does not start.
        """
        ...

    def partial_path(self, generation_id: GenerationId) -> Path:
        """Return the path that a result is streamed to until it is complete (``<id>.part``)."""
        ...

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        """Probe ``partial_path``, sync it to disk and rename it to its lasting name.

        Raises:
            MediaError: RESULT_BROKEN when it is not a playable video, INTERNAL when the disk is
                full or the file takes more than a job may use.
        """
        ...

    def path_of(self, media: StoredMedia) -> Path:
        """Return the absolute path of a kept file, which may have been removed since."""
        ...

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        """Return a copy of at most ``max_bytes``: as is, remuxed, re-encoded, or a smaller preview.

        Raises:
            MediaError: POST_TOO_LARGE when even the smallest preview does not fit.
        """
        ...

    async def make_room(self) -> bool:
        """Remove the oldest files if the disk is full; return True if anything was removed."""
        ...

    async def can_keep(self) -> bool:
        """Return True if a video of the usual size can be written now, after making room."""
        ...

    async def discard(self, media: StoredMedia) -> None:
        """Remove a kept file and every copy made of it; no error when they are gone already."""
        ...
