"""The port ``MediaStore``: taking in, adopting, fitting; the same for every implementation."""

import hashlib
from pathlib import Path

import pytest

from bot.domain.errors import Code, MediaError, Refused
from bot.domain.ids import GenerationId
from bot.domain.media import FitStep, MediaKind, StoredMedia
from bot.domain.ports.media import MediaStore
from bot.media.engine import Engine
from bot.media.probe import look
from bot.media.sniff import Format

from .conftest import Describe

BOTH = [MediaKind.IMAGE, MediaKind.VIDEO]
ID = GenerationId("0123456789abcdefghij")


async def adopted(store: MediaStore, file: Path, generation_id: GenerationId = ID) -> StoredMedia:
    return await store.adopt(generation_id, put(store.partial_path(generation_id), file))


def put(partial: Path, file: Path) -> str:
    """What a download does: the bytes at the partial path, their hash."""
    data = file.read_bytes()
    partial.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def check_kept(store: MediaStore, media: StoredMedia) -> None:
    path = store.path_of(media)
    assert path.is_absolute()
    assert not Path(media.path).is_absolute()
    assert path.stat().st_size == media.size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == media.sha256


@pytest.mark.parametrize(
    ("name", "mime", "size"),
    [
        ("photo.jpg", "image/jpeg", (640, 480)),
        ("drawing.png", "image/png", (200, 100)),
        ("drawing.webp", "image/png", (200, 100)),
        ("moving.gif", "image/png", (120, 80)),
    ],
)
async def test_pictures_become_jpeg_or_png(
    store: MediaStore, incoming: Describe, name: str, mime: str, size: tuple[int, int]
) -> None:
    media = await store.take(incoming(name), kinds=BOTH)
    assert (media.kind, media.mime, media.duration_ms) == (MediaKind.IMAGE, mime, 0)
    assert (media.width, media.height) == size
    check_kept(store, media)


@pytest.mark.parametrize(
    "name", ["clip.mp4", "index_behind.mp4", "clip.mov", "clip.webm", "hevc.mp4", "turned.mp4"]
)
async def test_videos_become_mp4_that_plays_everywhere(
    store: MediaStore, incoming: Describe, engine: Engine, name: str
) -> None:
    media = await store.take(incoming(name), kinds=BOTH)
    assert (media.kind, media.mime, media.name) == (
        MediaKind.VIDEO,
        "video/mp4",
        f"{name.partition('.')[0]}.mp4",
    )
    assert abs(media.duration_ms - 2000) <= 100
    assert (media.width, media.height) == ((180, 320) if "turned" in name else (320, 180))
    check_kept(store, media)
    data = store.path_of(media).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    facts = await look(engine, store.path_of(media), Format.MP4)
    assert facts.plays_inline
    assert not facts.turned


async def test_the_same_picture_twice_is_kept_once(store: MediaStore, incoming: Describe) -> None:
    first = await store.take(incoming("photo.jpg", name="one.jpg"), kinds=BOTH)
    second = await store.take(incoming("photo.jpg", name="two.jpg"), kinds=BOTH)
    assert first.path == second.path
    assert (first.name, second.name) == ("one.jpg", "two.jpg")


async def test_the_name_of_a_file_decides_nothing(store: MediaStore, incoming: Describe) -> None:
    media = await store.take(incoming("photo.jpg", name="../../evil.mp4"), kinds=[MediaKind.IMAGE])
    assert (media.mime, media.name) == ("image/jpeg", "evil.jpg")


@pytest.mark.parametrize(
    ("name", "kinds", "code", "facts"),
    [
        ("list.m3u8", BOTH, Code.MEDIA_TYPE, {}),
        (
            "clip.mp4",
            [MediaKind.IMAGE],
            Code.MEDIA_TYPE,
            {"allowed": ["PNG", "JPEG", "WebP", "GIF", "HEIC", "AVIF"]},
        ),
        (
            "photo.jpg",
            [MediaKind.VIDEO],
            Code.MEDIA_TYPE,
            {"allowed": ["MP4", "MOV", "WebM", "MKV"]},
        ),
        ("long.mp4", BOTH, Code.MEDIA_DURATION, {"seconds": 5, "limit": 3}),
        ("sound.mp4", BOTH, Code.MEDIA_NO_PICTURE, {}),
        ("heavy.mp4", BOTH, Code.MEDIA_TOO_LARGE, {"limit": 4_000_000}),
        ("nowhere.png", BOTH, Code.MEDIA_UNAVAILABLE, {}),
    ],
)
async def test_refusals_name_the_file_and_what_is_allowed(
    store: MediaStore,
    incoming: Describe,
    name: str,
    kinds: list[MediaKind],
    code: Code,
    facts: dict[str, object],
) -> None:
    with pytest.raises(Refused) as refused:
        await store.take(incoming(name), kinds=kinds)
    assert refused.value.code is code
    assert refused.value.facts.items() >= ({"name": name} | facts).items()


async def test_a_file_larger_than_it_said_is_refused(store: MediaStore, incoming: Describe) -> None:
    with pytest.raises(Refused) as refused:
        await store.take(incoming("heavy.mp4", size=10), kinds=BOTH)
    assert refused.value.code is Code.MEDIA_TOO_LARGE


