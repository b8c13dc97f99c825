"""A picture of any accepted format becomes an upright RGB picture of a size that the models take.

Pillow decodes. Metadata, further frames, colour profiles and transparency do not survive; what is
wrong in the parts that are dropped does not matter.
"""

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin

from bot.media.faults import Fault, JobError
from bot.media.worker.errors import damaged

_PILLOW = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "heic": "HEIF",
    "avif": "AVIF",
}
_PHOTOS = frozenset({"JPEG", "MPO", "HEIF", "AVIF"})
"""Formats whose pictures are kept as JPEG; the others become PNG while that is small enough."""

_LARGEST_PNG = 12_000_000
"""Pixels above which a PNG takes too long to write and would be too large for the providers."""

_MISSING_ROWS = 32
"""A file may lack the data of this many rows at its end: a decoder gives a JPEG's last two rows of
blocks only when it sees the end marker.
"""

_THINNEST = 16
"""Pixels of a side below which a file is not enlarged: it is a line or a dot, not a picture."""

_PICTURE_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"})

_UNREADABLE = (OSError, SyntaxError, ValueError, IndexError)
"""What Pillow raises over a file that it cannot read strictly."""

_QUALITIES = (92, 85, 75)

Image.MAX_IMAGE_PIXELS = None  # The sizes are checked below, before anything is decoded.
PngImagePlugin.MAX_TEXT_MEMORY = 16 * 2**20
pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """What is accepted and what is made: pixels of the source, pixels of a side, bytes.

    ``scaled_pixels`` is the limit for JPEG, which can be decoded at a fraction of its size.
    """

    pixels: int
    scaled_pixels: int
    least_side: int
    largest_side: int
    max_bytes: int


def convert(source: Path, format_: str, scratch: Path, limits: PictureLimits) -> dict[str, object]:
    """Write the picture into ``scratch`` and describe it.

    Raises:
        JobError: DIMENSIONS or TOO_SMALL (``width``, ``height``), DAMAGED, EXHAUSTED, DISK_FULL.
    """
    with damaged(), source.open("rb") as file:
        opened = _open(file, format_, limits)
        animated = bool(getattr(opened, "is_animated", False)) and opened.format != "MPO"
        tables = _tables(opened)
        photo = opened.format in _PHOTOS
        shown = _upright(_plain(opened, limits))
        picture = _flat(shown, opened.info.get("icc_profile"))
        size = _target(picture.size, limits)
        untouched = shown is opened and size == picture.size
        del shown
        opened.close()  # its pixels are not needed any more, and may be many
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        path = _write(
            picture, scratch, photo=photo, tables=tables if untouched else None, limits=limits
        )
        width, height = path_size(path)
    return {
        "path": str(path),
        "format": path.suffix[1:],
        "width": width,
        "height": height,
        "animated": animated,
    }


def path_size(path: Path) -> tuple[int, int]:
    """Return the size of a picture that was just written."""
    with Image.open(path, formats=["JPEG", "PNG"]) as image:
        return image.size


def _open(file: BinaryIO, format_: str, limits: PictureLimits) -> Image.Image:
    """Decode strictly; where that fails, tolerantly. Refuse if rows of the picture are missing.

    The tolerant way ignores checksums and accepts a file without its end.
    """
    try:
        image = _decoded(file, format_, limits)
        if format_ != "png" or any(_row(image, image.height - 1)):
            return image
        reason: Exception = ValueError("rows are missing")
    except JobError:
        raise
    except _UNREADABLE as error:
        if format_ not in {"jpg", "png"}:
            raise
        reason = error
    if format_ == "jpg" and _last_scan_begun(_whole(file)):
        return _ended(file, limits)
    # What a decoder leaves untouched shows the ground it was laid on: two grounds reveal it.
    try:
        image, other = _on_two_grounds(file, format_, limits)
    except _UNREADABLE:
        if format_ != "png":
            raise
        image, other = _on_two_grounds(io.BytesIO(_bare(_whole(file))), format_, limits)
    missing = _different_rows(image, other)
    if missing > _MISSING_ROWS or missing == image.height:
        raise reason
    return _ended(file, limits) if format_ == "jpg" else image


def _on_two_grounds(
    file: BinaryIO, format_: str, limits: PictureLimits
) -> tuple[Image.Image, Image.Image]:
    return (
        _decoded(file, format_, limits, ground=0),
        _decoded(file, format_, limits, ground=1),
    )


def _bare(png: bytes) -> bytes:
    """Return a PNG with nothing but the chunks that its picture is made of."""
    kept, at = [png[:8]], 8
    while at + 8 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] in _PICTURE_CHUNKS:
            kept.append(png[at:end])
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
    """Decode a file; tolerantly if there is a ``ground``, which shows where nothing was decoded."""
    # For JPEG this would paint what is missing.
    ImageFile.LOAD_TRUNCATED_IMAGES = ground is not None and format_ == "png"
    file.seek(0)
    image = Image.open(file, formats=[_PILLOW[format_]])
    _check_size(image, limits)
    if max(image.size) > limits.largest_side:
        image.draft(None, (limits.largest_side, limits.largest_side))
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
        image.tile = []  # Nothing more will come.
    return image


