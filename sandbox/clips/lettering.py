"""The lettering of a clip: a header tells where it comes from, a footer what was asked.

Owns fonts, wrapping and the two bands. Both are opaque, so that an edit's bands cover the ones of
its source. Knows nothing of filter graphs or providers.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sandbox.clips.mood import Colour

_BROAD_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a clip says of itself."""

    prompt: str
    version: int
    origin: str
    figures: str


@functools.cache
def _font(size: int, *, broad: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if broad:
        for name in _BROAD_FONTS:
            if Path(name).is_file():
                return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def header_height(size: tuple[int, int]) -> int:
    """Pixels the header takes at the top."""
    return max(6, round(min(size) * 0.062) // 2 * 2)


def footer_height(size: tuple[int, int]) -> int:
    """Pixels the footer takes at the bottom."""
    share = 0.17 if size[0] >= size[1] else 0.26
    return max(12, round(min(size) * share) // 2 * 2)


def bands(words: Words, size: tuple[int, int], ink: Colour, accent: Colour) -> Image.Image:
    """Both bands on a sheet as large as the picture, clear in between."""
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(sheet)
    _header(draw, words, size, ink, accent)
    _footer(draw, words, size, ink, accent)
    return sheet


def _header(
    draw: ImageDraw.ImageDraw, words: Words, size: tuple[int, int], ink: Colour, accent: Colour
) -> None:
    width, tall = size[0], header_height(size)
    draw.rectangle((0, 0, width, tall - 1), fill=(*ink, 255))
    font = _font(max(5, round(tall * 0.5)))
    edge = max(3, round(min(size) * 0.035))
    draw.text((edge, tall / 2), words.origin, font=font, fill=(*accent, 255), anchor="lm")
    pale = (235, 238, 245, 255)
    draw.text((width - edge, tall / 2), words.figures, font=font, fill=pale, anchor="rm")


def _footer(
    draw: ImageDraw.ImageDraw, words: Words, size: tuple[int, int], ink: Colour, accent: Colour
) -> None:
    width, height = size
    tall = footer_height(size)
    top = height - tall
    short = min(size)
    draw.rectangle((0, top, width, height), fill=(*ink, 255))
    edge = max(3, round(short * 0.035))
    chip = _font(max(5, round(short * 0.036)))
    label = f"v{words.version}"
    broad = draw.textlength(label, font=chip) + short * 0.04
    high = short * 0.062
    middle = top + tall / 2
    box = (edge, middle - high / 2, edge + broad, middle + high / 2)
    draw.rounded_rectangle(box, radius=high / 2, fill=(*accent, 255))
    centre = (edge + broad / 2, middle)
    draw.text(centre, label, font=chip, fill=(*ink, 255), anchor="mm")
    left = edge * 1.7 + broad
    text, font, lines = _fitted(draw, words.prompt, width - left - edge, tall * 0.8, short)
    step = font.size * 1.22 if isinstance(font, ImageFont.FreeTypeFont) else 12
    y = middle - step * (lines - 1) / 2
    for line in text:
        draw.text((left, y), line, font=font, fill=(250, 251, 255, 255), anchor="lm")
        y += step


def _fitted(
    draw: ImageDraw.ImageDraw, prompt: str, width: float, height: float, short: int
) -> tuple[list[str], ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """The largest lettering the whole prompt fits in, cut with an ellipsis at the smallest."""
    text = " ".join(prompt.split()) or "no prompt"
    broad = any(ord(character) > 0x24F and character not in "–—‘’“”…" for character in text)
    lines: list[str] = []
    for share in (0.05, 0.044, 0.038, 0.033, 0.029):
        size = max(6, round(short * share))
        font = _font(size, broad=broad)
        lines = _wrapped(draw, text, font, width)
        most = max(1, int(height // (size * 1.22)))
        if len(lines) <= most or share == 0.029:
            if len(lines) > most:
                lines = [*lines[: most - 1], lines[most - 1][:-1].rstrip() + "…"]
            return lines, font, len(lines)
    raise AssertionError("the smallest size always returns")


def _wrapped(
    draw: ImageDraw.ImageDraw,
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: float,
) -> list[str]:
    lines = [""]
    for word in text[:600].split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
            continue
        rest = word
        while rest:
            fits = next(
                (
                    n
                    for n in range(len(rest), 1, -1)
                    if draw.textlength(rest[:n], font=font) <= width
                ),
                1,
            )
            lines.append(rest[:fits])
            rest = rest[fits:]
    return [line for line in lines if line] or [""]
