"""Files as people really have them: each in ``tests/data/media`` stands for a kind."""

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageStat

from bot.domain.errors import Code, Refused
from bot.domain.ids import GenerationId
from bot.domain.media import MediaKind, StoredMedia
from bot.media import results
from bot.media.engine import Engine
from bot.media.jobs import Fault, JobError
from bot.media.probe import VideoFacts, look
from bot.media.sniff import Format
from bot.media.store import DiskMediaStore
from sandbox.clips.footage import Encoding, still, write

from .conftest import Describe, copy
from .test_media_store import put

DATA = Path(__file__).parent.parent.parent / "data" / "media"
BOTH = [MediaKind.IMAGE, MediaKind.VIDEO]
ID = GenerationId("0123456789abcdefghij")

PICTURES = {
    "alpha.png": (427, 240),
    "bad-crc-text.png": (240, 240),
    "cmyk.jpg": (640, 480),
    "moving.webp": (360, 240),
    "no-end-marker.jpg": (640, 480),
    "photo.heic": (427, 240),
    "turned.png": (240, 427),
}
VIDEOS = {
    "frag.mp4": 3083,
    "hlg.mov": 2000,
    "recorder.webm": 4000,
    "tail.mp4": 3000,
    "timecode.mp4": 3000,
    "trimmed.mp4": 3208,
    "two-apac-first.mov": 3000,
}
REFUSED = {
    "ribbon.jpg": (Code.MEDIA_TOO_SMALL, {"width": 16000, "height": 8}),
    "sound-only.mp4": (Code.MEDIA_NO_PICTURE, {}),
    "mulaw.mov": (Code.MEDIA_CODEC, {"codec": "pcm_mulaw"}),
}
RESULTS = ("frag.mp4", "hlg.mov", "mulaw.mov", "tail.mp4", "timecode.mp4", "trimmed.mp4")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskMediaStore]:
    """With the limits that members have."""
    async with Engine() as engine:
        yield DiskMediaStore(root=tmp_path / "media", engine=engine, fetch=copy)


def test_every_file_has_its_outcome_here() -> None:
    assert {path.name for path in DATA.iterdir()} == {*PICTURES, *VIDEOS, *REFUSED}


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_is_taken(store: DiskMediaStore, incoming: Describe, name: str) -> None:
    media = await store.take(incoming(str(DATA / name)), kinds=BOTH)
    assert media.mime in {"image/jpeg", "image/png"}
    assert (media.width, media.height) == PICTURES[name]
    assert media.first_picture_only == (name == "moving.webp")
    with Image.open(store.path_of(media)) as picture:
        assert (picture.mode, picture.size) == ("RGB", PICTURES[name])
        assert not picture.getexif()


@pytest.mark.parametrize("name", VIDEOS)
async def test_a_video_is_taken(
    store: DiskMediaStore, incoming: Describe, engine: Engine, name: str
) -> None:
    media = await store.take(incoming(str(DATA / name)), kinds=BOTH)
    assert abs(media.duration_ms - VIDEOS[name]) <= 25
    facts = await kept(store, engine, media)
    assert facts.plain
    assert (facts.audio_codec == "aac") == (name != "hlg.mov")
    if name == "trimmed.mp4":
        assert facts.hidden_frames == facts.hidden_sound == 0


async def kept(store: DiskMediaStore, engine: Engine, media: StoredMedia) -> VideoFacts:
    facts = await look(engine, store.path_of(media), Format.MP4)
    assert facts.streamable
    assert not facts.surplus
    return facts


def trimmed(
    source: Path,
    target: Path,
    begin: float,
    end: float = 9,
    *,
    only_sound: bool = False,
    flags: str = "",
) -> Path:
    """Cut without encoding: what is before the beginning stays in the file, hidden by a list."""
    options = {"movflags": flags} if flags else {}
    with av.open(str(source)) as film, av.open(str(target), "w", options=options) as cut:
        streams = {stream.index: cut.add_stream_from_template(stream) for stream in film.streams}
        if not only_sound:
            film.seek(int(begin * 1_000_000), backward=True)
        for packet in film.demux():
            base = packet.time_base
            if packet.dts is None or packet.pts is None or base is None or packet.pts * base > end:
                continue
            off = 0 if only_sound and packet.stream_index == 0 else int(begin / base)
            packet.pts -= off
            packet.dts -= off
            packet.stream = streams[packet.stream_index]
            cut.mux(packet)
    return target