def _different_rows(one: Image.Image, other: Image.Image) -> int:
    return sum(_row(one, y) != _row(other, y) for y in range(one.height))


def _row(image: Image.Image, y: int) -> bytes:
    return image.crop((0, y, image.width, y + 1)).tobytes()


def _last_scan_begun(data: bytes) -> bool:
    """Return whether a progressive JPEG lacks bytes of its last, finest scan only.

    False for a baseline JPEG, which is decoded row by row.

    Raises:
        JobError: DAMAGED if a progressive one lacks more.
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
    thin = short < _THINNEST or long * limits.least_side > short * limits.largest_side
    if not short:
        raise JobError(Fault.DAMAGED, detail="no pixels")
    if thin:
        ratio = limits.largest_side // limits.least_side
        raise JobError(Fault.TOO_SMALL, width=width, height=height, least=_THINNEST, ratio=ratio)
    if width * height > most:
        raise JobError(Fault.DIMENSIONS, width=width, height=height)


def _target(size: tuple[int, int], limits: PictureLimits) -> tuple[int, int]:
    """Return the nearest size with both sides in the range that the models take."""
    factor = min(1.0, limits.largest_side / max(size))
    factor = max(factor, limits.least_side / min(size))
    width, height = (
        min(limits.largest_side, max(limits.least_side, round(side * factor))) for side in size
    )
    return width, height


def _plain(image: Image.Image, limits: PictureLimits) -> Image.Image:
    """Make large pictures small at once, and turn rare modes into eight bits a channel."""
    if image.mode.startswith("I"):
        image = _keeping_info(image, image.point(lambda value: value * (1 / 256)).convert("L"))
    if max(image.size) <= limits.largest_side:
        return image
    if image.mode in {"P", "PA", "1"}:
        image = _keeping_info(image, image.convert("RGBA" if _transparent(image) else "RGB"))
    size = _target(image.size, limits)
    smaller = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _keeping_info(image, smaller)


def _keeping_info(before: Image.Image, after: Image.Image) -> Image.Image:
    exif = before.info.get("exif")
    after.info = {key: before.info[key] for key in ("transparency",) if key in before.info}
    if exif:
        after.info["exif"] = exif
    if "A" in after.mode:
        after.info.pop("transparency", None)
    return after


def _upright(image: Image.Image) -> Image.Image:
    """Turn it as its EXIF says; unreadable EXIF says nothing."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except (SyntaxError, ValueError, OSError, KeyError, TypeError, IndexError):
        return image
    if orientation not in _TURNS:
        return image
    return image.transpose(_TURNS[orientation])


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _transparent(image: Image.Image) -> bool:
    return "A" in image.mode or "a" in image.mode or "transparency" in image.info


def _flat(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return it as RGB in sRGB, on white where it is transparent, without any metadata."""
    alpha = None
    if _transparent(image):
        whole = image.convert("RGBA")
        alpha = whole.getchannel("A")
        image = image if image.mode in {"L", "RGB", "CMYK"} else whole.convert("RGB")
    rgb = _srgb(image, profile)
    if alpha is not None:
        ground = Image.new("RGB", rgb.size, "white")
        ground.paste(rgb, mask=alpha)
        rgb = ground
    rgb.info = {}
    return rgb


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode in {"L", "RGB", "CMYK"}:
        # A profile that cannot be read, or is made for other pictures, is as good as none.
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, own, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """How a JPEG was written: the same again loses next to nothing."""

    quantization: dict[int, list[int]]
    subsampling: int


def _tables(image: Image.Image) -> _Tables | None:
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode != "RGB":
        return None
    if image.info.get("icc_profile"):
        return None
    sampling = JpegImagePlugin.get_sampling(image)
    if sampling < 0:
        return None
    return _Tables(quantization=image.quantization, subsampling=sampling)


def _write(
    picture: Image.Image,
    scratch: Path,
    *,
    photo: bool,
    tables: _Tables | None,
    limits: PictureLimits,
) -> Path:
    if not photo and picture.width * picture.height <= _LARGEST_PNG:
        path = scratch / "picture.png"
        picture.save(path, "PNG", compress_level=4)
        if path.stat().st_size <= limits.max_bytes:
            return path
        path.unlink()
    path = scratch / "picture.jpg"
    if tables is not None:
        with suppress(ValueError, TypeError):
            picture.save(path, "JPEG", qtables=tables.quantization, subsampling=tables.subsampling)
            if path.stat().st_size <= limits.max_bytes:
                return path
    else:
        picture.save(path, "JPEG", quality=95, subsampling=0)
        if path.stat().st_size <= limits.max_bytes:
            return path
    while True:
        for quality in _QUALITIES:
            picture.save(path, "JPEG", quality=quality)
            if path.stat().st_size <= limits.max_bytes:
                return path
        size = _target((picture.width * 3 // 4, picture.height * 3 // 4), limits)
        if size == picture.size:
            raise JobError(Fault.DAMAGED, detail="cannot be made small enough")
        picture = picture.resize(size, Image.Resampling.LANCZOS)
