"""Scenes for a mood: hills, the sea, a city, space.

Owns the drawing of backgrounds as sheets that move. Knows no prompts, captions or providers.
"""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sandbox.clips.film import Sheet
from sandbox.clips.mood import Colour, Mood

_HAZE = (0.25, 0.14, 0.06, 0.02)
"""How much paler the upper edge of each layer is, from far to near."""


def scene(mood: Mood, size: tuple[int, int]) -> list[Sheet]:
    """The sheets of a moving scene, the ground first."""
    chance = random.Random(mood.seed)
    draw: dict[str, Callable[[Mood, tuple[int, int], random.Random], list[Sheet]]] = {
        "sea": _sea,
        "city": _city,
        "space": _space,
        "hills": _hills,
    }
    return draw[mood.place](mood, size, chance)


def gradient(size: tuple[int, int], colours: tuple[Colour, ...]) -> Image.Image:
    """A vertical run through the colours."""
    strip = Image.new("RGB", (1, len(colours)))
    strip.putdata(list(colours))
    tall = strip.resize((1, size[1]), Image.Resampling.BICUBIC)
    return tall.resize(size)


def _glow(diameter: int, colour: Colour, strength: float) -> Image.Image:
    mask = ImageChops.invert(Image.radial_gradient("L")).point(
        [round(strength * max(0, v - 90) ** 2 / 165**2 * 255) for v in range(256)]
    )
    image = Image.new("RGBA", (diameter, diameter), (*colour, 0))
    image.putalpha(mask.resize((diameter, diameter), Image.Resampling.BICUBIC))
    return image


def _disc(diameter: int, colour: Colour) -> Image.Image:
    mask = Image.new("L", (diameter * 4, diameter * 4), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, diameter * 4 - 1, diameter * 4 - 1), fill=255)
    image = Image.new("RGBA", (diameter, diameter), (*colour, 0))
    image.putalpha(mask.reduce(4))
    return image


