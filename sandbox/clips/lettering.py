"""The lettering of a clip: a header tells where it comes from, a footer what was asked.

Owns wrapping, the two bands and the title. The bands are opaque, so that an edit's bands cover the
ones of its source. Knows nothing of fonts, filter graphs or providers.
"""

import re
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from sandbox.clips import typeface
from sandbox.clips.mood import Colour

_WHITE = (250, 251, 255)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a clip says of itself."""

    prompt: str
    version: int
    origin: str
    figures: str


def header_height(size: tuple[int, int]) -> int:
    """Pixels the header takes at the top."""
    return max(6, round(min(size) * 0.062) // 2 * 2)


def footer_height(size: tuple[int, int]) -> int:
    """Pixels the footer takes at the bottom."""
    share = 0.17 if size[0] >= size[1] else 0.26
    return max(12, round(min(size) * share) // 2 * 2)


def header(words: Words, size: tuple[int, int], ink: Colour, accent: Colour) -> Image.Image:
    """The band at the top."""
    wide, tall = size[0], header_height(size)
    band = Image.new("RGBA", (wide, tall), (*ink, 255))
    letters = max(5, round(tall * 0.5))
    edge = _edge(size)
    typeface.write(band, (edge, tall / 2), words.origin, letters, accent)
    left = wide - edge - typeface.width(words.figures, letters)
    typeface.write(band, (left, tall / 2), words.figures, letters, (235, 238, 245))
    return band


def footer(words: Words, size: tuple[int, int], ink: Colour, accent: Colour) -> Image.Image:
    """The band at the bottom."""
    wide, tall, short = size[0], footer_height(size), min(size)
    band = Image.new("RGBA", (wide, tall), (*ink, 255))
    edge, middle = _edge(size), tall / 2
    label, letters = f"v{words.version}", max(5, round(short * 0.036))
    broad, high = typeface.width(label, letters) + short * 0.04, short * 0.062
    box = (edge, middle - high / 2, edge + broad, middle + high / 2)
    ImageDraw.Draw(band).rounded_rectangle(box, radius=high / 2, fill=(*accent, 255))
    typeface.write(band, (edge + short * 0.02, middle), label, letters, ink)
    left = edge * 1.7 + broad
    shares = (0.05, 0.044, 0.038, 0.033, 0.029)
    room = (wide - left - edge, tall * 0.8)
    lines, letters = _fitted(words.prompt, room, [max(6, round(short * s)) for s in shares])
    _block(band, lines, letters, (left, 0, wide - edge, tall), centred=False)
    return band


def title(text: str, size: tuple[int, int]) -> Image.Image:
    """A prompt in large letters in the middle of the picture, with a soft shadow."""
    sheet = Image.new("RGBA", size, (255, 255, 255, 0))
    short, edge = min(size), round(min(size) * 0.09)
    box = (edge, header_height(size) + edge, size[0] - edge, size[1] - footer_height(size) - edge)
    sizes = [max(7, round(short * share)) for share in (0.15, 0.12, 0.1, 0.08, 0.065, 0.052)]
    lines, letters = _fitted(text, (box[2] - box[0], box[3] - box[1]), sizes, bold=True)
    _block(sheet, lines, letters, box, centred=True)
    shadow = Image.new("RGBA", size, (0, 0, 0, 0))
    shadow.putalpha(sheet.getchannel("A").point([v * 5 // 9 for v in range(256)]))
    shadow = shadow.filter(ImageFilter.BoxBlur(max(1, short // 60)))
    shadow.alpha_composite(sheet)
    return shadow


def _edge(size: tuple[int, int]) -> int:
    return max(3, round(min(size) * 0.035))


def _block(
    image: Image.Image,
    lines: list[str],
    letters: int,
    box: tuple[float, float, float, float],
    *,
    centred: bool,
) -> None:
    """Lines one under the other, in the vertical middle of the box."""
    step = letters * 1.25
    y = (box[1] + box[3]) / 2 - step * (len(lines) - 1) / 2
    for line in lines:
        free = box[2] - box[0] - typeface.width(line, letters, bold=centred)
        if centred:
            x = box[0] + free / 2
        else:
            x = box[0] + free * typeface.is_right_to_left(" ".join(lines))
        typeface.write(image, (x, y), line, letters, _WHITE, bold=centred)
        y += step


def _fitted(
    prompt: str, room: tuple[float, float], sizes: list[int], *, bold: bool = False
) -> tuple[list[str], int]:
    """The lines in the largest of the sizes that fits, cut with an ellipsis at the smallest."""
    text = " ".join(prompt.split())[:600] or "no prompt"
    lines: list[str] = []
    most = 1
    for size in sizes:
        lines = _wrapped(text, size, room[0], bold=bold)
        most = max(1, int(room[1] // (size * 1.25)))
        if len(lines) <= most:
            return lines, size
    return [*lines[: most - 1], lines[most - 1][:-1].rstrip() + "…"], sizes[-1]


def _wrapped(text: str, size: int, room: float, *, bold: bool) -> list[str]:
    """The text in lines: broken between words and between Chinese or Japanese signs."""
    lines = [""]
    for piece in re.findall(r"[⺀-ヿ㐀-鿿＀-￯]|[^\s⺀-ヿ㐀-鿿＀-￯]+|\s+", text):
        too_long = typeface.width(piece, size, bold=bold) > room
        for part in piece if too_long else [piece]:
            if typeface.width(lines[-1] + part, size, bold=bold) > room and part.strip():
                lines.append("")
            lines[-1] += part
    return [line.strip() for line in lines if line.strip()] or [""]
