"""Files made to harm: none is kept, none hurts, and what is kept holds nothing but the picture."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from bot.domain.errors import Code, Refused
from bot.domain.media import MediaKind
from bot.media.engine import Engine
from bot.media.jobs import Fault, JobError
from bot.media.store import DiskMediaStore

from .conftest import Describe, chunk, png

BOTH = [MediaKind.IMAGE, MediaKind.VIDEO]
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"


async def refusal(store: DiskMediaStore, incoming: Describe, path: Path) -> Code:
    with pytest.raises(Refused) as refused:
        await store.take(incoming(str(path), name="innocent.mp4"), kinds=BOTH)
    assert not kept(store)
    return refused.value.code


def kept(store: DiskMediaStore) -> list[Path]:
    """Everything in the media directory."""
    return [path for path in store.root.rglob("*") if path.is_file()]


def wrong_picture() -> bytes:
    """A PNG whose picture data are nonsense."""
    data = png(100, 100)
    at = data.index(b"IDAT") + 4
    return data[:at] + bytes(20) + data[at + 20 :]


HOSTILE = {
    "empty": (b"", Code.MEDIA_TYPE),
    "playlist": (PLAYLIST, Code.MEDIA_TYPE),
    "concat script": (b"ffconcat version 1.0\nfile /etc/hostname\n", Code.MEDIA_TYPE),
    "playlist behind an mp4's name": (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + PLAYLIST, None),
    "svg": (b'<svg xmlns:xlink="x"><image xlink:href="/etc/hostname"/></svg>', Code.MEDIA_TYPE),
    "giant header": (png(60_000, 60_000, rows=b""), Code.MEDIA_DIMENSIONS),
    "endless line": (png(1_000_000, 1, rows=b""), Code.MEDIA_TOO_SMALL),
    "one pixel": (png(1, 1), Code.MEDIA_TOO_SMALL),
    "no pixels": (png(0, 10, rows=b""), Code.MEDIA_BROKEN),
    "missing rows": (png(100, 100, rows=b"\0" * 101 * 50), Code.MEDIA_BROKEN),
    "unknown depth": (png(100, 100, depth=7), Code.MEDIA_BROKEN),
    "picture data with a wrong checksum": (wrong_picture(), Code.MEDIA_BROKEN),
    "png magic only": (b"\x89PNG\r\n\x1a\n", Code.MEDIA_BROKEN),
    "jpeg magic only": (b"\xff\xd8\xff\xe0", Code.MEDIA_BROKEN),
    "gif magic only": (b"GIF89a\xff\xff\xff\xff", Code.MEDIA_BROKEN),
    "webp magic only": (b"RIFF\xff\xff\xff\xffWEBPVP8X", Code.MEDIA_BROKEN),
    "matroska magic only": (b"\x1a\x45\xdf\xa3\x84B\x82\x84webm" + bytes(500), Code.MEDIA_BROKEN),
    "mp4 of a million boxes": (b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" * 250_000, None),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_files_are_refused(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, what: str
) -> None:
    data, code = HOSTILE[what]
    path = tmp_path / "hostile"
    path.write_bytes(data)
    assert await refusal(store, incoming, path) is (code or Code.MEDIA_BROKEN)


@pytest.mark.parametrize("name", ["clip.mp4", "photo.jpg", "drawing.png", "clip.webm"])
async def test_a_truncated_file_is_refused(
    store: DiskMediaStore, incoming: Describe, files: Path, tmp_path: Path, name: str
) -> None:
    data = (files / name).read_bytes()
    shares = {"clip.mp4": (0.05, 0.5, 0.98), "clip.webm": (0.05, 0.75)}
    for share in shares.get(name, (0.05, 0.5)):
        path = tmp_path / "cut"
        path.write_bytes(data[: int(len(data) * share)])
        if name == "clip.webm" and share == 0.75:
            # A live recording has no end either: what is there is kept, and made whole.
            media = await store.take(incoming(str(path)), kinds=BOTH)
            assert 0 < media.duration_ms < 2000
        else:
            assert await refusal(store, incoming, path) is Code.MEDIA_BROKEN


@pytest.mark.parametrize("name", ["drawing.webp", "moving.gif"])
async def test_a_picture_with_a_header_and_no_more_is_refused(
    store: DiskMediaStore, incoming: Describe, files: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "cut"
    path.write_bytes((files / name).read_bytes()[:40])
    assert await refusal(store, incoming, path) is Code.MEDIA_BROKEN


async def test_a_jpeg_whose_picture_is_nonsense_is_refused(
    store: DiskMediaStore, incoming: Describe, files: Path, tmp_path: Path
) -> None:
    """Every segment is there and well-formed; what they say cannot be decoded."""
    data = (files / "photo.jpg").read_bytes()
    tables = data.index(b"\xff\xc4")
    length = int.from_bytes(data[tables + 2 : tables + 4], "big")
    path = tmp_path / "nonsense.jpg"
    path.write_bytes(data[: tables + 4] + b"\x7f" * (length - 2) + data[tables + 2 + length :])
    assert await refusal(store, incoming, path) is Code.MEDIA_BROKEN


async def test_frames_too_large_are_never_decoded(
    store: DiskMediaStore, incoming: Describe, files: Path
) -> None:
    assert await refusal(store, incoming, files / "giant.mp4") is Code.MEDIA_DIMENSIONS


async def test_a_frame_beyond_the_cap_is_refused_with_its_size(
    store: DiskMediaStore, incoming: Describe, files: Path
) -> None:
    small = replace(store.caps.picture, pixels=1000, scaled_pixels=1000)
    store.caps = replace(store.caps, pixels=1000, picture=small)
    for name in ("clip.mp4", "photo.jpg"):
        with pytest.raises(Refused) as refused:
            await store.take(incoming(name), kinds=BOTH)
        assert refused.value.code is Code.MEDIA_DIMENSIONS
        assert refused.value.facts["limit"] == 1000
        assert refused.value.facts["width"] in {320, 640}


@pytest.mark.parametrize("name", ["photo.jpg", "drawing.png", "drawing.webp", "clip.mp4"])
async def test_what_hangs_behind_a_file_is_left_behind(
    store: DiskMediaStore, incoming: Describe, files: Path, tmp_path: Path, name: str
) -> None:
    secret = b"PK\x03\x04 a second file hides here #EXTM3U"
    padding = struct.pack(">I", len(secret) + 8) + b"free" if name == "clip.mp4" else b""
    path = tmp_path / "two-in-one"
    path.write_bytes((files / name).read_bytes() + padding + secret)
    media = await store.take(incoming(str(path)), kinds=BOTH)
    assert secret not in store.path_of(media).read_bytes()


async def test_a_photo_loses_its_place_and_keeps_its_side_up(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    """EXIF says "turned by a quarter": the stored picture must stand up without saying so."""
    picture = Image.new("RGB", (80, 40), "blue")
    picture.paste((255, 0, 0), (0, 0, 40, 40))  # the left half is red: it belongs on top
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "secret place"
    path = tmp_path / "phone.jpg"
    picture.save(path, exif=exif, quality=95, comment=b"secret comment")
    media = await store.take(incoming(str(path)), kinds=BOTH)
    assert (media.width, media.height) == (40, 80)
    stored = store.path_of(media)
    assert b"secret" not in stored.read_bytes()
    with Image.open(stored) as upright:
        assert upright.getpixel((20, 10))[0] > 200  # type: ignore[index]
        assert upright.getpixel((20, 70))[2] > 200  # type: ignore[index]
        assert not upright.getexif()


async def test_an_upright_photo_loses_next_to_nothing(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    for progressive in (False, True):
        path = tmp_path / "photo.jpg"
        picture = Image.effect_noise((64, 48), 80).convert("RGB")
        picture.save(path, quality=90, progressive=progressive, comment=b"secret")
        media = await store.take(incoming(str(path)), kinds=BOTH)
        with Image.open(path) as before, Image.open(store.path_of(media)) as after:
            difference = ImageChops.difference(before, after)
        assert max(ImageStat.Stat(difference).mean) < 1
        assert b"secret" not in store.path_of(media).read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
async def test_every_kind_of_png_keeps_every_pixel(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "picture.png"
    Image.effect_noise((66, 42), 80).convert(mode).save(path)
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with Image.open(path) as before, Image.open(store.path_of(media)) as after:
        assert after.mode == "RGB"
        assert before.convert("RGB").tobytes() == after.tobytes()


async def test_sixteen_bits_a_channel_become_eight(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    Image.new("I;16", (66, 42), 0x8040).save(path)
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with Image.open(store.path_of(media)) as after:
        assert after.getpixel((5, 5)) == (0x80, 0x80, 0x80)


TAKEN = {
    "data behind the last row": png(
        100, 100, rows=(b"\0" + b"\x80" * 100) * 100 + bytes(64_000_000)
    ),
    "wrong checksum of the end": png(100, 100)[:-1] + b"x",
    "no end": png(100, 100)[:-12],
    "a note that unpacks to 64 MB": png(
        100, 100, extra=chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(64_000_000)))
    ),
}


@pytest.mark.parametrize("what", TAKEN)
async def test_what_is_wrong_in_what_is_dropped_does_not_matter(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(TAKEN[what])
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with Image.open(store.path_of(media)) as after:
        assert after.getextrema() == ((0x80, 0x80),) * 3
        assert not after.info


async def test_notes_and_animation_in_a_png_are_dropped(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    extra = chunk(b"tEXt", b"Comment\0secret") + chunk(b"acTL", struct.pack(">II", 2, 0))
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100)) + bytes(70_000))
    path = tmp_path / "notes.png"
    path.write_bytes(png(64, 64, extra=extra + profile))
    media = await store.take(incoming(str(path)), kinds=BOTH)
    kept = store.path_of(media).read_bytes()
    assert b"secret" not in kept
    assert len(kept) < 1000


@pytest.mark.parametrize("progressive", [False, True])
async def test_a_jpeg_without_its_very_end_is_taken_and_a_cut_one_is_not(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, progressive: bool
) -> None:
    picture = Image.effect_noise((400, 300), 60).convert("RGB")
    picture.save(tmp_path / "whole.jpg", quality=80, progressive=progressive)
    data = (tmp_path / "whole.jpg").read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[:-2])
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with Image.open(tmp_path / "whole.jpg") as before, Image.open(store.path_of(media)) as after:
        difference = ImageChops.difference(before.convert("RGB"), after)
    assert max(ImageStat.Stat(difference).mean) < 1
    store.path_of(media).unlink()
    path.write_bytes(data[: len(data) // 2])
    assert await refusal(store, incoming, path) is Code.MEDIA_BROKEN


async def test_a_picture_too_heavy_for_the_providers_becomes_a_jpeg(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    path = tmp_path / "heavy.png"
    Image.effect_noise((700, 600), 30).save(path)
    assert path.stat().st_size > store.caps.picture.max_bytes
    media = await store.take(incoming(str(path)), kinds=BOTH)
    assert media.mime == "image/jpeg"
    assert media.size <= store.caps.picture.max_bytes
    assert (media.width, media.height) == (700, 600)


async def test_the_worker_opens_nothing_but_the_file_it_was_given(
    engine: Engine, files: Path, tmp_path: Path
) -> None:
    """Even a playlist that got past the first look finds its protocols and demuxers closed."""
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile clip.mp4\n")
    (tmp_path / "clip.mp4").write_bytes((files / "clip.mp4").read_bytes())
    remote = tmp_path / "remote.m3u8"
    remote.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    for source, demuxer in ((playlist, "mov"), (remote, "hls"), (playlist, "matroska")):
        with pytest.raises(JobError) as failed:
            await engine.do("look", source=str(source), demuxer=demuxer, max_pixels=10**6)
        assert failed.value.fault in {Fault.DAMAGED, Fault.NO_PICTURE}
    for address in ("http://127.0.0.1:9/x.mp4", "concat:/etc/hostname", "data:video/mp4,AAAA"):
        with pytest.raises(JobError) as failed:
            await engine.do("look", source=address, demuxer="mov", max_pixels=10**6)
        assert "FileNotFoundError" in failed.value.detail