def _sky(mood: Mood, size: tuple[int, int], chance: random.Random) -> tuple[Image.Image, Sheet]:
    """The ground of the scene with the light's glow in it, and the sun or moon that climbs."""
    width, height = size
    short = min(size)
    ground = gradient(size, mood.palette.sky).convert("RGBA")
    if mood.palette.dark:
        _stars(ground, chance, 160)
    x = int(width * chance.uniform(0.22, 0.78))
    y = int(height * chance.uniform(0.3, 0.42))
    halo = _glow(int(short * 1.5), mood.palette.light, 0.75)
    ground.alpha_composite(_clipped(halo, ground, x - halo.width // 2, y - halo.height // 2))
    disc = _disc(max(8, int(short * 0.17)), mood.palette.light)
    sun = Sheet(
        image=disc,
        x=str(x - disc.width // 2),
        y=f"{y + short * 0.05 - disc.height // 2:.0f}-t*{max(1, short // 60)}",
    )
    return ground, sun


def _clipped(image: Image.Image, ground: Image.Image, x: int, y: int) -> Image.Image:
    sheet = Image.new("RGBA", ground.size, (0, 0, 0, 0))
    sheet.paste(image, (x, y))
    return sheet


def _stars(image: Image.Image, chance: random.Random, count: int) -> None:
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
    return _twice(once)


def _twice(once: Image.Image) -> Image.Image:
    both = Image.new("RGBA", (once.width * 2, once.height))
    both.paste(once, (0, 0))
    both.paste(once, (once.width, 0))
    return both


def _wavy(chance: random.Random, cycles: tuple[int, ...], depth: float) -> Callable[[float], float]:
    parts = [
        (n, chance.uniform(0, math.tau), chance.uniform(0.5, 1) / (order + 1))
        for order, n in enumerate(cycles)
    ]
    total = sum(weight for _, _, weight in parts)

    def line(at: float) -> float:
        value = sum(weight * math.sin(math.tau * n * at + phase) for n, phase, weight in parts)
        return depth / 2 + value / total * depth / 2 + 0.02

    return line


def _moving(image: Image.Image, y: int, speed: float, width: int, bob: str = "") -> Sheet:
    """A repeating sheet that goes by: to the left, or to the right for a negative speed."""
    pixels = max(1, round(abs(speed) * width / 1280))
    x = f"-mod(t*{pixels},{width})" if speed > 0 else f"-{width}+mod(t*{pixels},{width})"
    return Sheet(image=image, x=x, y=f"{y}{bob}")


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    r, g, b = (round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def _lighter(colour: Colour, share: float) -> Colour:
    return _mixed(colour, (255, 255, 255), share)


def _hills(mood: Mood, size: tuple[int, int], chance: random.Random) -> list[Sheet]:
    width, height = size
    ground, sun = _sky(mood, size, chance)
    sheets = [Sheet(image=ground), sun]
    far, middle, near = mood.palette.land
    layers = (
        (far, 0.44, (2, 3, 7), 0.42, 24),
        (middle, 0.56, (1, 3, 5), 0.4, 48),
        (near, 0.7, (1, 2, 4), 0.35, 96),
    )
    for number, (colour, top, cycles, depth, speed) in enumerate(layers):
        tall = int(height * (1 - top))
        line = _wavy(chance, cycles, depth)
        image = ridge(width, tall, (_lighter(colour, _HAZE[number]), colour), line)
        sheets.append(_moving(image, height - tall, speed, width))
    sheets.append(_motes(mood, size, chance, 26))
    return sheets


def _sea(mood: Mood, size: tuple[int, int], chance: random.Random) -> list[Sheet]:
    width, height = size
    ground, sun = _sky(mood, size, chance)
    sheets = [Sheet(image=ground), sun]
    far, middle, near = mood.palette.land
    shades = (_lighter(far, 0.3), far, middle, near)
    for number, colour in enumerate(shades):
        top = 0.5 + number * 0.085
        tall = int(height * (1 - top))
        line = _wavy(chance, (2 + number, 5 + number, 9), 0.14 + number * 0.03)
        image = ridge(width, tall, (_lighter(colour, _HAZE[number]), colour), line)
        speed = (30 + number * 34) * (1 if number % 2 else -1)
        bob = f"+{max(1, height // 90)}*sin(t*{1.1 + number * 0.3:.1f}+{number})"
        sheets.append(_moving(image, height - tall, speed, width, bob))
    return sheets


def _city(mood: Mood, size: tuple[int, int], chance: random.Random) -> list[Sheet]:
    width, height = size
    ground, sun = _sky(mood, size, chance)
    sheets = [Sheet(image=ground), sun]
    for number, (colour, top, speed) in enumerate(
        zip(mood.palette.land, (0.3, 0.38, 0.5), (24, 48, 96), strict=True)
    ):
        tall = int(height * (1 - top))
        once = Image.new("RGBA", (width, tall), (0, 0, 0, 0))
        draw = ImageDraw.Draw(once)
        x = 0
        while x < width:
            broad = max(6, int(min(size) * chance.uniform(0.07, 0.14) * (1 + number * 0.3)))
            broad = broad if x + broad < width - 6 else width - x
            roof = int(tall * chance.uniform(0.05, 0.55))
            draw.rectangle((x, roof, x + broad - 2, tall), fill=(*colour, 255))
            house = (x, roof, x + broad, tall)
            _windows(draw, house, colour, mood.palette.accent, chance, number)
            x += broad
        sheets.append(_moving(_twice(once), height - tall, speed, width))
    return sheets


def _windows(
    draw: ImageDraw.ImageDraw,
    house: tuple[int, int, int, int],
    wall: Colour,
    light: Colour,
    chance: random.Random,
    depth: int,
) -> None:
    left, top, right, foot = house
    step = max(4, (right - left) // 6)
    pane = max(1, step // 2)
    for x in range(left + pane, right - step, step):
        for y in range(top + step, foot, step + pane):
            if chance.random() < 0.32 + depth * 0.1:
                glow = _lighter(light, chance.uniform(0, 0.5))
                fill = (*_mixed(glow, wall, chance.uniform(0, 0.6)), 255)
                draw.rectangle((x, y, x + pane, y + pane + 1), fill=fill)


def _space(mood: Mood, size: tuple[int, int], chance: random.Random) -> list[Sheet]:
    width, height = size
    short = min(size)
    ground = gradient(size, ((6, 6, 22), (18, 16, 52), mood.palette.land[1])).convert("RGBA")
    for colour in (mood.palette.accent, mood.palette.sky[1], mood.palette.light):
        cloud = _glow(int(short * chance.uniform(0.9, 1.5)), colour, 0.4)
        x, y = int(chance.uniform(-0.2, 0.8) * width), int(chance.uniform(-0.3, 0.7) * height)
        ground.alpha_composite(_clipped(cloud, ground, x, y))
    sheets = [Sheet(image=ground)]
    for count, speed in ((150, 14), (60, 40)):
        once = Image.new("RGBA", size, (0, 0, 0, 0))
        _stars(once, chance, count)
        sheets.append(_moving(_twice(once), 0, speed, width))
    planet = _planet(int(short * chance.uniform(0.36, 0.46)), mood)
    x, y = int(width * chance.uniform(0.3, 0.6)), int(height * 0.4 - planet.height / 2)
    drift = f"-t*{max(1, width // 60)}"
    sway = f"+{short / 60:.1f}*sin(t*0.8)"
    sheets.append(Sheet(image=planet, x=f"{x}{drift}", y=f"{y}{sway}"))
    return sheets


def _planet(diameter: int, mood: Mood) -> Image.Image:
    colours = mood.palette.light, mood.palette.accent, mood.palette.land[0], mood.palette.land[2]
    body = gradient((diameter, diameter), colours).rotate(
        35, resample=Image.Resampling.BICUBIC, fillcolor=mood.palette.accent
    )
    image = body.convert("RGBA")
    image.putalpha(_disc(diameter, mood.palette.light).getchannel("A"))
    wide = Image.new("RGBA", (diameter * 2, diameter), (0, 0, 0, 0))
    ring = Image.new("RGBA", (diameter * 4, diameter * 2), (0, 0, 0, 0))
    box = (diameter * 0.3, diameter * 0.78, diameter * 3.7, diameter * 1.22)
    metal = (*_lighter(mood.palette.accent, 0.5), 210)
    ImageDraw.Draw(ring).ellipse(box, outline=metal, width=max(2, diameter // 22))
    ring = ring.reduce(2)
    wide.alpha_composite(ring)
    wide.alpha_composite(image, (diameter // 2, 0))
    front = ring.crop((0, diameter // 2, ring.width, ring.height))
    wide.alpha_composite(front, (0, diameter // 2))
    return wide.rotate(14, resample=Image.Resampling.BICUBIC)


def _motes(mood: Mood, size: tuple[int, int], chance: random.Random, count: int) -> Sheet:
    """Soft lights that rise through the picture."""
    width, height = size
    once = Image.new("RGBA", size, (*mood.palette.light, 0))
    draw = ImageDraw.Draw(once)
    for _ in range(count):
        r = chance.uniform(1.5, 6) * min(size) / 720
        x, y = chance.uniform(r, width - r), chance.uniform(r * 4, height - r * 4)
        fill = (*mood.palette.light, chance.randint(70, 190))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    once = once.filter(ImageFilter.BoxBlur(max(1, min(size) // 360)))
    tall = Image.new("RGBA", (width, height * 2))
    tall.paste(once, (0, 0))
    tall.paste(once, (0, height))
    return Sheet(image=tall, y=f"-mod(t*{max(2, height // 30)},{height})")
