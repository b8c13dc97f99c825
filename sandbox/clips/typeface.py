"""Lines of text in any script, with coloured emoji between the letters.

Owns the fonts, which come as packages, the order of right-to-left text and the choice of a font for
each letter. Without the packages the letters are Pillow's and the system's. Knows no captions.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sandbox.clips import glyphs
from sandbox.clips.mood import Colour

try:
    import arabic_reshaper
    from bidi import get_display
except ModuleNotFoundError:  # an environment that was made before the captions used them
    arabic_reshaper = get_display = None

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
)
_EAST = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH", "BOPOMOFO"}
_RIGHT_TO_LEFT = {"Arabic", "Hebrew"}
_SIGN = "[\U0001f000-\U0001faff☀-➿⬀-⯿⌀-⏿]"
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_SIGN}[️\U0001f3fb-\U0001f3ff]*(?:‍{_SIGN}[️\U0001f3fb-\U0001f3ff]*)*"
)


def width(text: str, size: int, *, bold: bool = False) -> float:
    """The width of a line in pixels."""
    return sum(_advance(part, face, size, bold=bold) for part, face in _parts(_visual(text)))


def write(
    image: Image.Image,
    place: tuple[float, float],
    text: str,
    size: int,
    colour: Colour,
    *,
    bold: bool = False,
) -> None:
    """Draw a line from its left edge at its vertical middle."""
    draw = ImageDraw.Draw(image)
    x, middle = place
    baseline = middle + size * 0.36
    for part, face in _parts(_visual(text)):
        if face is None:
            emoji = glyphs.glyph(part, round(size * 1.1))
            assert emoji is not None
            image.alpha_composite(emoji, (max(0, round(x)), max(0, round(middle - size * 0.55))))
        else:
            font = _font(face, size, bold=bold)
            draw.text((x, baseline), part, font=font, fill=(*colour, 255), anchor="ls")
        x += _advance(part, face, size, bold=bold)


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter with a direction runs from right to left."""
    directions = (unicodedata.bidirectional(sign) for sign in text)
    return next((d for d in directions if d in {"L", "R", "AL"}), "L") != "L"


def _visual(text: str) -> str:
    """The text in the order it is drawn in, with Arabic letters joined."""
    if get_display is None or arabic_reshaper is None or text.isascii():
        return text
    shown = get_display(arabic_reshaper.reshape(text))
    return shown if isinstance(shown, str) else shown.decode()


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Pieces of one font each with the font's name, and single emoji with None."""
    at = 0
    for hit in [*_EMOJI.finditer(text), None]:
        end = hit.start() if hit else len(text)
        yield from _lettered(text[at:end])
        if hit:
            emoji = _drawn(hit.group())
            yield (emoji, None) if emoji else (hit.group(), "CJK")
            at = hit.end()


def _drawn(sequence: str) -> str:
    """The sequence as its drawing is named; empty if there is none."""
    plain = sequence.replace("️", "")
    names = (sequence, plain, plain[:1])
    return next((name for name in names if glyphs.available() and glyphs.known(name)), "")


def _lettered(text: str) -> Iterator[tuple[str, str]]:
    part, current = "", ""
    for sign in text:
        face = current if unicodedata.combining(sign) else _face(sign)
        if part and face != current:
            yield part, current
            part = ""
        part, current = part + sign, face
    if part:
        yield part, current


@functools.cache
def _face(sign: str) -> str:
    """The name of the font a letter is in: its script's, empty for Latin, Greek and Cyrillic."""
    if sign.isascii():
        return ""
    script = unicodedata.name(sign, "LATIN").split()[0]
    if script in _EAST or unicodedata.category(sign).startswith("S"):
        return "CJK"
    return script.title() if _file(script.title()) else ""


@functools.cache
def _file(face: str) -> Path | None:
    if face == "CJK":
        folder = glyphs.package("paperang_p2_fonts_cjk")
        path = folder / "fonts/wqy-microhei.ttc" if folder else None
    else:
        folder = glyphs.package("manimgx_fonts")
        path = folder / f"NotoSans{face}[wght].ttf" if folder else None
    return path if path is not None and path.is_file() else None


@functools.lru_cache(maxsize=256)
def _font(face: str, size: int, *, bold: bool) -> Font:
    path = _file(face)
    if path is None:
        system = next((name for name in _SYSTEM if Path(name).is_file()), None)
        return ImageFont.truetype(system, size) if face and system else ImageFont.load_default(size)
    basic = face in _RIGHT_TO_LEFT  # the order and the joins are made already
    engine = ImageFont.Layout.BASIC if basic else None
    font = ImageFont.truetype(path, size, layout_engine=engine)
    if bold and face != "CJK":
        font.set_variation_by_axes([700])
    return font


def _advance(part: str, face: str | None, size: int, *, bold: bool) -> float:
    return size * 1.15 if face is None else _font(face, size, bold=bold).getlength(part)
