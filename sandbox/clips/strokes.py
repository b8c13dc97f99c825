"""The parts that scenes are drawn from: gradients, lights, ridges, stars and what falls or rises.

Knows nothing of places, moods or prompts.
"""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.clips.film import Sheet
from sandbox.clips.mood import Colour


def gradient(size: tuple[int, int], colours: tuple[Colour, ...]) -> Image.Image:
    """A vertical run through the colours."""
    strip = Image.new("RGB", (1, len(colours)))
    strip.putdata(list(colours))
    tall = strip.resize((1, size[1]), Image.Resampling.BICUBIC)
    return tall.resize(size)


def glow(diameter: int, colour: Colour, strength: float) -> Image.Image:
    """A round light that fades outwards."""
    mask = ImageChops.invert(Image.radial_gradient("L")).point(
        [round(strength * max(0, v - 90) ** 2 / 165**2 * 255) for v in range(256)]
    )
    image = Image.new("RGBA", (diameter, diameter), (*colour, 0))
    image.putalpha(mask.resize((diameter, diameter), Image.Resampling.BICUBIC))
    return image


def disc(diameter: int, colour: Colour) -> Image.Image:
    """A smooth filled circle."""
    mask = Image.new("L", (diameter * 4, diameter * 4), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, diameter * 4 - 1, diameter * 4 - 1), fill=255)
    image = Image.new("RGBA", (diameter, diameter), (*colour, 0))
    image.putalpha(mask.reduce(4))
    return image


def clipped(image: Image.Image, ground: Image.Image, x: int, y: int) -> Image.Image:
    """The picture on a clear sheet as large as the ground, at any place, also partly outside."""
    sheet = Image.new("RGBA", ground.size, (0, 0, 0, 0))
    sheet.paste(image, (x, y))
    return sheet


def stars(image: Image.Image, chance: random.Random, count: int) -> None:
    """Draw stars anywhere in the picture."""
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(count):
        x, y = chance.uniform(0, image.width), chance.uniform(0, image.height)
        r = chance.choice((0.6, 0.8, 1.2, 1.8)) * min(image.size) / 720
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, chance.randint(90, 230)))


def ridge(
    width: int, height: int, colours: tuple[Colour, Colour], line: Callable[[float], float]
) -> Image.Image:
    """Land or water below a line that repeats after ``width``, drawn twice side by side.

    ``line`` maps 0…1 along the width to 0 (top of the sheet) … 1 (its foot).
    """
    mask = Image.new("L", (width * 2, height * 2), 0)
    points = [(x, line(x / (width * 2)) * height * 2) for x in range(0, width * 2 + 4, 4)]
    ImageDraw.Draw(mask).polygon(
        [(0, height * 2), *points, (width * 2, height * 2)],
        fill=255,
    )
    once = gradient((width, height), colours).convert("RGBA")
    once.putalpha(mask.reduce(2))
    return twice(once)


def twice(once: Image.Image) -> Image.Image:
    """The picture twice side by side, for what goes by without end."""
    both = Image.new("RGBA", (once.width * 2, once.height))
    both.paste(once, (0, 0))
    both.paste(once, (once.width, 0))
    return both


def wavy(chance: random.Random, cycles: tuple[int, ...], depth: float) -> Callable[[float], float]:
    """A line for `ridge`: waves of several lengths, as deep as a share of the height."""
    parts = [
        (n, chance.uniform(0, math.tau), chance.uniform(0.5, 1) / (order + 1))
        for order, n in enumerate(cycles)
    ]
    total = sum(weight for _, _, weight in parts)

    def line(at: float) -> float:
        value = sum(weight * math.sin(math.tau * n * at + phase) for n, phase, weight in parts)
        return depth / 2 + value / total * depth / 2 + 0.02

    return line


def moving(image: Image.Image, y: int, speed: float, width: int, bob: str = "") -> Sheet:
    """A repeating sheet that goes by: to the left, or to the right for a negative speed."""
    pixels = max(1, round(abs(speed) * width / 1280))
    x = f"-mod(t*{pixels},{width})" if speed > 0 else f"-{width}+mod(t*{pixels},{width})"
    return Sheet(image=image, x=x, y=f"{y}{bob}")


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """A colour with a share, 0 to 1, of another."""
    r, g, b = (round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def lighter(colour: Colour, share: float) -> Colour:
    """A colour with a share, 0 to 1, of white."""
    return mixed(colour, (255, 255, 255), share)


def motes(size: tuple[int, int], colour: Colour, chance: random.Random, count: int) -> Sheet:
    """Soft lights that rise through the picture."""
    width, height = size
    once = Image.new("RGBA", size, (*colour, 0))
    draw = ImageDraw.Draw(once)
    for _ in range(count):
        r = chance.uniform(1.5, 6) * min(size) / 720
        x, y = chance.uniform(r, width - r), chance.uniform(r * 4, height - r * 4)
        fill = (*colour, chance.randint(70, 190))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    once = once.filter(ImageFilter.BoxBlur(max(1, min(size) // 360)))
    return Sheet(image=stacked(once), y=f"-mod(t*{max(2, height // 30)},{height})")


def stacked(once: Image.Image) -> Image.Image:
    """The picture twice, one under the other, for what falls or rises without end."""
    tall = Image.new("RGBA", (once.width, once.height * 2))
    tall.paste(once, (0, 0))
    tall.paste(once, (0, once.height))
    return tall


def weather(kind: str, size: tuple[int, int]) -> list[Sheet]:
    """``rain`` or ``snow`` that falls over the picture, or nothing."""
    if kind == "snow":
        return [_falling(_flakes(size), 5)]
    if kind == "rain":
        return [_falling(_drops(size), 1.2)]
    return []


def _falling(once: Image.Image, seconds: float) -> Sheet:
    height = once.height
    y = f"-{height}+mod(t*{round(height / seconds)},{height})"
    return Sheet(image=stacked(once), y=y)


def _flakes(size: tuple[int, int]) -> Image.Image:
    chance = random.Random(7)
    sheet = Image.new("RGBA", size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(sheet)
    for _ in range(90):
        r = chance.uniform(1.2, 5.5) * min(size) / 720
        x, y = chance.uniform(0, size[0]), chance.uniform(r, size[1] - r)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, chance.randint(120, 235)))
    return sheet.filter(ImageFilter.BoxBlur(max(1, min(size) // 720)))


def _drops(size: tuple[int, int]) -> Image.Image:
    chance = random.Random(11)
    sheet = Image.new("RGBA", size, (210, 225, 245, 0))
    draw = ImageDraw.Draw(sheet)
    for _ in range(170):
        long = chance.uniform(14, 44) * min(size) / 720
        x, y = chance.uniform(0, size[0]), chance.uniform(0, size[1] - long)
        colour = (210, 225, 245, chance.randint(70, 170))
        draw.line((x, y, x - long * 0.12, y + long), fill=colour, width=max(1, min(size) // 360))
    return sheet
