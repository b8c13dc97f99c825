"""The mood of a text: its palette, its place, its weather and its chord, by the words in it.

Owns the palettes and the words they answer to, in English and Chinese. Knows nothing of drawing.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of a scene: the sky from the top down, its light, the land from far to near.

    ``hours`` are the words of a time of day or year, which count more than the other ``words``.
    """

    sky: tuple[Colour, Colour, Colour]
    light: Colour
    land: tuple[Colour, Colour, Colour]
    accent: Colour
    hours: str
    words: str
    dark: bool = False


PALETTES = (
    Palette(
        sky=((62, 39, 92), (214, 93, 99), (253, 190, 120)),
        light=(255, 226, 170),
        land=((152, 68, 103), (96, 44, 86), (46, 26, 58)),
        accent=(255, 170, 110),
        hours="sunset dusk evening twilight autumn golden 黄昏 日落 傍晚 夕阳 秋",
        words="warm fire desert dune volcano 沙漠 火",
    ),
    Palette(
        sky=((96, 155, 214), (170, 208, 232), (250, 232, 208)),
        light=(255, 250, 226),
        land=((128, 172, 178), (76, 134, 118), (34, 84, 78)),
        accent=(255, 214, 120),
        hours="morning dawn sunrise day noon sunny spring summer 早晨 清晨 日出 白天 春 夏",
        words="green forest tree woods meadow field grass garden jungle park 森林 草地 花园 公园",
    ),
    Palette(
        sky=((8, 12, 40), (24, 38, 92), (70, 86, 150)),
        light=(226, 234, 255),
        land=((44, 56, 112), (26, 34, 78), (12, 16, 42)),
        accent=(150, 180, 255),
        hours="night midnight moonlight moonlit moon dark starry 夜 晚上 午夜 月光 星空",
        words="star space galaxy planet neon rocket astronaut 太空 宇宙 星",
        dark=True,
    ),
    Palette(
        sky=((16, 78, 110), (44, 142, 168), (186, 230, 220)),
        light=(240, 255, 246),
        land=((36, 128, 150), (20, 92, 122), (8, 54, 84)),
        accent=(120, 230, 220),
        hours="storm stormy 暴风雨",
        words="sea ocean water underwater wave river lake rain boat ship whale beach 海 湖 河 雨",
    ),
    Palette(
        sky=((92, 60, 140), (214, 126, 190), (255, 208, 216)),
        light=(255, 240, 244),
        land=((178, 104, 178), (122, 70, 148), (66, 40, 100)),
        accent=(255, 168, 206),
        hours="dream dreamy 梦",
        words="pink candy flower butterfly cherry love magic cat purple unicorn 花 爱 猫",
    ),
    Palette(
        sky=((132, 152, 180), (196, 210, 224), (240, 244, 248)),
        light=(255, 255, 255),
        land=((172, 190, 208), (116, 142, 170), (62, 88, 118)),
        accent=(120, 190, 255),
        hours="snow snowy winter frozen 雪 冬",
        words="ice cold mountain fog mist cloud white glacier wolf penguin 冰 山 雾 云",
    ),
    Palette(
        sky=((6, 24, 44), (14, 78, 92), (62, 168, 130)),
        light=(190, 255, 214),
        land=((18, 76, 84), (12, 50, 66), (6, 26, 42)),
        accent=(110, 240, 180),
        hours="aurora northern 极光",
        words="emerald dragon robot matrix cyber 龙 机器人",
        dark=True,
    ),
)

# The first that is named wins.
PLACES: Mapping[str, str] = {
    "deep": "underwater undersea reef coral seabed aquarium 水下 水底 海底 深海",
    "sea": "sea ocean water wave river lake beach sail island fjord harbor pond 海 湖 河 沙滩",
    "city": "city street town building neon tokyo paris york traffic cyber skyline kyoto london "
    "城市 街 都市 东京",
    "space": "space galaxy planet universe comet cosmos orbit mars 太空 宇宙 银河 月球 火星",
    "forest": "forest woods jungle tree grove 森林 树林 丛林",
    "desert": "desert dune sahara canyon 沙漠",
    "mountains": "mountain alps peak glacier summit 山",
    "sky": "sky cloud clouds aerial 天空 云",
    "hills": "hill meadow field grass garden park farm 草 花园 公园",
    "room": "room kitchen table stage studio desk indoor bedroom 房间 桌子 舞台 厨房",
}
_WEATHER = {
    "snow": "snow snowy snowing snowfall blizzard winter 雪",
    "rain": "rain rainy raining storm stormy drizzle 雨",
}


def mentions(text: str, words: str) -> int:
    """How many of the words a text has: English as whole words, Chinese anywhere."""
    plain = text.lower()
    said = set(re.findall(r"[a-z]+", plain))
    said |= {word.removesuffix("s") for word in said}
    return sum(word in said if word.isascii() else word in plain for word in words.split())


def seed_of(text: str) -> int:
    """A number that is the same for the same text, on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


def palette_of(text: str) -> int | None:
    """The number of the palette that the words ask for; None if they ask for none."""
    scores = [3 * mentions(text, p.hours) + mentions(text, p.words) for p in PALETTES]
    return scores.index(max(scores)) if any(scores) else None


def place_of(text: str) -> str | None:
    """The place that the words name; None if they name none."""
    plain = text.lower().replace("under water", "underwater").replace("deep sea", "undersea")
    return next((name for name, words in PLACES.items() if mentions(plain, words)), None)


def weather_of(text: str) -> str:
    """``snow``, ``rain`` or nothing."""
    return next((name for name, words in _WEATHER.items() if mentions(text, words)), "")


def chord_of(seed: int) -> tuple[int, int, int]:
    """Three frequencies in Hz that sound well together, from a pentatonic scale by the seed."""
    root = 196 * 2 ** ((0, 2, 4, 7, 9)[seed % 5] / 12)
    return round(root), round(root * 1.5), round(root * 2.52)
