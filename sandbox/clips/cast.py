"""The subjects of a scene as sheets that move as their kind does: they fly, swim, drive, walk.

Owns the motions, the sizes and the places in the picture. Knows no prompts and no scenery but the
height of its floor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from sandbox.clips import glyphs
from sandbox.clips.film import Sheet
from sandbox.clips.mood import Colour, Palette
from sandbox.clips.scene import Role, is_held
from sandbox.clips.subjects import COLOURS

_ON_FOOT = frozenset("🐧🐓🐔🦃🦤🐣🐥🐤🐛🐜🦗🪳🕷🦂🐌🪱🦚")
_WINGED = frozenset("🐉🐲🦇🧚🦸👻🪁🎈🛸🚀🦄🪽🐦‍🔥👼🧞")
_STANDING = frozenset("🚥🚦🛑🚧⛽🛞🚏🛣🛤🚨⚓🛟")
_HATS = frozenset("👒🎩🎓🧢⛑🪖👑")
_UPWARD = frozenset("🚀✈🛫🎈🪁🎆🎇")
_SPEED = {"fly": 0.065, "swim": 0.045, "sail": 0.03, "drive": 0.08, "walk": 0.038, "hang": 0.006}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the cast needs of its picture. ``floor`` is the height of the ground in pixels.

    ``water`` is true if the ground is the sea.
    """

    size: tuple[int, int]
    floor: int
    water: bool
    palette: Palette


@dataclass(frozen=True, kw_only=True)
class _Path:
    """Where a subject's upper left corner is."""

    x: str
    y: str


def motion_of(role: Role) -> str:
    """How a role moves: fly, swim, sail, drive, walk, hang (in the sky), stand or sway."""
    emoji, group = role.subject.emoji, role.subject.group
    if role.aloft or emoji in _WINGED:
        return "fly"
    if emoji in _STANDING or group.startswith(("place", "plant", "hotel")):
        return "stand"
    if emoji in _ON_FOOT:
        return "walk"
    if group in _MOTIONS:
        return _MOTIONS[group]
    return "walk" if group.startswith(("animal", "person", "family")) else "sway"


_MOTIONS = {
    "animal-bird": "fly",
    "animal-bug": "fly",
    "transport-air": "fly",
    "animal-marine": "swim",
    "transport-water": "sail",
    "transport-ground": "drive",
    "sky-weather": "hang",
}


def sheets(roles: Sequence[Role], stage: Stage, only: Sequence[Role] | None = None) -> list[Sheet]:
    """The sheets of all roles, the ones in front last; of some ``only``, as they are among all."""
    made: list[Sheet] = []
    leader: tuple[_Path, int] | None = None
    for number, role in enumerate(roles):
        side = _side(role, stage)
        if role.rides and number + 1 < len(roles):
            mount = _path(roles[number + 1], stage, _side(roles[number + 1], stage))
            path = _Path(x=mount.x, y=f"{mount.y}-{round(side * 0.62)}")
        elif leader is not None and is_held(role.subject):
            path, side = _held(role, side, *leader)
        else:
            path = _path(role, stage, side)
        if leader is None and motion_of(role) in {"walk", "sway"}:
            leader = path, side
        if only is None or role in only:
            made += _copies(role, stage, side, path)
    return made


def _held(role: Role, side: int, path: _Path, by: int) -> tuple[_Path, int]:
    """Where something is that the first subject holds before it, or wears on its head."""
    side = round(side * 0.6) // 2 * 2
    if role.subject.group == "clothing":
        down = round(-side * 0.45 if role.subject.emoji in _HATS else by * 0.62)
        return _Path(x=f"{path.x}+{(by - side) // 2}", y=f"{path.y}+({down})"), side
    return _Path(x=f"{path.x}+{round(side * 0.75)}", y=f"{path.y}+{round(side * 0.7)}"), side