@pytest.mark.parametrize(
    ("name", "begin", "end", "options", "frames"),
    [
        ("at a key frame.mp4", 2, 9, {}, 96),
        ("between key frames.mp4", 3.5, 9, {}, 60),
        ("between key frames.mov", 3.5, 9, {}, 60),
        ("at the end.mp4", 0, 4, {}, 97),
        ("in fragments.mp4", 3.5, 9, {"flags": "frag_keyframe+delay_moov"}, 60),
        ("only its sound.mp4", 1.5, 9, {"only_sound": True}, 144),
    ],
)
async def test_however_it_was_trimmed_nothing_hidden_is_kept(
    store: DiskMediaStore,
    incoming: Describe,
    tmp_path: Path,
    name: str,
    begin: float,
    end: float,
    options: dict[str, Any],
    frames: int,
) -> None:
    graph = "testsrc2=s=160x90:r=24:d=6[out0];sine=d=6[out1]"
    encoding = Encoding(options={"preset": "ultrafast", "g": "48"})
    source = write(tmp_path / "whole.mp4", graph, encoding)
    path = trimmed(source, tmp_path / name, begin, end, **options)
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with av.open(str(store.path_of(media)), options={"ignore_editlist": "1"}) as film:
        packets = [packet.stream.type for packet in film.demux() if packet.size]
    assert packets.count("video") == frames
    # A packet of sound is 1,024 samples; a few at the beginning belong to the encoder.
    sound = packets.count("audio") * 1_024 / 44_100
    length = 4.5 if options.get("only_sound") else media.duration_ms / 1000
    assert sound == pytest.approx(length, abs=0.15)


@pytest.mark.parametrize("name", REFUSED)
async def test_the_others_are_refused_with_the_true_reason(
    store: DiskMediaStore, incoming: Describe, name: str
) -> None:
    code, facts = REFUSED[name]
    with pytest.raises(Refused) as refused:
        await store.take(incoming(str(DATA / name)), kinds=BOTH)
    assert refused.value.code is code
    assert refused.value.facts.items() >= (facts | {"name": name}).items()


@pytest.mark.parametrize(("frames", "taken"), [(1, False), (20, False), (22, True), (24, True)])
async def test_a_video_below_a_second_is_refused_before_it_is_paid_for(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, frames: int, *, taken: bool
) -> None:
    """The providers take videos of a second and more; a result may be of any length."""
    path = write(tmp_path / "short.mp4", f"testsrc2=s=160x90:r=24:d={(frames - 0.5) / 24}[out0]")
    if taken:
        await store.take(incoming(str(path)), kinds=BOTH)
    else:
        with pytest.raises(Refused) as refused:
            await store.take(incoming(str(path)), kinds=BOTH)
        assert refused.value.code is Code.MEDIA_TOO_SHORT
    assert await store.adopt(ID, put(store.partial_path(ID), path))


@pytest.mark.parametrize("name", RESULTS)
async def test_a_result_like_this_is_kept_and_plays_at_once(
    store: DiskMediaStore, engine: Engine, name: str
) -> None:
    media = await store.adopt(ID, put(store.partial_path(ID), DATA / name))
    assert (await kept(store, engine, media)).plays_inline


async def test_hdr_becomes_as_bright_as_it_was_meant(
    store: DiskMediaStore, incoming: Describe
) -> None:
    """75 % white of a test pattern, which is 130 when it is shown unmapped."""
    media = await store.take(incoming(str(DATA / "hlg.mov")), kinds=BOTH)
    white = still(store.path_of(media)).getpixel((45, 60))
    assert white == pytest.approx((191, 191, 191), abs=8)


async def test_transparency_lies_on_white_and_cmyk_keeps_its_colours(
    store: DiskMediaStore, incoming: Describe
) -> None:
    media = await store.take(incoming(str(DATA / "alpha.png")), kinds=BOTH)
    with Image.open(DATA / "alpha.png") as before, Image.open(store.path_of(media)) as after:
        clear = before.getchannel("A").resize(after.size).point(lambda a: 255 * (a == 0))
        assert ImageStat.Stat(after.convert("L"), clear).mean[0] > 250
    media = await store.take(incoming(str(DATA / "cmyk.jpg")), kinds=BOTH)
    with Image.open(DATA / "cmyk.jpg") as before, Image.open(store.path_of(media)) as after:
        meant = ImageStat.Stat(before.convert("RGB")).mean
        assert ImageStat.Stat(after).mean == pytest.approx(meant, abs=4)


async def test_a_result_that_cannot_play_at_once_as_it_is_says_what_it_lost(
    store: DiskMediaStore, files: Path, tmp_path: Path
) -> None:
    """Content credentials stay whole with the bytes; a rewritten file has lost them."""
    credentials = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    box = (8 + 16 + 40).to_bytes(4, "big") + b"uuid" + credentials + b"c2pa" * 10
    for name, rewritten in (("clip.mp4", False), ("index_behind.mp4", True)):
        path = tmp_path / name
        path.write_bytes((files / name).read_bytes() + box)
        media = await store.adopt(ID, put(store.partial_path(ID), path))
        assert media.lost_credentials is rewritten
        assert (credentials in store.path_of(media).read_bytes()) is not rewritten


