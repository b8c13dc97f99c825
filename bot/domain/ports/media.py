"""Our own files as the services see them."""

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
    """A file somebody attached, as Discord describes it; nothing here is trusted.

    ``size`` in bytes as declared, ``content_type`` as declared or None.
    """

    url: str
    name: str
    size: int
    content_type: str | None = None

    def claims(self, kind: MediaKind) -> bool:
        """Return whether it says by its declared type or its name that it is of that kind."""
        declared = (self.content_type or "").startswith(f"{kind.value}/")
        return declared or self.name.lower().endswith(_SUFFIXES[kind])


class MediaStore(Protocol):
    """The media directory: takes files in after checking them, keeps originals, makes copies that
    fit.
    """

    async def take(self, file: IncomingFile, *, kinds: Sequence[MediaKind]) -> StoredMedia:
        """Fetch, check by content and keep a file a person attached.

        Images become JPEG or PNG, videos MP4 (H.264), whatever they were.

        Raises:
            Refused: MEDIA_TYPE, MEDIA_TOO_LARGE, MEDIA_DIMENSIONS, MEDIA_TOO_SMALL,
                MEDIA_DURATION, MEDIA_TOO_SHORT, MEDIA_NO_PICTURE, MEDIA_CODEC, MEDIA_TIMEOUT,
                MEDIA_BROKEN, MEDIA_UNAVAILABLE, with the file's name and what is allowed.
            MediaError: INTERNAL with ``reason`` ``disk_full`` or ``disk`` when it cannot be
                written, ``media_worker`` when the process that decodes does not start.
        """
        ...

    def partial_path(self, generation_id: GenerationId) -> Path:
        """Where a result is streamed to before it is whole (``<id>.part``)."""
        ...

    async def adopt(self, generation_id: GenerationId, sha256: str) -> StoredMedia:
        """Probe ``partial_path``, sync it to disk and rename it to its lasting name.

        Raises:
            MediaError: RESULT_BROKEN when it is not a playable video, INTERNAL when the disk is
                full or the file takes more than a job may use.
        """
        ...

    def path_of(self, media: StoredMedia) -> Path:
        """The absolute path of a kept file (it may have been cleaned away: check)."""
        ...

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        """A copy no larger than ``max_bytes``: as is, remuxed, re-encoded, or a smaller preview.

        Raises:
            MediaError: POST_TOO_LARGE when even the smallest preview does not fit.
        """
        ...

    async def make_room(self) -> bool:
        """Remove the oldest files if the disk is full; return whether anything was removed."""
        ...

    async def can_keep(self) -> bool:
        """Return whether a usual video can be written to the disk now, after making room for it."""
        ...

    async def discard(self, media: StoredMedia) -> None:
        """Remove a kept file and every copy made of it; no error when they are gone already."""
        ...
