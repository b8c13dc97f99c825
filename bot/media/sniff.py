"""What a file really is, by its first bytes: format, kind, and a picture's size from its header.

Reads bytes and decodes nothing. Names, extensions and declared types are not looked at, and a
format that is not listed here is refused: playlists, documents, archives and scripts never reach
ffmpeg.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.domain.media import MediaKind

HEAD = 64 * 1024
"""How much of a file is looked at; a JPEG's size may stand behind a preview inside its metadata."""

_STILL_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})


class Format(StrEnum):
    """A format that is taken in; the value is its usual extension."""

    JPEG = "jpg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    MP4 = "mp4"
    MATROSKA = "webm"

    @property
    def kind(self) -> MediaKind:
        """Whether it is a picture or a video (a moving GIF is taken as its first picture)."""
        moving = self in {Format.MP4, Format.MATROSKA}
        return MediaKind.VIDEO if moving else MediaKind.IMAGE

    @property
    def demuxer(self) -> str:
        """The one demuxer that ffmpeg may open it with."""
        return _DEMUXERS[self]

    @property
    def mime(self) -> str:
        """Its media type."""
        return _MIMES[self]


_DEMUXERS = {
    Format.JPEG: "jpeg_pipe",
    Format.PNG: "png_pipe",
    Format.WEBP: "webp_pipe",
    Format.GIF: "gif",
    Format.MP4: "mov",
    Format.MATROSKA: "matroska",
}
_MIMES = {
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.WEBP: "image/webp",
    Format.GIF: "image/gif",
    Format.MP4: "video/mp4",
    Format.MATROSKA: "video/webm",
}


@dataclass(frozen=True, kw_only=True)
class Sniffed:
    """A file's format; ``width`` and ``height`` are 0 for videos and unreadable headers."""

    format: Format
    width: int = 0
    height: int = 0


def sniff_file(path: Path) -> Sniffed | None:
    """``sniff`` on the beginning of a file. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        found = sniff(head)
        if found and found.format is Format.JPEG and not found.width:
            # Large colour profiles and previews push a JPEG's size far back: look at all of it.
            found = sniff(head + file.read())
    return found


def sniff(head: bytes) -> Sniffed | None:
    """The format of a file that begins like this; None for anything that is not taken in."""
    found = _format(head)
    if found is None:
        return None
    width, height = _SIZES[found](head) if found in _SIZES else (0, 0)
    return Sniffed(format=found, width=width, height=height)


def _format(head: bytes) -> Format | None:
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
    return Format.MP4 if _is_mp4(head) else None


def _is_mp4(head: bytes) -> bool:
    """An MP4 or QuickTime file: a first box of a sane size that only such a file begins with."""
    size, name, brand = int.from_bytes(head[:4], "big"), head[4:8], head[8:12]
    if name == b"ftyp":
        sane = 16 <= size <= 1024 and size % 4 == 0
        return sane and brand not in _STILL_BRANDS and brand not in _SOUND_BRANDS
    # QuickTime files from before there was a type box.
    return name in {b"moov", b"mdat", b"wide"} and size >= 8


def _png_size(head: bytes) -> tuple[int, int]:
    if head[8:16] != b"\x00\x00\x00\rIHDR" or len(head) < 24:
        return 0, 0
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif_size(head: bytes) -> tuple[int, int]:
    if len(head) < 10:
        return 0, 0
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _webp_size(head: bytes) -> tuple[int, int]:
    chunk = head[12:16]
    if chunk == b"VP8X" and len(head) >= 30:
        return (
            int.from_bytes(head[24:27], "little") + 1,
            int.from_bytes(head[27:30], "little") + 1,
        )
    if chunk == b"VP8L" and head[20:21] == b"\x2f" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a" and len(head) >= 30:
        return (
            int.from_bytes(head[26:28], "little") & 0x3FFF,
            int.from_bytes(head[28:30], "little") & 0x3FFF,
        )
    return 0, 0


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height = int.from_bytes(head[at + 5 : at + 7], "big")
            return int.from_bytes(head[at + 7 : at + 9], "big"), height
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0, 0


_SIZES = {
    Format.PNG: _png_size,
    Format.GIF: _gif_size,
    Format.WEBP: _webp_size,
    Format.JPEG: _jpeg_size,
}
