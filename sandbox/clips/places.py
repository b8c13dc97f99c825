"""Places without a landscape: the city, space, a room, and the ground of a title.

Knows no prompts, subjects or captions. `backdrop` draws any of them.
"""

import random
from collections.abc import Mapping

from PIL import Image, ImageDraw

from sandbox.clips import lettering, scenery, strokes
from sandbox.clips.film import Sheet
from sandbox.clips.mood import Colour
from sandbox.clips.scene import Scene
from sandbox.clips.scenery import Backdrop, Place


def backdrop(scene: Scene, size: tuple[int, int]) -> Backdrop:
    """The place of a scene, drawn with the chance of its seed."""
    return _DRAWN[scene.place](scene, size, random.Random(scene.seed))


def sound(scene: Scene) -> str:
    """The filters that make the quiet sound of a place and its weather; empty if it is silent."""
    return _SOUNDS.get(scene.weather) or _SOUNDS.get(scene.place, "")


_WIND = "anoisesrc=c=pink:a=0.12:r=44100:seed=3,lowpass=f=420,tremolo=f=0.2:d=0.6"
_SOUNDS: Mapping[str, str] = {
    "rain": "anoisesrc=c=pink:a=0.05:r=44100:seed=1,highpass=f=700",
    "sea": "anoisesrc=c=brown:a=0.16:r=44100:seed=2,tremolo=f=0.15:d=0.8",
    "snow": _WIND,
    "mountains": _WIND,
    "desert": _WIND,
    "sky": _WIND,
    "city": "anoisesrc=c=brown:a=0.12:r=44100:seed=4,lowpass=f=260",
}


