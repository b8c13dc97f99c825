"""The stand-ins' videos: real files, of the asked shape, and visibly what was asked."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from sandbox.clips import (
    ClipRequest,
    Clips,
    FixedClips,
    footage,
    frame_size,
    glyphs,
    lettering,
    places,
    scene,
    subjects,
    typeface,
)
from sandbox.clips.mood import PLACES
from tests.integration.providers.harness import Bench, draw

# Continuous integration installs the packages that emoji and letters come from.
drawn = pytest.mark.skipif(
    not glyphs.available() and "CI" not in os.environ, reason="needs the sandbox's packages"
)


def ask(**more: object) -> ClipRequest:
    plain = {"provider": "EvoLink", "mode": "text", "prompt": "a red fox in the snow", "seconds": 3}
    return ClipRequest(**(plain | {"quality": "360p"} | more))  # type: ignore[arg-type]


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture
def clips(cache: Path) -> Clips:
    return Clips(cache)


async def frame(video: Path, second: float, place: Path) -> Image.Image:
    del place
    return (await asyncio.to_thread(footage.still, video, second)).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, 0 to 255."""
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


def scene_of(image: Image.Image) -> Image.Image:
    """The picture without the bands."""
    return image.crop((0, image.height // 8, image.width, image.height * 3 // 4))


@pytest.mark.parametrize("aspect", ["16:9", "9:16"])
@pytest.mark.parametrize("quality", ["360p", "720p"])
async def test_a_clip_is_h264_and_aac_of_the_asked_shape(
    clips: Clips, aspect: str, quality: str
) -> None:
    path = await clips.render(ask(aspect=aspect, quality=quality))
    made = footage.probe(path)
    assert (made.width, made.height) == frame_size(aspect, quality)
    assert (made.video_codec, made.pixel_format) == ("h264", "yuv420p")
    assert made.audio_codec == "aac"
    assert made.frame_rate == 24
    assert made.seconds == pytest.approx(3, abs=0.06)
    assert made.version == 1
    assert footage.decodes(path)


def test_the_sizes_of_the_qualities() -> None:
    sizes = [frame_size("16:9", quality) for quality in ("360p", "720p", "1080p", "4k")]
    assert sizes == [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]
    assert frame_size("9:16", "1080p") == (1080, 1920)


async def test_playing_can_begin_before_all_is_there(clips: Clips) -> None:
    body = (await clips.render(ask())).read_bytes()
    assert body.index(b"moov") < body.index(b"mdat")


async def test_the_picture_moves(clips: Clips, tmp_path: Path) -> None:
    path = await clips.render(ask())
    early, late = await frame(path, 0.2, tmp_path), await frame(path, 2.6, tmp_path)
    assert difference(scene_of(early), scene_of(late)) > 3


async def test_the_prompt_is_written_in_the_footer(clips: Clips, tmp_path: Path) -> None:
    fox = await frame(await clips.render(ask()), 1, tmp_path)
    wolf = await frame(await clips.render(ask(prompt="a grey wolf in the snow")), 1, tmp_path)
    foot = (0, fox.height * 7 // 8, fox.width, fox.height)
    assert difference(fox.crop(foot), wolf.crop(foot)) > 1


async def test_every_place_can_be_drawn_and_no_two_are_alike(cache: Path, tmp_path: Path) -> None:
    tiny = Clips(cache, scale="tiny")
    words = [*(words.split()[0] for words in PLACES.values()), "xyzzy"]
    assert [scene.read(word).place for word in words] == [*PLACES, "title"]
    pictures = [await frame(await tiny.render(ask(prompt=word)), 0.5, tmp_path) for word in words]
    for number, picture in enumerate(pictures):
        assert picture.size == (160, 90)
        assert all(difference(picture, other) > 4 for other in pictures[:number])


@drawn
async def test_a_clip_shows_its_subject_and_it_moves(clips: Clips, tmp_path: Path) -> None:
    """The orange of a fox is in the picture, goes to the left, and is nowhere without a fox."""
    path = await clips.render(ask())
    early, late = [
        _where(await frame(path, second, tmp_path), (217, 92, 62)) for second in (0.2, 2.6)
    ]
    assert early.count > 0.03
    assert late.count > 0.03
    assert late.x < early.x - 10
    wolf = await frame(await clips.render(ask(prompt="a grey wolf in the snow")), 1, tmp_path)
    assert _where(wolf, (217, 92, 62)).count < 0.002


@drawn
async def test_what_is_removed_is_gone_and_the_rest_is_untouched(
    clips: Clips, tmp_path: Path
) -> None:
    red = (220, 90, 80)
    source = await clips.render(ask(prompt="a red boat and a castle on the sea"))
    edited = await clips.render(
        ask(mode="edit", prompt="remove the boat", source=source, seconds=10)
    )
    before, after = [await frame(path, 1, tmp_path) for path in (source, edited)]
    assert _where(before, red).count > 0.01
    assert _where(after, red).count < 0.001
    right = (before.width // 2, before.height // 8, before.width, before.height * 3 // 4)
    assert difference(before.crop(right), after.crop(right)) < 3
    back = await clips.render(ask(mode="edit", prompt="add a red boat", source=edited, seconds=10))
    assert _where(await frame(back, 1, tmp_path), red).count > 0.01


@drawn
async def test_an_added_subject_comes_into_the_picture_of_any_video(
    clips: Clips, tmp_path: Path
) -> None:
    source = tmp_path / "strange.mp4"
    footage.write(source, "color=c=gray:s=640x360:r=24:d=3,format=yuv420p[out0]")
    edited = await clips.render(ask(mode="edit", prompt="add a frog", source=source, seconds=10))
    assert _where(await frame(edited, 1, tmp_path), (119, 178, 85)).count > 0.02
    assert footage.probe(edited).scene == ""


@drawn
@pytest.mark.parametrize("look", ["a pencil sketch of a cat", "pixel art of a cat", "a cat, noir"])
async def test_a_style_changes_the_picture(clips: Clips, tmp_path: Path, look: str) -> None:
    plain = scene_of(await frame(await clips.render(ask(prompt="a cat")), 1, tmp_path))
    styled = scene_of(await frame(await clips.render(ask(prompt=look)), 1, tmp_path))
    assert difference(plain, styled) > 8


async def test_the_same_prompt_is_drawn_the_same_anywhere(tmp_path: Path) -> None:
    one, other = [
        await Clips(tmp_path / name, scale="tiny").render(ask(prompt="two dragons in the rain"))
        for name in ("one", "other")
    ]
    assert one.read_bytes() == other.read_bytes()


async def test_without_the_packages_a_clip_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = (glyphs._drawing, glyphs.glyph, typeface._file, typeface._font, typeface._face)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(glyphs, "package", lambda name: None)
    monkeypatch.setattr(glyphs, "resvg_py", None)
    monkeypatch.setattr(typeface, "get_display", None)
    for prompt in ("a fox in the forest", "一只猫 🐱 שלום", "xyzzy"):
        path = await Clips(tmp_path, scale="tiny").render(ask(prompt=prompt))
        assert footage.probe(path).seconds == pytest.approx(1, abs=0.06)
    for cached in caches:
        cached.cache_clear()


@drawn
def test_captions_are_set_in_every_script() -> None:
    """No two of these give the same picture, as they would if their letters were missing."""
    texts = (
        "abc",
        "зима",
        "αβγ",
        "狐狸",
        "いぬ",
        "강아지",
        "خرگوش",
        "שלום",
        "สุนัข",
        "नमस्ते",
        "🦊",
        "🐈‍⬛",
    )
    images = {}
    for text in texts:
        missing = "".join("\U0010fffd" for _ in text)
        image, blank = [_line(words) for words in (text, missing)]
        assert image.getbbox() is not None, text
        assert image.tobytes() != blank.tobytes(), text
        images[image.tobytes()] = text
    assert sorted(images.values()) == sorted(texts)


@drawn
def test_right_to_left_lines_are_in_their_order_and_joined() -> None:
    assert typeface._visual("שלום 12 abc") == "abc 12 םולש"
    assert typeface._visual("كتاب") != "كتاب"[::-1]
    assert typeface.is_right_to_left("123 שלום abc")
    assert not typeface.is_right_to_left("abc שלום")


def test_a_long_prompt_is_cut_at_the_smallest_letters() -> None:
    for text in ("word " * 300, "字" * 500, "x" * 500):
        lines, size = lettering._fitted(text, (400, 60), [20, 12])
        assert size == 12
        assert len(lines) == 4
        assert lines[-1].endswith("…")
        assert all(typeface.width(line, size) <= 400 * 1.06 for line in lines)


@drawn
def test_everything_that_can_be_named_can_be_drawn() -> None:
    names = [emoji for emoji, _, _ in subjects._table()]
    names += list(subjects._rules()["better"])
    assert len(names) > 1200
    assert [name for name in names if not glyphs.known(name)] == []


@pytest.mark.parametrize("place", ["sea", "city", "hills"])
def test_places_and_weather_have_their_sound(place: str) -> None:
    shown = scene.read(f"a plain {PLACES[place].split()[0]}")
    assert bool(places.sound(shown)) is (place != "hills")
    assert places.sound(scene.read("rain")) != places.sound(shown)


async def test_an_image_to_video_shows_the_image(clips: Clips, tmp_path: Path) -> None:
    image = tmp_path / "image.png"
    image.write_bytes(draw((320, 180), colour="#ff8800"))
    path = await clips.render(ask(mode="image", images=(image,)))
    assert _middle(await frame(path, 1.5, tmp_path)) == pytest.approx((255, 136, 0), abs=12)


async def test_the_last_frame_is_where_it_ends(clips: Clips, tmp_path: Path) -> None:
    first, last = tmp_path / "first.png", tmp_path / "last.png"
    first.write_bytes(draw((320, 180), colour="#ff0000"))
    last.write_bytes(draw((180, 320), colour="#0000ff"))
    path = await clips.render(ask(mode="image", images=(first,), last_frame=last))
    begin, end = await frame(path, 0.1, tmp_path), await frame(path, 2.8, tmp_path)
    assert _middle(begin) == pytest.approx((255, 0, 0), abs=12)
    assert _middle(end) == pytest.approx((0, 0, 255), abs=12)


async def test_many_references_are_all_shown(clips: Clips, tmp_path: Path) -> None:
    colours = ("#ff0000", "#00ff00", "#0000ff", "#ffff00")
    images = []
    for number, colour in enumerate(colours):
        images.append(tmp_path / f"{number}.png")
        images[-1].write_bytes(draw((90, 60), colour=colour))
    path = await clips.render(ask(mode="reference", images=tuple(images)))
    picture = await frame(path, 1, tmp_path)
    seen = {tuple(round(c / 255) for c in pixel) for _, pixel in _counted(picture)}
    assert {(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)} <= seen


async def test_an_edit_changes_its_source_and_counts_versions(clips: Clips, tmp_path: Path) -> None:
    source = await clips.render(ask())
    before = scene_of(await frame(source, 1, tmp_path))
    night = await clips.render(ask(mode="edit", prompt="make it night", source=source, seconds=10))
    made = footage.probe(night)
    assert (made.width, made.height, made.version) == (640, 360, 2)
    assert made.seconds == pytest.approx(3, abs=0.06)
    after = scene_of(await frame(night, 1, tmp_path))
    assert _brightness(after) < _brightness(before) - 20
    third = await clips.render(ask(mode="edit", prompt="black and white", source=night, seconds=10))
    assert footage.probe(third).version == 3
    grey = scene_of(await frame(third, 1, tmp_path)).convert("HSV").getchannel("S")
    assert ImageStat.Stat(grey).mean[0] < 12


@pytest.mark.parametrize(
    ("instruction", "channel", "direction"),
    [("warmer light", 2, -1), ("make it blue", 2, 1), ("turn it red", 0, 1)],
)
async def test_words_of_colour_do_the_obvious(
    clips: Clips, tmp_path: Path, instruction: str, channel: int, direction: int
) -> None:
    source = await clips.render(ask())
    edited = await clips.render(ask(mode="edit", prompt=instruction, source=source, seconds=10))
    before = scene_of(await frame(source, 1, tmp_path))
    after = scene_of(await frame(edited, 1, tmp_path))
    assert (_share(after, channel) - _share(before, channel)) * direction > 0.03


async def test_an_extension_goes_on_after_its_source(clips: Clips, tmp_path: Path) -> None:
    source = await clips.render(ask())
    longer = await clips.render(ask(mode="extend", prompt="a city appears", source=source))
    made = footage.probe(longer)
    assert made.seconds == pytest.approx(6, abs=0.1)
    assert made.version == 2
    same = difference(await frame(source, 1, tmp_path), await frame(longer, 1, tmp_path))
    assert same < 3
    later = difference(await frame(source, 1, tmp_path), await frame(longer, 4, tmp_path))
    assert later > 10


async def test_an_extension_begins_where_its_source_ends(clips: Clips, tmp_path: Path) -> None:
    source = await clips.render(ask(prompt="a boat on the sea"))
    longer = await clips.render(ask(mode="extend", prompt="it sails on", source=source))
    last, first = [scene_of(await frame(longer, second, tmp_path)) for second in (2.95, 3.02)]
    begun = scene_of(await frame(source, 0.1, tmp_path))
    assert difference(last, first) < difference(begun, first) / 2
    assert footage.probe(longer).scene == footage.probe(source).scene


async def test_a_source_of_odd_shape_without_sound(clips: Clips, tmp_path: Path) -> None:
    source = tmp_path / "silent.mp4"
    look = "testsrc=s=321x243:r=15:d=2,format=yuv444p[out0]"
    footage.write(source, look, footage.Encoding(pixel_format="yuv444p"))
    for mode, seconds in (("edit", 2), ("extend", 5)):
        path = await clips.render(ask(mode=mode, prompt="warm", source=source, quality="360p"))
        made = footage.probe(path)
        assert made.audio_codec == "aac"
        assert made.seconds == pytest.approx(seconds, abs=0.1)
        assert made.height == 360
        assert made.width == pytest.approx(321 / 243 * 360, abs=2)


async def test_the_same_request_is_rendered_once(tmp_path: Path) -> None:
    tiny = Clips(tmp_path, scale="tiny")
    paths = await asyncio.gather(*(tiny.render(ask()) for _ in range(3)))
    assert len(set(paths)) == 1
    other = await tiny.render(ask(seconds=4))
    assert other != paths[0]
    assert names_in(tmp_path) == sorted({paths[0].name, other.name})
    made = paths[0].stat().st_mtime_ns
    assert (await Clips(tmp_path, scale="tiny").render(ask())).stat().st_mtime_ns == made


async def test_closing_leaves_neither_processes_nor_scraps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: asyncio.Future[asyncio.subprocess.Process] = asyncio.Future()
    start = asyncio.create_subprocess_exec

    async def watched(*arguments: Any, **more: Any) -> asyncio.subprocess.Process:
        process = await start(*arguments, **more)
        started.set_result(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    clips = Clips(tmp_path)
    rendering = asyncio.ensure_future(clips.render(ask(seconds=10, quality="4k")))
    process = await started
    assert process.returncode is None
    await clips.close()
    with pytest.raises(asyncio.CancelledError):
        await rendering
    assert process.returncode is not None
    assert names_in(tmp_path) == []


async def test_fixed_clips_hand_out_one_file(tmp_path: Path) -> None:
    fixed = FixedClips(tmp_path / "one.mp4")
    assert await fixed.render(ask()) == await fixed.render(ask(prompt="other"))
    assert fixed.rendered == 2
    written = FixedClips(b"bytes of a video")
    path = await written.render(ask())
    assert path.read_bytes() == b"bytes of a video"
    await written.close()
    assert not path.is_file()


def test_what_is_no_video_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"hello")
    for path in (tmp_path / "a.mp4", tmp_path / "nothing.mp4"):
        with pytest.raises(footage.FilmError):
            footage.probe(path)
        with pytest.raises(footage.FilmError):
            footage.still(path)
        assert not footage.decodes(path)
    with pytest.raises(footage.FilmError):
        footage.write(tmp_path / "b.mp4", "nosuchfilter[out0]")


async def test_the_provider_hands_out_an_edit_of_the_edit(bench: Bench, tmp_path: Path) -> None:
    first = await bench.made({"model": "gemini-omni-flash-preview", "prompt": "a fox"})
    body = {"model": "gemini-omni-flash-preview", "prompt": "night", "extend_from_task_id": first}
    second = await bench.made(body)
    third = await bench.made(body | {"prompt": "snow", "extend_from_task_id": second})
    path = tmp_path / "third.mp4"
    path.write_bytes((await bench.ask("GET", await bench.video(third), key=None)).body)
    assert footage.probe(path).version == 3


@dataclass(frozen=True, kw_only=True)
class _Patch:
    """How much of a picture is of a colour, and where its middle is."""

    count: float
    x: float


def _where(image: Image.Image, colour: tuple[int, int, int]) -> _Patch:
    picture = scene_of(image)
    near = ImageChops.difference(picture, Image.new("RGB", picture.size, colour))
    r, g, b = (band.point([255 if v < 40 else 0 for v in range(256)]) for band in near.split())
    mask = ImageChops.darker(ImageChops.darker(r, g), b)
    box = mask.getbbox() or (0, 0, 0, 0)
    return _Patch(count=ImageStat.Stat(mask).mean[0] / 255, x=(box[0] + box[2]) / 2)


def _line(text: str) -> Image.Image:
    image = Image.new("RGBA", (400, 60), (0, 0, 0, 0))
    typeface.write(image, (5, 30), text, 30, (255, 255, 255))
    return image


def _middle(image: Image.Image) -> tuple[float, ...]:
    box = image.width // 2 - 8, image.height // 2 - 8, image.width // 2 + 8, image.height // 2 + 8
    return tuple(ImageStat.Stat(image.crop(box)).mean)


def _brightness(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).mean[0]


def _share(image: Image.Image, channel: int) -> float:
    means = ImageStat.Stat(image).mean
    return means[channel] / max(1, sum(means))


def _counted(image: Image.Image) -> list[tuple[int, tuple[int, int, int]]]:
    small = image.resize((128, 72), Image.Resampling.NEAREST)
    return small.getcolors(128 * 72) or []  # type: ignore[return-value]