async def test_a_result_is_adopted_as_it_is(store: MediaStore, files: Path) -> None:
    media = await adopted(store, files / "clip.mp4")
    assert store.path_of(media).read_bytes() == (files / "clip.mp4").read_bytes()
    assert (media.width, media.height, media.duration_ms) == (320, 180, 2000)
    assert not store.partial_path(ID).exists()
    check_kept(store, media)


async def test_a_result_that_is_stored_lying_is_measured_as_shown(
    store: MediaStore, files: Path
) -> None:
    media = await adopted(store, files / "turned.mp4")
    assert (media.width, media.height) == (180, 320)


async def test_a_result_fetched_again_takes_the_place_of_the_first(
    store: MediaStore, files: Path
) -> None:
    await adopted(store, files / "clip.mp4")
    media = await adopted(store, files / "mute.mp4")
    assert store.path_of(media).read_bytes() == (files / "mute.mp4").read_bytes()


async def test_a_result_that_players_do_not_know_is_made_to_play(
    store: MediaStore, files: Path, engine: Engine
) -> None:
    media = await adopted(store, files / "hevc.mp4")
    check_kept(store, media)
    facts = await look(engine, store.path_of(media), Format.MP4)
    assert facts.plays_inline


@pytest.mark.parametrize("name", ["photo.jpg", "list.m3u8", "sound.mp4"])
async def test_a_result_that_is_no_video_is_broken(
    store: MediaStore, files: Path, name: str
) -> None:
    with pytest.raises(MediaError) as broken:
        await adopted(store, files / name)
    assert broken.value.code is Code.RESULT_BROKEN


async def test_a_truncated_result_is_broken(store: MediaStore, files: Path, tmp_path: Path) -> None:
    data = (files / "clip.mp4").read_bytes()
    for share in (0.1, 0.5, 0.99):
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(MediaError) as broken:
            await adopted(store, cut)
        assert broken.value.code is Code.RESULT_BROKEN


async def test_what_fits_is_posted_as_it_is(store: MediaStore, files: Path) -> None:
    media = await adopted(store, files / "clip.mp4")
    fitted = await store.fit(media, max_bytes=media.size)
    assert (fitted.step, fitted.size, fitted.path) == (
        FitStep.ORIGINAL,
        media.size,
        str(store.path_of(media)),
    )


async def test_what_a_fresh_container_makes_fit_is_not_encoded_again(
    store: MediaStore, files: Path, tmp_path: Path, engine: Engine
) -> None:
    padded = tmp_path / "padded.mp4"
    free = b"\x00\x01\x00\x08free" + bytes(0x10000)
    padded.write_bytes((files / "clip.mp4").read_bytes() + free)
    media = await adopted(store, padded)
    fitted = await store.fit(media, max_bytes=media.size - 1000)
    assert fitted.step is FitStep.REMUXED
    check_fitted(fitted.path, fitted.size, media.size - 1000)


def check_fitted(path: str, size: int, limit: int) -> None:
    assert Path(path).is_absolute()
    assert Path(path).stat().st_size == size <= limit


async def test_the_ladder_keeps_the_resolution_while_it_can(
    store: MediaStore, files: Path, engine: Engine
) -> None:
    media = await adopted(store, files / "heavy.mp4")
    limit = media.size // 3
    fitted = await store.fit(media, max_bytes=limit)
    assert fitted.step is FitStep.REENCODED
    check_fitted(fitted.path, fitted.size, limit)
    assert fitted.size > limit * 0.6  # the room that there is is used
    facts = await look(engine, Path(fitted.path), Format.MP4)
    assert (facts.width, facts.height, facts.audio_codec) == (640, 360, "aac")
    assert abs(facts.duration_ms - media.duration_ms) <= 100


async def test_the_last_rung_is_a_smaller_picture(
    store: MediaStore, files: Path, engine: Engine
) -> None:
    media = await adopted(store, files / "large.mp4")
    fitted = await store.fit(media, max_bytes=30_000)
    assert fitted.step is FitStep.PREVIEW
    check_fitted(fitted.path, fitted.size, 30_000)
    facts = await look(engine, Path(fitted.path), Format.MP4)
    assert (facts.width, facts.height) == (640, 360)


async def test_what_was_made_to_fit_once_is_there_the_next_time(
    store: MediaStore, files: Path
) -> None:
    media = await adopted(store, files / "large.mp4")
    first = await store.fit(media, max_bytes=30_000)
    made_at = modified(first.path)
    assert await store.fit(media, max_bytes=30_000) == first
    assert modified(first.path) == made_at


def modified(path: str) -> int:
    return Path(path).stat().st_mtime_ns


async def test_a_limit_below_every_rung_is_reported(store: MediaStore, files: Path) -> None:
    media = await adopted(store, files / "heavy.mp4")
    with pytest.raises(MediaError) as reported:
        await store.fit(media, max_bytes=5_000)
    assert reported.value.code is Code.POST_TOO_LARGE
    assert reported.value.facts == {"size": media.size, "limit": 5_000}


async def test_a_file_that_was_cleaned_away_cannot_be_fitted(
    store: MediaStore, files: Path
) -> None:
    media = await adopted(store, files / "clip.mp4")
    store.path_of(media).unlink()
    with pytest.raises(MediaError) as gone:
        await store.fit(media, max_bytes=media.size)
    assert gone.value.code is Code.RESULT_GONE