def _city(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """Three rows of houses and a road before them."""
    width, height = size
    sheets = scenery.sky(scene, size, chance)
    for number, (colour, top, speed) in enumerate(
        zip(scene.palette.land, (0.3, 0.38, 0.5), (24, 48, 96), strict=True)
    ):
        tall = int(height * (0.98 - top))
        once = Image.new("RGBA", (width, tall), (0, 0, 0, 0))
        draw = ImageDraw.Draw(once)
        x = 0
        while x < width:
            broad = max(6, int(min(size) * chance.uniform(0.07, 0.14) * (1 + number * 0.3)))
            broad = broad if x + broad < width - 6 else width - x
            roof = int(tall * chance.uniform(0.05, 0.55))
            draw.rectangle((x, roof, x + broad - 2, tall), fill=(*colour, 255))
            house = (x, roof, x + broad, tall)
            _windows(draw, house, colour, scene.palette.accent, chance, number)
            x += broad
        top_edge = int(height * top)
        sheets.append(strokes.moving(strokes.twice(once), top_edge, speed, width))
    sheets.append(_road(scene, size))
    return Backdrop(behind=sheets, before=[], floor=81)


def _road(scene: Scene, size: tuple[int, int]) -> Sheet:
    width, height = size
    top = round(height * 0.74)
    tall = height - top
    grey = strokes.mixed(scene.palette.land[2], (58, 60, 68), 0.6)
    once = Image.new("RGBA", (width, tall), (*grey, 255))
    draw = ImageDraw.Draw(once)
    draw.rectangle((0, 0, width, max(1, tall // 14)), fill=(*strokes.lighter(grey, 0.3), 255))
    dash, middle = width // 16, tall * 0.3
    for number in range(8):
        box = (number * 2 * dash, middle, number * 2 * dash + dash, middle + max(1, tall // 22))
        draw.rectangle(box, fill=(*strokes.lighter(grey, 0.65), 255))
    return strokes.moving(strokes.twice(once), top, 130, width)


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
                glow = strokes.lighter(light, chance.uniform(0, 0.5))
                fill = (*strokes.mixed(glow, wall, chance.uniform(0, 0.6)), 255)
                draw.rectangle((x, y, x + pane, y + pane + 1), fill=fill)


def _space(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """Nebulae, stars at two depths and a planet with a ring."""
    width, height = size
    short = min(size)
    ground = strokes.gradient(size, ((6, 6, 22), (18, 16, 52), scene.palette.land[1]))
    ground = ground.convert("RGBA")
    for colour in (scene.palette.accent, scene.palette.sky[1], scene.palette.light):
        cloud = strokes.glow(int(short * chance.uniform(0.9, 1.5)), colour, 0.4)
        x, y = int(chance.uniform(-0.2, 0.8) * width), int(chance.uniform(-0.3, 0.7) * height)
        ground.alpha_composite(strokes.clipped(cloud, ground, x, y))
    sheets = [Sheet(image=ground)]
    for count, speed in ((150, 14), (60, 40)):
        once = Image.new("RGBA", size, (0, 0, 0, 0))
        strokes.stars(once, chance, count)
        sheets.append(strokes.moving(strokes.twice(once), 0, speed, width))
    planet = _planet(int(short * chance.uniform(0.36, 0.46)), scene)
    x, y = int(width * chance.uniform(0.3, 0.6)), int(height * 0.36 - planet.height / 2)
    drift = f"-t*{max(1, width // 60)}"
    sway = f"+{short / 60:.1f}*sin(t*0.8)"
    sheets.append(Sheet(image=planet, x=f"{x}{drift}", y=f"{y}{sway}"))
    return Backdrop(behind=sheets, before=[], floor=72)


def _planet(diameter: int, scene: Scene) -> Image.Image:
    colours = (
        scene.palette.light,
        scene.palette.accent,
        scene.palette.land[0],
        scene.palette.land[2],
    )
    body = strokes.gradient((diameter, diameter), colours).rotate(
        35, resample=Image.Resampling.BICUBIC, fillcolor=scene.palette.accent
    )
    image = body.convert("RGBA")
    image.putalpha(strokes.disc(diameter, scene.palette.light).getchannel("A"))
    wide = Image.new("RGBA", (diameter * 2, diameter), (0, 0, 0, 0))
    ring = Image.new("RGBA", (diameter * 4, diameter * 2), (0, 0, 0, 0))
    box = (diameter * 0.3, diameter * 0.78, diameter * 3.7, diameter * 1.22)
    metal = (*strokes.lighter(scene.palette.accent, 0.5), 210)
    ImageDraw.Draw(ring).ellipse(box, outline=metal, width=max(2, diameter // 22))
    ring = ring.reduce(2)
    wide.alpha_composite(ring)
    wide.alpha_composite(image, (diameter // 2, 0))
    front = ring.crop((0, diameter // 2, ring.width, ring.height))
    wide.alpha_composite(front, (0, diameter // 2))
    return wide.rotate(14, resample=Image.Resampling.BICUBIC)


def _room(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """A wall with a round light on it and a shining floor, for what would be lost outdoors."""
    width, height = size
    short, palette = min(size), scene.palette
    wall = (palette.land[1], palette.land[0], strokes.lighter(palette.land[0], 0.25))
    ground = strokes.gradient(size, wall).convert("RGBA")
    spot = strokes.glow(int(short * 1.7), palette.light, 0.9)
    x, y = (width - spot.width) // 2, int(height * 0.42) - spot.height // 2
    ground.alpha_composite(strokes.clipped(spot, ground, x, y))
    top = round(height * 0.7)
    pale = strokes.lighter(palette.land[1], 0.3)
    floor = strokes.gradient((width, height - top), (pale, palette.land[1], palette.land[2]))
    ground.paste(floor, (0, top))
    sheets = [Sheet(image=ground)]
    for number, colour in enumerate((palette.accent, palette.light, palette.sky[1])):
        ball = strokes.glow(int(short * chance.uniform(0.3, 0.5)), colour, 0.8)
        left = round(width * (0.1 + number * 0.35))
        sway = f"{left}+{short // 12}*sin(t*{0.5 + number * 0.2:.1f}+{number})"
        lift = f"{round(height * chance.uniform(0.05, 0.3))}+{short // 20}*sin(t*0.7+{number * 2})"
        sheets.append(Sheet(image=ball, x=sway, y=lift))
    return Backdrop(behind=sheets, before=[], floor=83)


def _title(scene: Scene, size: tuple[int, int], chance: random.Random) -> Backdrop:
    """The prompt in large letters before soft lights that drift."""
    width, height = size
    short, palette = min(size), scene.palette
    colours = (palette.land[2], palette.land[0], palette.sky[1])
    sheets = [Sheet(image=strokes.gradient(size, colours).convert("RGBA"))]
    for number, colour in enumerate(
        (palette.accent, palette.light, palette.sky[1], palette.accent)
    ):
        ball = strokes.glow(int(short * chance.uniform(0.7, 1.1)), colour, 0.65)
        x, y = chance.uniform(-0.1, 0.8) * width, chance.uniform(-0.2, 0.5) * height
        beat = 0.4 + number * 0.13
        sheets.append(
            Sheet(
                image=ball,
                x=f"{x:.0f}+{width // 9}*sin(t*{beat:.2f}+{number})",
                y=f"{y:.0f}+{height // 12}*cos(t*{beat:.2f}+{number * 2})",
            )
        )
    if scene.title:
        letters = lettering.title(scene.title, size)
        sheets.append(Sheet(image=letters, y=f"{max(1, short // 70)}*sin(t*0.9)"))
    return Backdrop(behind=sheets, before=[strokes.motes(size, palette.light, chance, 20)])


_DRAWN: Mapping[str, Place] = {
    "deep": scenery.deep,
    "sea": scenery.sea,
    "city": _city,
    "space": _space,
    "forest": scenery.land,
    "desert": scenery.land,
    "mountains": scenery.land,
    "hills": scenery.land,
    "sky": scenery.heights,
    "room": _room,
    "title": _title,
}
