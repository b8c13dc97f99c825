"""The mood of a prompt: its palette, its place and its chord, by its words, else by its hash.

Owns the palettes and the words they answer to. Knows nothing of drawing.
"""

import hashlib
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of a scene: the sky from the top down, its light, the land from far to near."""

    sky: tuple[Colour, Colour, Colour]
    light: Colour
    land: tuple[Colour, Colour, Colour]
    accent: Colour
    words: str
    dark: bool = False


PALETTES = (
    Palette(
        sky=((62, 39, 92), (214, 93, 99), (253, 190, 120)),
        light=(255, 226, 170),
        land=((152, 68, 103), (96, 44, 86), (46, 26, 58)),
        accent=(255, 170, 110),
        words="sunset dusk evening warm golden fire red orange autumn desert",
    ),
    Palette(
        sky=((96, 155, 214), (170, 208, 232), (250, 232, 208)),
        light=(255, 250, 226),
        land=((128, 172, 178), (76, 134, 118), (34, 84, 78)),
        accent=(255, 214, 120),
        words="morning dawn day green forest tree meadow field grass spring garden jungle park",
    ),
    Palette(
        sky=((8, 12, 40), (24, 38, 92), (70, 86, 150)),
        light=(226, 234, 255),
        land=((44, 56, 112), (26, 34, 78), (12, 16, 42)),
        accent=(150, 180, 255),
        words="night moon dark star midnight space galaxy planet neon rocket astronaut",
        dark=True,
    ),
    Palette(
        sky=((16, 78, 110), (44, 142, 168), (186, 230, 220)),
        light=(240, 255, 246),
        land=((36, 128, 150), (20, 92, 122), (8, 54, 84)),
        accent=(120, 230, 220),
        words="sea ocean water wave river lake rain blue ship boat lighthouse fish beach storm",
    ),
    Palette(
        sky=((92, 60, 140), (214, 126, 190), (255, 208, 216)),
        light=(255, 240, 244),
        land=((178, 104, 178), (122, 70, 148), (66, 40, 100)),
        accent=(255, 168, 206),
        words="pink dream candy flower butterfly cherry love magic cat purple unicorn",
    ),
    Palette(
        sky=((132, 152, 180), (196, 210, 224), (240, 244, 248)),
        light=(255, 255, 255),
        land=((172, 190, 208), (116, 142, 170), (62, 88, 118)),
        accent=(120, 190, 255),
        words="snow winter ice cold mountain fog mist cloud white glacier wolf",
    ),
    Palette(
        sky=((6, 24, 44), (14, 78, 92), (62, 168, 130)),
        light=(190, 255, 214),
        land=((18, 76, 84), (12, 50, 66), (6, 26, 42)),
        accent=(110, 240, 180),
        words="aurora northern emerald dragon robot matrix cyber",
        dark=True,
    ),
)

PLACES = {
    "sea": "sea ocean water wave river lake ship boat lighthouse fish beach sail island rain fjord",
    "city": "city street town building neon tokyo paris york car traffic robot cyber skyline train",
    "space": "space galaxy planet star rocket astronaut moon universe comet cosmos orbit",
}


@dataclass(frozen=True, kw_only=True)
class Mood:
    """What was read out of a prompt: its palette, its place and a number all chance comes from."""

    palette: Palette
    place: str
    seed: int


def seed_of(text: str) -> int:
    """A number that is the same for the same text, on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def mood_of(prompt: str) -> Mood:
    """Choose by the words, and by the hash where the words say nothing."""
    seed = seed_of(prompt)
    words = {word.rstrip("s") for word in _words(prompt)} | set(_words(prompt))
    scores = [len(words & set(palette.words.split())) for palette in PALETTES]
    best = scores.index(max(scores)) if any(scores) else seed % len(PALETTES)
    place = next((name for name, named in PLACES.items() if words & set(named.split())), "hills")
    return Mood(palette=PALETTES[best], place=place, seed=seed)


def chord_of(text: str) -> tuple[int, int, int]:
    """Three frequencies in Hz that sound well together, from a pentatonic scale by the text."""
    root = 196 * 2 ** ((0, 2, 4, 7, 9)[seed_of(text) % 5] / 12)
    return round(root), round(root * 1.5), round(root * 2.52)


def _words(prompt: str) -> list[str]:
    return "".join(c if c.isalpha() else " " for c in prompt.lower()).split()
