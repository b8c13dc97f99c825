"""Small real files, made once by the real ffmpeg, and a store in a folder of its own."""

import asyncio
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Protocol

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.ports.media import IncomingFile
from bot.media.ffmpeg import Ffmpeg, find_ffmpeg
from bot.media.intake import Caps
from bot.media.store import DiskMediaStore

PICTURE = "testsrc2=s=320x180:r=12:d=2"
CAPS = Caps(upload_bytes=4_000_000, image_bytes=300_000, video_seconds=3)


@pytest.fixture(scope="session")
def program() -> Path:
    return find_ffmpeg()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """A folder of small files of every kind that is taken in, and some that are not."""
    folder = tmp_path_factory.mktemp("files")

    def make(name: str, *arguments: str) -> None:
        subprocess.run(
            [program, "-v", "error", "-nostdin", "-y", *arguments, str(folder / name)],
            check=True,
            timeout=60,
        )

    lavfi = ("-f", "lavfi", "-i")
    sound = (*lavfi, "sine=d=2", "-c:a", "aac")
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
    front = ("-movflags", "+faststart")
    make("clip.mp4", *lavfi, PICTURE, *sound, *h264, *front)
    make("mute.mp4", *lavfi, PICTURE, *h264, *front)
    make("index_behind.mp4", *lavfi, PICTURE, *sound, *h264)
    make("clip.mov", *lavfi, PICTURE, *sound, "-c:v", "mpeg4", "-q:v", "3")
    make("clip.webm", *lavfi, PICTURE, *lavfi, "sine=d=2", "-c:v", "libvpx", "-c:a", "libvorbis")
    make("hevc.mp4", *lavfi, PICTURE, "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1")
    make("long.mp4", *lavfi, "testsrc2=s=64x64:r=4:d=5", *h264)
    make("sound.mp4", *lavfi, "sine=d=1", "-c:a", "aac")
    make("turned.mp4", "-display_rotation", "90", "-i", str(folder / "mute.mp4"), "-c", "copy")
    # Noise is what no encoder can shrink: the ladder needs something heavy.
    noise = "testsrc2=s=640x360:r=12:d=2,noise=alls=60:allf=t"
    make("heavy.mp4", *lavfi, noise, *sound, *h264, "-crf", "12", *front)
    make("large.mp4", *lavfi, "testsrc2=s=1280x720:r=24:d=2", *h264, "-crf", "30", *front)
    still = ("-frames:v", "1")
    make("giant.mp4", *lavfi, "color=s=8160x8000", "-c:v", "mjpeg", *still)
    make("photo.jpg", *lavfi, "testsrc2=s=640x480", *still)
    make("drawing.png", *lavfi, "testsrc2=s=200x100", *still)
    make("drawing.webp", *lavfi, "testsrc2=s=200x100", *still)
    make("moving.gif", *lavfi, "testsrc2=s=120x80:d=1:r=4")
    make("noise.png", *lavfi, "testsrc2=s=600x400,noise=alls=100", "-pix_fmt", "rgb24", *still)
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
    """A download from the folder next door."""
    return await asyncio.to_thread(_copy, Path(url), destination, max_bytes)


def _copy(source: Path, destination: Path, max_bytes: int) -> int:
    if not source.exists():
        raise ProviderError(Code.PROVIDER_UNAVAILABLE, retryable=True)
    data = source.read_bytes()
    if len(data) > max_bytes:
        raise ProviderError(Code.RESULT_TOO_LARGE)
    return destination.write_bytes(data)


@pytest.fixture
def ffmpeg(program: Path) -> Ffmpeg:
    return Ffmpeg(program)


@pytest.fixture
def store(tmp_path: Path, ffmpeg: Ffmpeg) -> DiskMediaStore:
    return DiskMediaStore(root=tmp_path / "media", ffmpeg=ffmpeg, fetch=copy, caps=CAPS)


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
