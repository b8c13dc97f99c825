"""The looks a picture can have: hours and colours that an edit asks for, and styles of any clip.

Owns the words they answer to and their filters. Knows nothing of scenes or files.
"""

from collections.abc import Iterable, Mapping

from sandbox.clips.mood import mentions, seed_of


def _saturation(factor: float) -> str:
    return f"u=(val-128)*{factor}+128:v=(val-128)*{factor}+128"


# Looks work on luma and the two colour differences directly where they can: filters that go through
# RGB are ten times slower. SIZE stands for a hundredth of the picture's short side.
# Edges are found in a picture of half the size, which takes a quarter of the time.
_HALF, _WHOLE = "scale=iw/2:ih/2:flags=fast_bilinear", "scale=iw*2:ih*2:flags=fast_bilinear"
_STYLES: Mapping[str, tuple[str, str]] = {
    "grey": (
        "black-and-white monochrome noir grayscale greyscale 黑白",
        "hue=s=0,lutyuv=y=(val-128)*1.15+128",
    ),
    "sepia": ("sepia old-film vintage retro 复古 怀旧", "hue=s=0.2,lutyuv=u=val-16:v=val+12"),
    "drawing": (
        "drawing drawn sketch pencil charcoal 素描 铅笔",
        f"{_HALF},edgedetect=low=0.03:high=0.09,{_WHOLE},negate,lutyuv=y=val*0.94:u=124:v=133",
    ),
    "comic": (
        "comic cartoon anime manga 动漫 卡通",
        f"lutyuv=y=floor(val/36)*36+18:{_saturation(1.7)}",
    ),
    "paint": (
        "painting painted paint oil watercolor watercolour 油画 水彩 画",
        f"gblur=sigma=SIZE*0.4,lutyuv=y=floor(val/22)*22*0.8+52:{_saturation(1.35)}",
    ),
    "pixel": ("pixel pixels 8-bit voxel 像素", "pixelize=w=2*SIZE:h=2*SIZE"),
    "dream": ("dream dreamy blurry soft-focus 梦幻", "gblur=sigma=SIZE,lutyuv=y=val+12"),
}
_TINTS: Mapping[str, tuple[str, str]] = {
    "night": (
        "night midnight moonlight 夜 晚上",
        f"lutyuv=y=val-66:{_saturation(0.6)},lutyuv=u=val+20:v=val-12",
    ),
    "warm": (
        "warm warmer sunset dusk golden sunny orange autumn evening 暖 日落 黄昏 秋",
        f"lutyuv={_saturation(1.15)},lutyuv=u=val-24:v=val+22",
    ),
    "snow": (
        "snow snowy snowing winter 雪 冬",
        f"lutyuv=y=val+20:{_saturation(0.55)},lutyuv=u=val+6:v=val-3",
    ),
    "rain": (
        "rain rainy raining storm stormy 雨",
        f"lutyuv=y=val-26:{_saturation(0.6)},lutyuv=u=val+8:v=val-6",
    ),
    "blue": ("cold colder cool cooler blue ice 冷 蓝", "lutyuv=u=val+28:v=val-20"),
    "green": ("green 绿", "lutyuv=u=val-22:v=val-30"),
    "purple": ("purple violet 紫", "lutyuv=u=val+26:v=val+18"),
    "pink": ("pink magenta 粉", "lutyuv=u=val+8:v=val+28"),
    "yellow": ("yellow 黄色", "lutyuv=u=val-40:v=val+8"),
    "red": ("red 红", "lutyuv=u=val-10:v=val+44"),
    "bright": (
        "bright brighter daylight lighter day noon morning spring summer 明亮 白天 早晨",
        f"lutyuv=y=val+36:{_saturation(1.25)}",
    ),
    "dark": ("dark darker 暗", "lutyuv=y=(val-128)*1.1+72"),
}
_MOST = 4


def styles_of(text: str) -> tuple[str, ...]:
    """The styles that a text names."""
    return _named(text, _STYLES)


def looks_of(instruction: str) -> tuple[str, ...]:
    """The styles and at most two tints that an instruction asks for; without any it is empty."""
    return styles_of(instruction) + _named(instruction, _TINTS)[:2]


def turned(instruction: str) -> str:
    """The look of an instruction that says nothing else: a turn of the hue by its hash."""
    return f"hue:{60 + seed_of(instruction) % 240}"


def chain(looks: Iterable[str], short: int) -> str:
    """The filters of some looks for a picture with that short side; what is unknown is left out."""
    chosen = list(dict.fromkeys(looks))
    if "grey" in chosen:  # without colours there is nothing left to tint
        chosen = [look for look in chosen if look in _STYLES]
    filters = []
    for look in chosen[-_MOST:]:
        if look.startswith("hue:") and look[4:].isdigit():
            filters.append(f"hue=h={look[4:]}:s=1.15")
        elif entry := _STYLES.get(look) or _TINTS.get(look):
            filters.append(entry[1].replace("SIZE", str(max(1, round(short / 100)))))
    return ",".join(filters) or "null"


def _named(text: str, looks: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    plain = text.lower().replace("black and white", "noir").replace("old film", "vintage")
    return tuple(name for name, (words, _) in looks.items() if mentions(plain, words))
