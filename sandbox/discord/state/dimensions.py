"""Width and height of an image or video, and its type, from its first bytes or its boxes.

Owns just enough of PNG, JPEG, GIF, WebP and MP4 to answer as Discord does for uploads. Must not
decode anything.
"""

import mimetypes
import struct
from pathlib import Path
from typing import BinaryIO

HEAD = 32


def content_type(filename: str) -> str:
    """What Discord calls this file: it goes by the name."""
    return mimetypes.guess_type(filename, strict=False)[0] or "application/octet-stream"


def dimensions(path: Path) -> tuple[int, int] | None:
    """Width and height, or None when the file is no picture and no video that plays."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(0)
        try:
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                return struct.unpack(">II", head[16:24])
            if head[:6] in (b"GIF87a", b"GIF89a"):
                return struct.unpack("<HH", head[6:10])
            if head.startswith(b"\xff\xd8"):
                return _jpeg(file)
            if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
                return _webp(head)
            if head[4:8] == b"ftyp":
                return _mp4(file, 0, path.stat().st_size)
        except struct.error:
            return None
    return None


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(2)
    while marker := file.read(2):
        if marker[0] != 0xFF:
            return None
        (size,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", file.read(5))
            return width, height
        file.seek(size - 2, 1)
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return (
            int.from_bytes(head[24:27], "little") + 1,
            int.from_bytes(head[27:30], "little") + 1,
        )
    if head[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None


def _mp4(file: BinaryIO, start: int, end: int) -> tuple[int, int] | None:
    """The size of the first track that has one, from its `tkhd` box."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            body += 8
        size = size or end - at
        if size < 8:
            return None
        stop = min(at + size, end)
        if kind in (b"moov", b"trak") and (found := _mp4(file, body, stop)):
            return found
        if kind == b"tkhd":
            file.seek(stop - 8)
            width, height = struct.unpack(">II", file.read(8))
            if width and height:
                return width >> 16, height >> 16
        at += size
    return None
