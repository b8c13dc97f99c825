"""Places under the open sky: hills, forests, deserts, mountains, the sea, clouds.

Owns the drawing of landscapes as sheets that move. Knows no prompts, subjects or captions.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image, ImageFilter

from sandbox.clips import glyphs, strokes
from sandbox.clips.film import Sheet
from sandbox.clips.mood import Colour
from sandbox.clips.scene import Scene

_HAZE = (0.25, 0.14, 0.06, 0.02)
"""How much paler the upper edge of each layer is, from far to near."""


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """A place in three depths. ``behind`` begins with the ground of the picture; what is ``before``
    covers the subjects. ``floor`` is where their feet are, in hundredths of the height.
    """

    behind: list[Sheet]
    before: list[Sheet]
    floor: int = 80


Place = Callable[[Scene, tuple[int, int], random.Random], Backdrop]


@dataclass(frozen=True, kw_only=True)
class _Country:
    """A landscape: how jagged its ridges are, 0 to 1, and what grows on them."""

    jagged: float = 0
    plants: tuple[str, ...] = ()
    each: int = 7
    ground: tuple[Colour, Colour, Colour] | None = None


_COUNTRIES: Mapping[str, _Country] = {
    "hills": _Country(),
    "forest": _Country(plants=("🌲", "🌲", "🌳", "🌲"), each=16),
    "desert": _Country(
        plants=("🌵", "🪨"), each=3, ground=((226, 178, 118), (204, 142, 84), (168, 104, 62))
    ),
    "mountains": _Country(jagged=1, plants=("🌲",), each=6),
}


def sky(scene: Scene, size: tuple[int, int], chance: random.Random) -> list[Sheet]:
    """The ground of the scene with the light's glow in it, and the sun or moon that climbs."""
    width, height = size
    short, palette = min(size), scene.palette
    ground = strokes.gradient(size, palette.sky).convert("RGBA")
    if palette.dark:
        strokes.stars(ground, chance, 160)
    x = int(width * chance.uniform(0.22, 0.78))
    y = int(height * chance.uniform(0.3, 0.42))
    halo = strokes.glow(int(short * 1.5), palette.light, 0.75)
    ground.alpha_composite(strokes.clipped(halo, ground, x - halo.width // 2, y - halo.height // 2))
    if scene.weather == "rain":
        return [Sheet(image=ground), *_clouds(scene, size, chance, 3)]
    if scene.weather or any(role.subject.group == "sky-weather" for role in scene.roles):
        return [Sheet(image=ground)]
    disc = strokes.disc(max(8, int(short * 0.17)), palette.light)
    top = f"{y + short * 0.05 - disc.height // 2:.0f}-t*{max(1, short // 60)}"
    return [Sheet(image=ground), Sheet(image=disc, x=str(x - disc.width // 2), y=top)]


def land(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """Three ridges, one behind the other, with what grows there."""
    width, height = size
    sheets = sky(scene, size, chance)
    country = _COUNTRIES.get(scene.place, _Country())
    far, middle, near = country.ground or scene.palette.land
    if country.ground and scene.palette.dark:
        far, middle, near = (strokes.mixed(c, (16, 16, 48), 0.6) for c in (far, middle, near))
    layers = (
        (far, 0.4 if country.jagged else 0.44, (2, 3, 7), 0.42, 24),
        (middle, 0.56, (1, 3, 5), 0.4, 48),
        (near, 0.7, (1, 2, 4), 0.35, 96),
    )
    for number, (colour, top, cycles, depth, speed) in enumerate(layers):
        tall = int(height * (1 - top))
        line = strokes.wavy(chance, cycles, depth)
        if country.jagged and number < 2:
            line = _peaks(chance, 5 + number * 2, 0.75 - number * 0.3)
        pale = strokes.lighter(colour, 0.7 if country.jagged and number == 0 else _HAZE[number])
        image = strokes.ridge(width, tall, (pale, colour), line)
        if number and country.plants:
            image, grown = _planted(image, tall, country, line, chance, size)
            tall += grown
        sheets.append(strokes.moving(image, height - tall, speed, width))
    light = [] if scene.weather else [strokes.motes(size, scene.palette.light, chance, 26)]
    return Backdrop(behind=sheets, before=light)


def _peaks(chance: random.Random, count: int, depth: float) -> Callable[[float], float]:
    """A line of mountains: straight from peak to valley and on to the next peak."""
    heights = [
        chance.uniform(0, 0.4) if n % 2 else chance.uniform(0.7, 1) for n in range(count * 2)
    ]

    def line(at: float) -> float:
        place = (at % 1) * len(heights)
        left, share = int(place) % len(heights), place % 1
        right = (left + 1) % len(heights)
        return depth * (heights[left] + (heights[right] - heights[left]) * share) + 0.02

    return line


def _planted(
    image: Image.Image,
    tall: int,
    country: _Country,
    line: Callable[[float], float],
    chance: random.Random,
    size: tuple[int, int],
) -> tuple[Image.Image, int]:
    """The ridge with plants on it, and how many pixels taller the sheet became."""
    width, side = size[0], round(min(size) * 0.15)
    whole = Image.new("RGBA", (width, tall + side), (0, 0, 0, 0))
    for number in range(country.each):
        plant = glyphs.glyph(country.plants[number % len(country.plants)], side)
        if plant is None:
            continue
        at = (number + chance.uniform(0.1, 0.9)) / country.each
        x = round(at * (width - side))
        foot = side + line((x + side / 2) / width) * tall
        whole.alpha_composite(plant, (x, max(0, round(foot - side * 0.9))))
    whole.alpha_composite(image.crop((0, 0, width, tall)), (0, side))
    return strokes.twice(whole), side


def sea(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """Four rows of waves; the last two roll before the subjects."""
    width, height = size
    far, middle, near = scene.palette.land
    waves: list[Sheet] = []
    for number, colour in enumerate((strokes.lighter(far, 0.3), far, middle, near)):
        tall = int(height * (0.5 - number * 0.085))
        line = strokes.wavy(chance, (2 + number, 5 + number, 9), 0.14 + number * 0.03)
        pale = strokes.lighter(colour, _HAZE[number])
        image = strokes.ridge(width, tall, (pale, colour), line)
        speed = (30 + number * 34) * (1 if number % 2 else -1)
        bob = f"+{max(1, height // 90)}*sin(t*{1.1 + number * 0.3:.1f}+{number})"
        waves.append(strokes.moving(image, height - tall, speed, width, bob))
    behind = [*sky(scene, size, chance), *waves[:2]]
    return Backdrop(behind=behind, before=waves[2:], floor=76)


def deep(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """Under water: light from above, bubbles and the ground with what grows there."""
    width, height = size
    top = (20, 60, 110) if scene.palette.dark else (64, 188, 214)
    ground = strokes.gradient(size, (top, (16, 104, 158), (6, 34, 84))).convert("RGBA")
    light = strokes.glow(round(min(size) * 1.6), (214, 250, 255), 0.55)
    x = int(width * chance.uniform(0.3, 0.7)) - light.width // 2
    ground.alpha_composite(strokes.clipped(light, ground, x, -light.height // 2))
    sheets = [Sheet(image=ground)]
    weeds = _Country(plants=("🪸", "🌿", "🪨"), each=7)
    for number, (colour, speed) in enumerate((((14, 84, 128), 16), ((8, 46, 92), 34))):
        tall = int(height * (0.34 - number * 0.08))
        line = strokes.wavy(chance, (2 + number, 5), 0.4)
        image = strokes.ridge(width, tall, (strokes.lighter(colour, 0.12), colour), line)
        if number:
            image, grown = _planted(image, tall, weeds, line, chance, size)
            tall += grown
        sheets.append(strokes.moving(image, height - tall, speed, width))
    bubbles = strokes.motes(size, (214, 246, 255), chance, 30)
    return Backdrop(behind=sheets, before=[bubbles], floor=72)


def heights(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """The sky with clouds at two depths."""
    behind = [*sky(scene, size, chance), *_clouds(scene, size, chance, 4)]
    return Backdrop(behind=behind, before=_clouds(scene, size, chance, 2, near=True), floor=72)


def _clouds(
    scene: Scene, size: tuple[int, int], chance: random.Random, count: int, *, near: bool = False
) -> list[Sheet]:
    """Clouds that go by, on a sheet no taller than they are."""
    width, height = size
    tall = round(height * (0.3 if near else 0.4))
    once = Image.new("RGBA", (width, tall), (*strokes.lighter(scene.palette.sky[1], 0.6), 0))
    for _ in range(count):
        wide = round(width * chance.uniform(0.16, 0.3))
        cloud = _cloud((wide, min(wide // 2, tall)), scene, chance)
        x = round(chance.uniform(0, width - wide))
        once.alpha_composite(cloud, (x, round(chance.uniform(0, tall - cloud.height))))
    top = round(height * (0.56 if near else 0.1))
    return [strokes.moving(strokes.twice(once), top, 70 if near else 22, width)]


def _cloud(size: tuple[int, int], scene: Scene, chance: random.Random) -> Image.Image:
    grey = 0.35 if scene.weather == "rain" else 0.75
    colour = strokes.lighter(scene.palette.sky[2 if scene.weather != "rain" else 1], grey)
    if scene.palette.dark:
        colour = strokes.mixed(colour, scene.palette.sky[1], 0.7)
    mask = Image.new("L", size, 0)
    for number in range(6):
        across = round(size[1] * chance.uniform(0.45, 0.7))
        x = round((size[0] - across) * number / 5)
        lift = math.sin(math.pi * (number + 0.5) / 6)
        puff = strokes.disc(max(2, across), colour).getchannel("A")
        mask.paste(255, (x, round((size[1] - across) * (1 - 0.7 * lift) * 0.9)), puff)
    cloud = Image.new("RGBA", size, (*colour, 0))
    soft = mask.filter(ImageFilter.GaussianBlur(max(1, size[1] // 24)))
    cloud.putalpha(soft.point([v * 4 // 5 for v in range(256)]))
    return cloud
