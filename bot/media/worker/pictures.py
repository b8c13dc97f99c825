"""Conversion of a picture to an upright RGB picture of a size that the models accept.

Metadata, further frames, colour profiles and transparency are removed. Copies of the pixels are
freed as early as the libraries allow.
"""

import io
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, JpegImagePlugin

from bot.media.jobs import Fault, JobError, PictureLimits
from bot.media.worker.decoding import decode
from bot.media.worker.errors import damaged

_PHOTOS = frozenset({"JPEG", "MPO", "HEIF", "AVIF"})
"""The formats that become JPEG; the others become PNG if that is small enough."""

_LARGEST_PNG = 12_000_000
"""With more pixels, a PNG takes too long to write and is too large for the providers."""

_QUALITIES = (92, 85, 75)


def convert(source: Path, format_: str, scratch: Path, limits: PictureLimits) -> dict[str, object]:
    """Write the picture into ``scratch`` and return its path, format and size.

    Raises:
        JobError: DIMENSIONS or TOO_SMALL (``width``, ``height``), DAMAGED, EXHAUSTED, DISK_FULL.
    """
    with damaged(), source.open("rb") as file:
        opened = decode(file, format_, limits)
        animated = bool(getattr(opened, "is_animated", False)) and opened.format != "MPO"
        tables = _tables(opened)
        photo = opened.format in _PHOTOS
        shown = _upright(_plain(opened, limits))
        picture = _flat(shown, opened.info.get("icc_profile"))
        size = _target(picture.size, limits)
        untouched = shown is opened and size == picture.size
        if size != picture.size:
            picture = _instead(picture, _resized(picture, size))
        path = _write(
            picture, scratch, photo=photo, tables=tables if untouched else None, limits=limits
        )
        width, height = _size(path)
    return {
        "path": str(path),
        "format": path.suffix[1:],
        "width": width,
        "height": height,
        "animated": animated,
    }


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=["JPEG", "PNG"]) as image:
        return image.size


def _target(size: tuple[int, int], limits: PictureLimits) -> tuple[int, int]:
    """Return the nearest size that is within the limits."""
    factor = min(1.0, limits.largest_side / max(size))
    factor = min(factor, math.sqrt(limits.largest_pixels / math.prod(size)))
    factor = max(factor, limits.least_side / min(size))
    width, height = (
        min(limits.largest_side, max(limits.least_side, round(side * factor))) for side in size
    )
    return width, height


def _plain(image: Image.Image, limits: PictureLimits) -> Image.Image:
    """Reduce a large picture first, and convert rare modes to eight bits a channel."""
    if image.mode.startswith("I"):
        grey = image.point(lambda value: value * (1 / 256)).convert("L")
        image = _instead(image, _keeping_info(image, grey))
    size = _target(image.size, limits)
    if size[0] >= image.width and size[1] >= image.height:
        return image
    if image.mode in {"P", "PA", "1"}:
        colours = image.convert("RGBA" if _transparent(image) else "RGB")
        image = _instead(image, _keeping_info(image, colours))
    return _instead(image, _keeping_info(image, _resized(image, size)))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _instead(before: Image.Image, after: Image.Image) -> Image.Image:
    """Free the pixels of a picture as soon as another one replaces it."""
    before.close()
    return after


def _keeping_info(before: Image.Image, after: Image.Image) -> Image.Image:
    exif = before.info.get("exif")
    after.info = {key: before.info[key] for key in ("transparency",) if key in before.info}
    if exif:
        after.info["exif"] = exif
    if "A" in after.mode:
        after.info.pop("transparency", None)
    return after


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture by its EXIF orientation; unreadable EXIF is ignored."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except (SyntaxError, ValueError, OSError, KeyError, TypeError, IndexError):
        return image
    if orientation not in _TURNS:
        return image
    return _instead(image, image.transpose(_TURNS[orientation]))


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
    """Return a picture as RGB in sRGB, on white if it is transparent, without any metadata.

    Colours are converted strip by strip, and in place if the picture is RGB: a copy of a large
    picture takes too much memory.
    """
    transparent = _transparent(image)
    mode = "RGB" if transparent and image.mode not in _PROFILED else image.mode
    transform = _transform(mode, profile)
    in_place = image.mode == "RGB" and not transparent
    flat = image if in_place else Image.new("RGB", image.size, "white")
    if transform is not None or not in_place:
        for top in range(0, image.height, _STRIP):
            box = (0, top, image.width, min(top + _STRIP, image.height))
            strip, alpha = image.crop(box), None
            if transparent:
                whole = strip.convert("RGBA")
                alpha = whole.getchannel("A")
                strip = strip if strip.mode == mode else whole.convert(mode)
            rgb = strip.convert("RGB") if transform is None else transform.apply(strip)
            flat.paste(rgb, box, alpha)
    flat.info = {}
    return flat if in_place else _instead(image, flat)


_PROFILED = frozenset({"L", "RGB", "CMYK"})
"""The modes whose colours a profile may describe."""

_STRIP = 64
"""Rows of a picture whose colours are converted together."""


def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    # A profile that cannot be read, or that is made for another mode, is ignored.
    if profile and mode in _PROFILED:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
    return None


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """How a JPEG was encoded. Encoding it the same way again loses very little."""

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
        picture = _instead(picture, _resized(picture, size))
