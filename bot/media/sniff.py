"""The format of a file, by its first bytes.

Names, extensions and declared types are ignored. A format that is not listed here is refused, so
playlists, documents, archives and scripts never reach a decoder.
"""

from enum import StrEnum
from pathlib import Path

from bot.domain.media import MediaKind

_HEAD_BYTES = 1024
"""The number of bytes that are read."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_FIRST_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})


class Format(StrEnum):
    """An accepted format; the value is its usual extension."""

    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    HEIC = "heic"
    AVIF = "avif"
    MP4 = "mp4"
    MATROSKA = "webm"

    @property
    def kind(self) -> MediaKind:
        """Its kind. A GIF is a picture: only its first frame is used."""
        moving = self in {Format.MP4, Format.MATROSKA}
        return MediaKind.VIDEO if moving else MediaKind.IMAGE

    @property
    def demuxer(self) -> str:
        """The one demuxer that may open a video of this format."""
        return {Format.MP4: "mov", Format.MATROSKA: "matroska"}[self]

    @property
    def mime(self) -> str:
        """Its media type."""
        return _MIMES[self]


_MIMES = {
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.WEBP: "image/webp",
    Format.GIF: "image/gif",
    Format.HEIC: "image/heic",
    Format.AVIF: "image/avif",
    Format.MP4: "video/mp4",
    Format.MATROSKA: "video/webm",
}


def sniff_file(path: Path) -> Format | None:
    """Return the format of a file, as ``sniff``. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return sniff(file.read(_HEAD_BYTES))


def sniff(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes; None if it is not accepted."""
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return Format.GIF
    if head.startswith(b"\x1a\x45\xdf\xa3") and (b"webm" in head[:64] or b"matroska" in head[:64]):
        return Format.MATROSKA
    return _boxed(head)


def _boxed(head: bytes) -> Format | None:
    """Return the format of a file of boxes, by the type and size of the first one."""
    size, name, brand = int.from_bytes(head[:4], "big"), head[4:8], head[8:12]
    if name != b"ftyp":
        # Old QuickTime files have no type box, and some files have free space in front of it.
        return Format.MP4 if name in _FIRST_BOXES and size >= 8 else None
    if not 16 <= size <= _HEAD_BYTES or size % 4 or brand in _SOUND_BRANDS:
        return None
    brands = {head[at : at + 4] for at in (8, *range(16, size, 4))}
    if brand in _AVIF_BRANDS or (brand in _HEIC_BRANDS and brands & _AVIF_BRANDS):
        return Format.AVIF
    return Format.HEIC if brand in _HEIC_BRANDS else Format.MP4
