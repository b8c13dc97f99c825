"""Rewriting JPEG and PNG files piece by piece, without what nobody needs to know.

Keeps the picture exactly and drops the rest: place and camera, comments, previews, animation, and
whatever was hung on behind the end. A file that does not hold together raises ``MalformedError``;
so does a PNG that unpacks to more than its header announces.
"""

import re
import struct
import zlib
from dataclasses import dataclass

_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP"}
)
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PROFILE_LIMIT = 64 * 1024
_UNPACK_STEP = 1 << 20
# The seven passes of an interlaced PNG: first column, first row, column step, row step.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")


class MalformedError(ValueError):
    """The file does not hold together."""


@dataclass(frozen=True, kw_only=True)
class Stripped:
    """The picture alone. ``orientation`` is EXIF's (1: upright), which the bytes no longer tell."""

    data: bytes
    orientation: int = 1


def strip_png(data: bytes) -> Stripped:
    """A PNG with only the chunks that make the picture. Raises MalformedError."""
    kept = [data[:8]]
    header = b""
    packed: list[bytes] = []
    at = 8
    name = b""
    while name != b"IEND":
        length, name = _unpack(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (checksum,) = _unpack(">I", data, at + 8 + length)
        if zlib.crc32(name + body) != checksum:
            raise MalformedError("a chunk's checksum is wrong")
        if (name == b"IHDR") == bool(header):
            raise MalformedError("the header is missing or there twice")
        if name == b"IHDR":
            header = body
        if name == b"IDAT":
            packed.append(body)
        if name in _PNG_KEPT and (name != b"iCCP" or length <= _PROFILE_LIMIT):
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    _check_unpacked(packed, _png_bytes(header))
    return Stripped(data=b"".join(kept))


def _unpack(shape: str, data: bytes, at: int) -> tuple:
    try:
        return struct.unpack_from(shape, data, at)
    except struct.error:
        raise MalformedError("the file ends too early") from None


def _png_bytes(header: bytes) -> int:
    """How many bytes the picture data of a PNG with this header unpack to."""
    width, height, depth, colour, _, _, interlaced = _unpack(">IIBBBBB", header, 0)
    if colour not in _PNG_CHANNELS or depth not in {1, 2, 4, 8, 16}:
        raise MalformedError("an unknown kind of pixel")
    bits = depth * _PNG_CHANNELS[colour]
    total = 0
    for column, row, column_step, row_step in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns = -(-max(width - column, 0) // column_step)
        rows = -(-max(height - row, 0) // row_step)
        if columns:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _check_unpacked(packed: list[bytes], expected: int) -> None:
    unpacker = zlib.decompressobj()
    total = 0
    try:
        for piece in packed:
            left = piece
            while left and not unpacker.eof:
                total += len(unpacker.decompress(left, _UNPACK_STEP))
                left = unpacker.unconsumed_tail
                if total > expected:
                    raise MalformedError("it unpacks to more than its header announces")
        total += len(unpacker.flush()) if total <= expected else 0
    except zlib.error:
        raise MalformedError("the picture data cannot be unpacked") from None
    if total != expected:
        raise MalformedError("the picture data are not of the announced size")


def strip_jpeg(data: bytes) -> Stripped:
    """A JPEG with only the segments that make the picture. Raises MalformedError."""
    kept = [b"\xff\xd8"]
    orientation = 1
    at = 2
    while True:
        if data[at : at + 1] != b"\xff":
            raise MalformedError("no marker where one belongs")
        marker = data[at + 1 : at + 2]
        if marker == b"\xff":  # fill byte
            at += 1
            continue
        if marker == b"\xd9":
            kept.append(b"\xff\xd9")
            return Stripped(data=b"".join(kept), orientation=orientation)
        (length,) = _unpack(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise MalformedError("a segment runs over the end")
        segment = data[at:end]
        if marker == b"\xe1" and segment[4:10] == b"Exif\x00\x00":
            orientation = _orientation(segment[10:])
        if marker == b"\xda":
            following = _NEXT_MARKER.search(data, end)
            if following is None:
                raise MalformedError("the picture has no end")
            segment, end = data[at : following.start()], following.start()
        if _belongs(marker, segment):
            kept.append(segment)
        at = end


def _belongs(marker: bytes, segment: bytes) -> bool:
    if marker == b"\xe2":
        return segment[4:16] == b"ICC_PROFILE\x00"
    if b"\xe0" <= marker <= b"\xef":
        return marker in {b"\xe0", b"\xee"}  # JFIF and Adobe say how to read the colours
    return marker != b"\xfe"


def _orientation(tiff: bytes) -> int:
    """The orientation inside EXIF, 1 to 8; 1 for anything unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(min(count, 64)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + entry * 12)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