def _side(role: Role, stage: Stage) -> int:
    share = role.size / 100
    if motion_of(role) == "stand" and role.subject.group.startswith("place"):
        share *= 1.3
    if motion_of(role) == "hang":
        share *= 0.7
    return max(8, round(min(stage.size) * share) // 2 * 2)


def _path(role: Role, stage: Stage, side: int) -> _Path:
    """The path of a role, which is in its place at the fourth second."""
    width, height = stage.size
    motion = motion_of(role)
    beat = 2.2 + role.place % 7 * 0.11
    home = round(width * role.place / 100) - side // 2
    if motion == "stand":
        return _Path(x=str(home), y=str(stage.floor - side))
    if motion == "sway":
        y = f"{round(stage.floor - side * 1.12)}-{max(1, side // 14)}*abs(sin(t*{beat:.2f}))"
        if role.since:  # it falls into place
            y += f"-{height}*max(0,1-(t-{role.since})*1.25)"
        return _Path(x=f"{home}+{max(1, side // 60)}*sin(t*{beat / 2:.2f})", y=y)
    right = moves_right(role)
    speed, span = max(1, round(width * _SPEED[motion])), width + side
    start = home - 4 * speed if right else home + 4 * speed
    if role.since:
        start = -side if right else width
    # The place is counted from the left of the way, and the way begins again at its end.
    if right:
        x = f"mod({start + side - speed * role.since + 1000 * span}+t*{speed},{span})-{side}"
    else:
        x = f"mod({start + side + speed * role.since + 1000 * span}-t*{speed},{span})-{side}"
    return _Path(x=x, y=_height(motion, role, stage, side, beat))


def moves_right(role: Role) -> bool:
    """Return whether a role looks and moves to the right."""
    return motion_of(role) != "hang" and (role.right or role.subject.emoji in _UPWARD)


def _height(motion: str, role: Role, stage: Stage, side: int, beat: float) -> str:
    height = stage.size[1]
    wave = max(1, side // 12)
    if motion == "fly":
        climbing = f"-{max(1, height // 120)}*t" if role.subject.emoji in _UPWARD else ""
        return f"{round(height * 0.36 - side / 2)}+{wave}*sin(t*{beat:.2f}){climbing}"
    if motion == "hang":
        return str(round(height * 0.12))
    if motion == "swim":
        depth = round(stage.floor - side * (0.9 if stage.water else 1.15))
        return f"{depth}+{wave}*sin(t*{beat * 0.8:.2f})"
    if motion == "sail" or (motion == "walk" and stage.water):
        return f"{round(stage.floor - side * 0.86)}+{max(1, side // 30)}*sin(t*{beat * 0.6:.2f})"
    if motion == "drive":
        return f"{round(stage.floor - side * 0.92)}-{max(1, side // 60)}*abs(sin(t*9))"
    return f"{round(stage.floor - side * 0.98)}-{max(1, side // 16)}*abs(sin(t*{beat * 1.6:.2f}))"


def _copies(role: Role, stage: Stage, side: int, path: _Path) -> list[Sheet]:
    """One sheet or two (leaning left and right by turns) for each of the subject's number."""
    made: list[Sheet] = []
    for number in range(role.subject.count):
        share = (1, 0.72, 0.84, 0.62, 0.76)[number]
        own = max(8, round(side * share) // 2 * 2)
        image = _picture(role, stage, own)
        if image is None:
            continue
        edge = (image.width - own) // 2
        away = (0, 1.02, -0.86, 1.8, -1.62)[number]
        step = round(away * side) + (side - own) // 2 - edge
        down = (side - own) * (0 if motion_of(role) == "fly" else 1) - edge
        rise = (0, -0.3, 0.34, 0.26, -0.42)[number] if motion_of(role) == "fly" else 0
        x, y = f"{path.x}+({step})", f"{path.y}+({down + round(rise * side)})"
        if motion_of(role) not in {"walk", "sway"}:
            made.append(Sheet(image=image, x=x, y=y))
            continue
        for lean, half in ((5, "lt"), (-5, "gte")):
            leaning = image.rotate(lean, resample=Image.Resampling.BICUBIC)
            shown = f"{half}(mod(t+{number * 0.2:.1f},0.7),0.35)"
            made.append(Sheet(image=leaning, x=x, y=y, shown=shown))
    return made


def _picture(role: Role, stage: Stage, side: int) -> Image.Image | None:
    """The drawing, in its colour, in the light of the scene; with room around it."""
    image = glyphs.glyph(role.subject.emoji, side)
    if image is None:
        return None
    if moves_right(role) and role.subject.emoji not in _UPWARD:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if role.subject.colour:
        image = glyphs.tinted(image, COLOURS[role.subject.colour][0])
    if stage.palette.dark and motion_of(role) != "hang":
        image = glyphs.dimmed(image, stage.palette.sky[1])
    if motion_of(role) == "hang":
        return glyphs.glowing(image, stage.palette.light)
    return _shaded(image, stage.palette.land[2], lies=motion_of(role) in {"walk", "sway", "drive"})


def _shaded(image: Image.Image, colour: Colour, *, lies: bool) -> Image.Image:
    """The drawing with a soft shadow: on the ground below it, or close around it."""
    room = max(2, image.width // 10)
    whole = Image.new("RGBA", (image.width + 2 * room, image.height + 2 * room), (*colour, 0))
    mask = Image.new("L", whole.size, 0)
    if lies:
        box = (room * 2, whole.height - room * 2, whole.width - room * 2, whole.height - room // 2)
        ImageDraw.Draw(mask).ellipse(box, fill=130)
    else:
        mask.paste(image.getchannel("A").point([v * 2 // 5 for v in range(256)]), (room, room + 2))
    r, g, b = (c // 3 for c in colour)
    shade = Image.new("RGBA", whole.size, (r, g, b, 0))
    shade.putalpha(mask.filter(ImageFilter.BoxBlur(max(1, math.ceil(room / 2)))))
    shade.alpha_composite(image, (room, room))
    return shade