CLIP = "testsrc2=s=160x90:r=24:d=2[out0];sine=d=2:r=48000[out1]"


def wrapped(source: Path, target: Path, *, begin: int = 0) -> Path:
    """The same packets in another container, counted from another second."""
    with av.open(str(source)) as film, av.open(str(target), "w") as other:
        streams = {stream.index: other.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            packet.pts += int(begin / packet.time_base)
            packet.dts += int(begin / packet.time_base)
            packet.stream = streams[packet.stream_index]
            other.mux(packet)
    return target


def pictures(path: Path) -> list[bytes]:
    """The encoded pictures of a film, without the encoder's own words in the first one."""
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(film.streams.video[0]) if packet.size][1:]


@pytest.mark.parametrize(
    ("name", "begin"), [("recorded.mkv", 0), ("live.mkv", 5000), ("delayed.mp4", 50)]
)
async def test_h264_of_any_container_is_copied_whole_and_begins_at_once(
    store: DiskMediaStore,
    incoming: Describe,
    engine: Engine,
    tmp_path: Path,
    name: str,
    begin: int,
) -> None:
    """Matroska keeps no decoding times; a live recording counts from whenever it began."""
    whole = write(tmp_path / "whole.mp4", CLIP)
    path = wrapped(whole, tmp_path / name, begin=begin)
    taken = await store.take(incoming(str(path)), kinds=BOTH)
    result = await store.adopt(ID, put(store.partial_path(ID), path))
    for media in (taken, result):
        assert (await kept(store, engine, media)).plain
        assert pictures(store.path_of(media)) == pictures(whole)
        with av.open(str(store.path_of(media))) as film:
            assert film.start_time == 0
            assert film.duration == pytest.approx(2_000_000, abs=50_000)


async def test_a_long_recording_from_the_middle_is_encoded_from_its_beginning(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path
) -> None:
    encoding = Encoding(codec="libvpx", audio_codec="libopus")
    source = write(tmp_path / "whole.webm", CLIP, encoding)
    path = wrapped(source, tmp_path / "live.webm", begin=5000)
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with av.open(str(store.path_of(media))) as film:
        assert film.start_time == 0
        assert film.duration == pytest.approx(2_000_000, abs=50_000)


async def test_a_result_that_cannot_be_copied_into_an_mp4_is_encoded(
    store: DiskMediaStore, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> None:
        raise JobError(Fault.DAMAGED)

    path = wrapped(write(tmp_path / "whole.mp4", CLIP), tmp_path / "result.mkv")
    monkeypatch.setattr(results, "remux", refuses)
    media = await store.adopt(ID, put(store.partial_path(ID), path))
    assert (await kept(store, engine, media)).plays_inline


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24be", "pcm_f32le", "pcm_u8"])
async def test_a_camera_with_plain_sound_is_taken_and_one_cut_short_is_not(
    store: DiskMediaStore, incoming: Describe, engine: Engine, tmp_path: Path, codec: str
) -> None:
    """An MP4's index counts each sample of plain sound; a packet holds many of them."""
    path = write(tmp_path / "camera.mov", CLIP, Encoding(audio_codec=codec))
    media = await store.take(incoming(str(path)), kinds=BOTH)
    assert (await kept(store, engine, media)).audio_codec == "aac"
    assert media.duration_ms == pytest.approx(2000, abs=25)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.97)])
    with pytest.raises(Refused, check=lambda refused: refused.code is Code.MEDIA_BROKEN):
        await store.take(incoming(str(path)), kinds=BOTH)


UNREADABLE_CHUNKS = {
    "a profile that is none": [(b"iCCP", b"x" * 99)],
    "an empty profile": [(b"iCCP", b"")],
    "a text of an unknown compression": [(b"zTXt", b"a\0\1xx")],
    "frames in disorder": [(b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", b"\xff" * 26)],
    "a resolution cut short": [(b"pHYs", b"")],
    "a name in another alphabet": [(b"\xe4bcd", b"x")],
}


@pytest.mark.parametrize("chunks", UNREADABLE_CHUNKS.values(), ids=UNREADABLE_CHUNKS)
async def test_what_is_wrong_in_a_chunk_that_is_dropped_does_not_matter(
    store: DiskMediaStore, incoming: Describe, tmp_path: Path, chunks: list[tuple[bytes, bytes]]
) -> None:
    drawing = Image.linear_gradient("L").convert("RGB")
    path = tmp_path / "drawing.png"
    drawing.save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunk(*one) for one in chunks) + data[33:])
    media = await store.take(incoming(str(path)), kinds=BOTH)
    with Image.open(store.path_of(media)) as picture:
        assert picture.tobytes() == drawing.tobytes()


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + name + content + check
