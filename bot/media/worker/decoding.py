"""Decoding of an attached picture with Pillow, strictly first, then as tolerantly as is safe.

Owns which sizes are decoded and how much of a damaged picture may be missing. Errors in the parts
that are dropped later do not matter.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageFile, PngImagePlugin

from bot.media.jobs import Fault, JobError, PictureLimits
from bot.media.worker.errors import detail

_PILLOW = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "heic": "HEIF",
    "avif": "AVIF",
}
_MISSING_ROWS = 32
"""This many rows may be missing at the end of a file: without the end marker, a decoder does not
return the last two rows of a JPEG's blocks.
"""

_MIN_SIDE = 16
"""A picture with a shorter side in pixels is not enlarged: it is a line or a dot."""

_PICTURE_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"})

_UNREADABLE = (OSError, SyntaxError, ValueError, IndexError)
"""What Pillow raises for a file that it cannot read strictly."""

Image.MAX_IMAGE_PIXELS = None  # The sizes are checked below, before anything is decoded.
PngImagePlugin.MAX_TEXT_MEMORY = 16 * 2**20
pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def decode(file: BinaryIO, format_: str, limits: PictureLimits) -> Image.Image:
    """Decode a picture strictly or, if that fails, tolerantly.

    Tolerant decoding ignores checksums and accepts a file without its end.

    Raises:
        JobError: DAMAGED, rows of the picture are missing; DIMENSIONS, TOO_SMALL.
    """
    found = _strictly(file, format_, limits)
    if isinstance(found, Image.Image):
        return found
    if format_ == "jpg" and _last_scan_begun(_whole(file)):
        return _ended(file, limits)
    try:
        image, missing = _tolerantly(file, format_, limits)
    except _UNREADABLE:
        if format_ != "png":
            raise
        image, missing = _tolerantly(io.BytesIO(_bare(_whole(file))), format_, limits)
    if missing > _MISSING_ROWS or missing == image.height:
        raise JobError(Fault.DAMAGED, detail=found)
    if format_ != "jpg":
        return image
    del image
    return _ended(file, limits)


def _strictly(file: BinaryIO, format_: str, limits: PictureLimits) -> Image.Image | str:
    """Return the picture, or the reason to decode it tolerantly.

    The reason is a text, because the error would keep the decoded pixels in memory.
    """
    try:
        image = _decoded(file, format_, limits)
    except JobError:
        raise
    except _UNREADABLE as error:
        if format_ not in {"jpg", "png"}:
            raise
        return detail(error)
    if format_ != "png" or any(_row(image, image.height - 1)):
        return image
    return "rows are missing"


def _tolerantly(file: BinaryIO, format_: str, limits: PictureLimits) -> tuple[Image.Image, int]:
    """Return the picture and the number of its missing rows.

    The picture is decoded over two backgrounds: rows in which they differ are missing. Only one of
    the two pictures is kept in memory.
    """
    rows = _rows(_decoded(file, format_, limits, ground=1))
    image = _decoded(file, format_, limits, ground=0)
    return image, sum(one != other for one, other in zip(rows, _rows(image), strict=True))


def _bare(png: bytes) -> bytes:
    """Return a PNG with only the chunks that hold its picture."""
    whole = memoryview(png)
    kept, at = [whole[:8]], 8
    while at + 8 <= len(png):
        end = at + 12 + int.from_bytes(whole[at : at + 4], "big")
        if png[at + 4 : at + 8] in _PICTURE_CHUNKS:
            kept.append(whole[at:end])
        at = end
    return b"".join(kept)


def _ended(file: BinaryIO, limits: PictureLimits) -> Image.Image:
    """Decode a JPEG that lacks its end marker."""
    return _decoded(io.BytesIO(_whole(file) + b"\xff\xd9"), "jpg", limits)


def _whole(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _decoded(
    file: BinaryIO, format_: str, limits: PictureLimits, ground: int | None = None
) -> Image.Image:
    """Decode a file, tolerantly if a ``ground`` (the background's value) is given."""
    # For JPEG, Pillow's switch would fill the missing rows.
    with _truncated_accepted(ground is not None and format_ == "png"):
        return _loaded(file, format_, limits, ground)


@contextlib.contextmanager
def _truncated_accepted(accepted: bool) -> Iterator[None]:  # noqa: FBT001
    # Pillow's switch applies to the whole process.
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, accepted
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _loaded(file: BinaryIO, format_: str, limits: PictureLimits, ground: int | None) -> Image.Image:
    file.seek(0)
    image = Image.open(file, formats=[_PILLOW[format_]])
    _check_size(image, limits)
    parts = _parts(image, limits)
    if parts > 1:
        image.draft(None, (image.width // parts, image.height // parts))
    if ground is None:
        image.load()
        return image
    bands = len(image.getbands())
    image.im = Image.core.fill(image.mode, image.size, (ground,) * bands if bands > 1 else ground)
    try:
        image.load()
    except OSError:
        if format_ != "jpg":
            raise
        image.tile = []  # there is no more data
    return image


def _parts(image: Image.Image, limits: PictureLimits) -> int:
    """Return the factor by which a JPEG is reduced while it is decoded: 1, 2, 4 or 8."""
    pixels = image.width * image.height
    return next((n for n in (1, 2, 4) if pixels <= limits.largest_pixels * n * n), 8)


def _rows(image: Image.Image) -> list[int]:
    return [hash(_row(image, y)) for y in range(image.height)]


def _row(image: Image.Image, y: int) -> bytes:
    return image.crop((0, y, image.width, y + 1)).tobytes()


def _last_scan_begun(data: bytes) -> bool:
    """Return True if a progressive JPEG lacks only bytes of its last scan, the finest one.

    False for a baseline JPEG, which is decoded row by row.

    Raises:
        JobError: DAMAGED, a progressive JPEG lacks more.
    """
    at, progressive = 2, False
    while at + 4 <= len(data) and (marker := data[at + 1]) != 0xDA:
        if data[at] != 0xFF or marker == 0xFF:  # fill bytes, or stray ones
            at += 1
            continue
        progressive = progressive or marker == 0xC2
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if not progressive:
        return False
    scan = data.rfind(b"\xff\xda", at)
    length = int.from_bytes(data[scan + 2 : scan + 4], "big")
    end, approximation = data[scan + 2 + length - 2 : scan + 2 + length]
    if end != 63 or approximation & 0x0F:
        raise JobError(Fault.DAMAGED, detail="cut before its last scan")
    return True


def _check_size(image: Image.Image, limits: PictureLimits) -> None:
    width, height = image.size
    most = limits.scaled_pixels if image.format in {"JPEG", "MPO"} else limits.pixels
    long, short = max(width, height), min(width, height)
    thin = short < _MIN_SIDE or long * limits.least_side > short * limits.largest_side
    if not short:
        raise JobError(Fault.DAMAGED, detail="no pixels")
    if thin:
        ratio = limits.largest_side // limits.least_side
        raise JobError(Fault.TOO_SMALL, width=width, height=height, least=_MIN_SIDE, ratio=ratio)
    if width * height > most:
        raise JobError(Fault.DIMENSIONS, width=width, height=height)
