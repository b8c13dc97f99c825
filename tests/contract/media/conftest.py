"""Small real files, made once by FFmpeg's libraries, and a store in a folder of its own."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
from PIL import Image

from bot.domain.errors import Code, ProviderError
from bot.domain.ports.media import IncomingFile
from bot.media.engine import Engine
from bot.media.intake import Caps
from bot.media.jobs import PictureLimits
from bot.media.store import DiskMediaStore
from sandbox.clips.footage import Encoding, still, write

PICTURE = "testsrc2=s=320x180:r=12:d=2[out0]"
SOUND = ";sine=d=2:r=48000[out1]"
CAPS = Caps(
    upload_bytes=4_000_000,
    picture=PictureLimits(least_side=40, max_bytes=300_000),
    video_seconds=3,
)
"""Small, so that small files do; pictures down to 40 pixels a side stay as they are."""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small files of every kind that is taken in, and some that are not."""
    folder = tmp_path_factory.mktemp("files")

    def make(name: str, graph: str, **encoding: object) -> Path:
        options = {"options": {"preset": "veryfast"}} | encoding
        return write(folder / name, graph, Encoding(**options))  # type: ignore[arg-type]

    make("clip.mp4", PICTURE + SOUND)
    make("mute.mp4", PICTURE)
    make("index_behind.mp4", PICTURE + SOUND, streamable=False)
    make("clip.mov", PICTURE + SOUND, codec="mpeg4", options={"qscale": "3"})
    make("clip.webm", PICTURE + SOUND, codec="libvpx", audio_codec="libopus", options={})
    make(
        "hevc.mp4",
        PICTURE,
        codec="libx265",
        options={"preset": "ultrafast", "x265-params": "log-level=none"},
    )
    make("long.mp4", "testsrc2=s=64x64:r=4:d=5[out0]")
    make("sound.mp4", "sine=d=1[out0]")
    make("turned.mp4", PICTURE, rotation=90)
    # Noise is what no encoder can shrink: the ladder needs something heavy.
    noise = "testsrc2=s=640x360:r=12:d=2,noise=alls=60:allf=t[out0]"
    make("heavy.mp4", noise + SOUND, options={"preset": "veryfast", "crf": "12"})
    make(
        "large.mp4",
        "testsrc2=s=1280x720:r=24:d=2[out0]",
        options={"preset": "veryfast", "crf": "30"},
    )
    make(
        "giant.mp4",
        "color=s=8160x8000:d=0.04,format=yuvj420p[out0]",
        codec="mjpeg",
        pixel_format="yuvj420p",
    )
    for name, size in (
        ("photo.jpg", "640x480"),
        ("drawing.png", "200x100"),
        ("drawing.webp", "200x100"),
    ):
        source = make("still.mp4", f"testsrc2=s={size}:d=0.1[out0]", options={"crf": "1"})
        still(source).save(folder / name, lossless=True)
    source = make("still.mp4", "testsrc2=s=120x80:d=1:r=4[out0]")
    pictures = [still(source, second) for second in (0, 0.25, 0.5)]
    pictures[0].save(folder / "moving.gif", save_all=True, append_images=pictures[1:])
    Image.effect_noise((600, 400), 100).convert("RGB").save(folder / "noise.png")
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    return folder


class Describe(Protocol):
    def __call__(self, url: str, *, name: str = "", size: int | None = None) -> IncomingFile: ...


@pytest.fixture
def incoming(files: Path) -> Describe:
    """Describe one of the files as Discord would, with whatever name."""

    def describe(url: str, *, name: str = "", size: int | None = None) -> IncomingFile:
        path = Path(url) if url.startswith("/") else files / url
        return IncomingFile(
            url=str(path),
            name=name or path.name,
            size=path.stat().st_size if size is None and path.exists() else size or 0,
        )

    return describe


async def copy(url: str, destination: Path, max_bytes: int) -> int:
    """A download from a local folder."""
    return await asyncio.to_thread(_copy, Path(url), destination, max_bytes)


def _copy(source: Path, destination: Path, max_bytes: int) -> int:
    if not source.exists():
        raise ProviderError(Code.PROVIDER_UNAVAILABLE, retryable=True)
    data = source.read_bytes()
    if len(data) > max_bytes:
        raise ProviderError(Code.RESULT_TOO_LARGE)
    return destination.write_bytes(data)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as engine:
        yield engine


@pytest.fixture
def store(tmp_path: Path, engine: Engine) -> DiskMediaStore:
    return DiskMediaStore(root=tmp_path / "media", engine=engine, fetch=copy, caps=CAPS)


def png(
    width: int, height: int, *, rows: bytes | None = None, extra: bytes = b"", depth: int = 8
) -> bytes:
    """A PNG of grey pixels by hand; ``rows`` are the unpacked picture data."""
    if rows is None:
        rows = (b"\0" + b"\x80" * width) * height
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)
