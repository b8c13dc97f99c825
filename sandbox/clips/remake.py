"""Clips made from what a person gave: photographs that move, and references that are shown.

Owns how given images are laid out. Knows nothing of captions, filter graphs or providers.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from sandbox.clips import lettering, strokes
from sandbox.clips.film import Sheet


def inset(images: Sequence[Path], size: tuple[int, int]) -> list[Sheet]:
    """The references of an edit, small, in a row under the header."""
    if not images:
        return []
    side = max(10, min(size) // 6)
    gap = max(2, side // 10)
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    x, y = size[0] - gap * 2, lettering.header_height(size) + gap * 2
    for path in images[: max(1, size[0] // (side + gap) - 1)]:
        x -= side + gap
        sheet.alpha_composite(_framed(path, (side, side)), (max(0, x), y))
    return [Sheet(image=sheet)]


def _framed(path: Path, size: tuple[int, int]) -> Image.Image:
    edge = max(1, min(size) // 40)
    with Image.open(path) as image:
        picture = ImageOps.fit(image.convert("RGB"), (size[0] - 2 * edge, size[1] - 2 * edge))
    return ImageOps.expand(picture, border=edge, fill=(245, 246, 250)).convert("RGBA")


def photographs(
    images: Sequence[Path], last_frame: Path | None, size: tuple[int, int], seconds: float
) -> list[Sheet]:
    """Given images as a moving picture: one glides, two cross-fade, more hang side by side."""
    if last_frame is not None:
        shown = [*images[:1], last_frame]
    else:
        shown = list(images)
    if len(shown) == 1:
        return awakened(_opened(shown[0]), size, seconds)
    if len(shown) == 2:
        first = _gliding(_opened(shown[0]), size, seconds, forward=True)
        later = _gliding(_opened(shown[1]), size, seconds, forward=False)
        appears = (round(seconds * 0.35, 2), round(seconds * 0.3, 2))
        second = Sheet(image=later.image, x=later.x, y=later.y, appears=appears)
        return [_black(size), first, second]
    return _wall(shown, size, seconds)


def awakened(image: Image.Image, size: tuple[int, int], seconds: float) -> list[Sheet]:
    """One picture that is moved across the screen, behind dust that floats in its light."""
    dust = strokes.motes(size, (255, 250, 238), random.Random(5), 24)
    return [_black(size), _gliding(image, size, seconds, forward=True), dust]


def _black(size: tuple[int, int]) -> Sheet:
    return Sheet(image=Image.new("RGBA", size, (0, 0, 0, 255)))


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _gliding(image: Image.Image, size: tuple[int, int], seconds: float, *, forward: bool) -> Sheet:
    """An image a little larger than the picture that is moved across it."""
    grown = (round(size[0] * 1.2) // 2 * 2, round(size[1] * 1.2) // 2 * 2)
    ratio = (image.width / image.height) / (size[0] / size[1])
    if 0.62 < ratio < 1.6:
        picture = ImageOps.fit(image, grown, Image.Resampling.BICUBIC)
    else:
        picture = ImageOps.fit(image, (grown[0] // 8, grown[1] // 8))
        picture = picture.filter(ImageFilter.BoxBlur(6)).resize(grown, Image.Resampling.BICUBIC)
        whole = ImageOps.contain(image, (round(size[0] * 0.94), round(size[1] * 0.8)))
        middle = ((grown[0] - whole.width) // 2, (grown[1] - whole.height) // 2)
        picture.paste(whole, middle)
    right, down = grown[0] - size[0], grown[1] - size[1]
    share = f"t/{seconds:.3f}" if forward else f"(1-t/{seconds:.3f})"
    return Sheet(image=picture.convert("RGBA"), x=f"-{right}*{share}", y=f"-{down}*{share}*0.6")


def _wall(images: Sequence[Path], size: tuple[int, int], seconds: float) -> list[Sheet]:
    """Every image framed in a grid, over a blurred copy of the first."""
    top, foot = lettering.header_height(size), lettering.footer_height(size)
    columns = math.ceil(math.sqrt(len(images) * size[0] / size[1]))
    rows = math.ceil(len(images) / columns)
    gap = max(2, min(size) // 36)
    wide = (size[0] - gap * (columns + 1)) // columns
    high = (size[1] - top - foot - gap * (rows + 1)) // rows
    grid = Image.new("RGBA", size, (0, 0, 0, 0))
    for number, path in enumerate(images):
        row, column = divmod(number, columns)
        place = (gap + column * (wide + gap), top + gap + row * (high + gap))
        grid.alpha_composite(_framed(path, (max(4, wide), max(4, high))), place)
    behind = _gliding(_opened(images[0]), size, seconds, forward=True)
    soft = behind.image.filter(ImageFilter.BoxBlur(max(2, min(size) // 40)))
    sway = max(2, gap // 2)
    return [
        _black(size),
        Sheet(image=soft, x=behind.x, y=behind.y),
        Sheet(image=grid, x=f"{sway}*sin(t*1.2)", y=f"{sway}*sin(t*0.9)"),
    ]
