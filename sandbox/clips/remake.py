"""Clips made from what a person gave: photographs that move, and videos that are visibly changed.

Owns how an instruction's words become colours and weather, and how given images are laid out. Knows
nothing of captions, filter graphs or providers.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from sandbox.clips import lettering
from sandbox.clips.film import Sheet
from sandbox.clips.mood import seed_of


def _saturation(factor: float) -> str:
    return f"u=(val-128)*{factor}+128:v=(val-128)*{factor}+128"


# Each grade works on luma and the two colour differences directly: filters that go through RGB are
# ten times slower.
_GRADES = (
    (
        ("black and white", "monochrome", "noir", "grayscale", "greyscale"),
        "hue=s=0,lutyuv=y=(val-128)*1.15+128",
    ),
    (("sepia", "old film", "vintage"), "hue=s=0.2,lutyuv=u=val-16:v=val+12"),
    (
        ("night", "midnight", "moonlight"),
        f"lutyuv=y=val-66:{_saturation(0.6)},lutyuv=u=val+20:v=val-12",
    ),
    (
        ("warm", "sunset", "golden", "sunny", "orange", "autumn"),
        f"lutyuv={_saturation(1.15)},lutyuv=u=val-24:v=val+22",
    ),
    (
        ("snow", "winter"),
        f"lutyuv=y=val+20:{_saturation(0.55)},lutyuv=u=val+6:v=val-3",
    ),
    (
        ("rain", "storm"),
        f"lutyuv=y=val-26:{_saturation(0.6)},lutyuv=u=val+8:v=val-6",
    ),
    (("cold", "cool", "blue", "ice"), "lutyuv=u=val+28:v=val-20"),
    (("green", "forest"), "lutyuv=u=val-22:v=val-30"),
    (("purple", "violet"), "lutyuv=u=val+26:v=val+18"),
    (("pink", "magenta"), "lutyuv=u=val+8:v=val+28"),
    (("yellow",), "lutyuv=u=val-40:v=val+8"),
    (("red",), "lutyuv=u=val-10:v=val+44"),
    (
        ("bright", "daylight", "lighter"),
        f"lutyuv=y=val+36:{_saturation(1.25)}",
    ),
    (("dark",), "lutyuv=y=(val-128)*1.1+72"),
)


def grade_of(instruction: str) -> str:
    """The filter chain for an instruction: by its words, else a turn of the hue by its hash."""
    text = instruction.lower()
    chosen = [chain for words, chain in _GRADES if any(word in text for word in words)]
    if chosen:
        # Without colours there is nothing left to tint.
        return chosen[0] if "hue=s=0," in chosen[0] else ",".join(chosen[:2])
    return f"hue=h={60 + seed_of(instruction) % 240}:s=1.15"


def weather(instruction: str, size: tuple[int, int]) -> list[Sheet]:
    """Rain or snow that falls over the picture, when the instruction speaks of it."""
    text = instruction.lower()
    if "snow" in text:
        return [_falling(size, _flakes(size), 5)]
    if "rain" in text or "storm" in text:
        return [_falling(size, _drops(size), 1.2)]
    return []


def _falling(size: tuple[int, int], once: Image.Image, seconds: float) -> Sheet:
    width, height = size
    tall = Image.new("RGBA", (width, height * 2))
    tall.paste(once, (0, 0))
    tall.paste(once, (0, height))
    return Sheet(image=tall, y=f"-{height}+mod(t*{round(height / seconds)},{height})")


def _flakes(size: tuple[int, int]) -> Image.Image:
    chance = random.Random(7)
    sheet = Image.new("RGBA", size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(sheet)
    for _ in range(130):
        r = chance.uniform(1.2, 5.5) * min(size) / 720
        x, y = chance.uniform(0, size[0]), chance.uniform(r, size[1] - r)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, chance.randint(120, 235)))
    return sheet.filter(ImageFilter.BoxBlur(max(1, min(size) // 720)))


def _drops(size: tuple[int, int]) -> Image.Image:
    chance = random.Random(11)
    sheet = Image.new("RGBA", size, (210, 225, 245, 0))
    draw = ImageDraw.Draw(sheet)
    for _ in range(260):
        long = chance.uniform(14, 44) * min(size) / 720
        x, y = chance.uniform(0, size[0]), chance.uniform(0, size[1] - long)
        colour = (210, 225, 245, chance.randint(70, 170))
        draw.line((x, y, x - long * 0.12, y + long), fill=colour, width=max(1, min(size) // 360))
    return sheet


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
    if len(shown) <= 2:
        sheets = [_gliding(shown[0], size, seconds, forward=True)]
        if len(shown) == 2:
            later = _gliding(shown[1], size, seconds, forward=False)
            appears = (round(seconds * 0.35, 2), round(seconds * 0.3, 2))
            sheets.append(Sheet(image=later.image, x=later.x, y=later.y, appears=appears))
        ground = Sheet(image=Image.new("RGBA", size, (0, 0, 0, 255)))
        return [ground, *sheets]
    return _wall(shown, size, seconds)


def _gliding(path: Path, size: tuple[int, int], seconds: float, *, forward: bool) -> Sheet:
    """An image a little larger than the picture that is moved across it."""
    grown = (round(size[0] * 1.16) // 2 * 2, round(size[1] * 1.16) // 2 * 2)
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
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
    behind = _gliding(images[0], size, seconds, forward=True)
    soft = behind.image.filter(ImageFilter.BoxBlur(max(2, min(size) // 40)))
    ground = Sheet(image=Image.new("RGBA", size, (0, 0, 0, 255)))
    sway = max(2, gap // 2)
    return [
        ground,
        Sheet(image=soft, x=behind.x, y=behind.y),
        Sheet(image=grid, x=f"{sway}*sin(t*1.2)", y=f"{sway}*sin(t*0.9)"),
    ]
