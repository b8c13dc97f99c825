"""What a picture takes while it is decoded: about one copy of it, and one picture at a time."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from bot.media.engine import Engine
from bot.media.jobs import PictureLimits

from .test_worker_limits import begun, children, no_process_left, program

assert no_process_left
SIZE = (3000, 2500)
COPY = 4 * SIZE[0] * SIZE[1]
"""Bytes of one copy: Pillow keeps four for a pixel of every colour picture."""

ASIDE = COPY // 3
"""Bytes for all that is no copy: encoders, strips, the file as it is read."""


def plain(mode: str, colour: str) -> Image.Image:
    return Image.new(mode, SIZE, colour)


def a_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def rgb(path: Path) -> str:
    plain("RGB", "teal").save(path, "PNG")
    return "png"


def with_profile(path: Path) -> str:
    plain("RGB", "teal").save(path, "PNG", icc_profile=a_profile())
    return "png"


def transparent(path: Path) -> str:
    plain("RGBA", "#00808080").save(path, "PNG")
    return "png"


def cut(path: Path) -> str:
    plain("RGB", "teal").save(path, "PNG", compress_level=0)
    path.write_bytes(path.read_bytes()[:-1000])
    return "png"


def black(path: Path) -> str:
    """Its last row looks like one that is missing."""
    plain("RGB", "black").save(path, "PNG")
    return "png"


def cut_photo(path: Path) -> str:
    plain("RGB", "teal").save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:-2])
    return "jpg"


def turned(path: Path) -> str:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain("RGB", "teal").save(path, "JPEG", exif=exif)
    return "jpg"


def grey_and_large(path: Path) -> str:
    """Not much of itself, and four times as much in colour: it is made smaller before."""
    Image.new("L", (7000, 6000), 100).save(path, "PNG")
    return "png"


def large_photo(path: Path) -> str:
    """Decoded at half of its sides."""
    Image.new("RGB", (SIZE[0] * 2, SIZE[1] * 2), "teal").save(path, "JPEG")
    return "jpg"


@pytest.mark.parametrize(
    ("make", "copies"),
    [
        (rgb, 1),
        (with_profile, 1),
        (transparent, 2),
        (cut, 1),
        (black, 1),
        (cut_photo, 1),
        (turned, 2),
        (grey_and_large, (7000 * 6000 + 4 * 16_000_000) / COPY),
        (large_photo, 1),
    ],
)
async def test_a_picture_is_in_memory_once(
    tmp_path: Path, make: Callable[[Path], str], copies: float
) -> None:
    async with warm(tmp_path) as (engine, pid):
        before = memory(pid, "VmRSS")
        path = tmp_path / "picture"
        await picture(engine, path, make(path), tmp_path)
        assert memory(pid, "VmHWM") - before <= copies * COPY + ASIDE


@asynccontextmanager
async def warm(scratch: Path) -> AsyncIterator[tuple[Engine, int]]:
    """An engine whose process has decoded before, and the process's id."""
    others = children()
    async with Engine() as engine:
        Image.new("RGB", (300, 300), "teal").save(scratch / "first.png")
        await picture(engine, scratch / "first.png", "png", scratch)
        (pid,) = children() - others
        yield engine, pid


async def picture(engine: Engine, path: Path, format_: str, scratch: Path) -> None:
    await engine.do(
        "picture",
        source=str(path),
        format_=format_,
        scratch=str(scratch),
        limits=asdict(PictureLimits()),
    )


def memory(pid: int, what: str) -> int:
    """``VmRSS`` is what a process holds, ``VmHWM`` the most that it held; in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


async def test_one_picture_is_decoded_at_a_time_and_looks_pass_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "begun")
    program(
        tmp_path,
        monkeypatch,
        "echo '{}'\nwhile read -r job; do case \"$job\" in\n"
        f"*picture*) : > {tmp_path}/begun; sleep 60;;\n"
        '*) echo \'{"result": {"seen": true}}\';;\nesac; done\n',
    )
    before = children()
    async with Engine(at_once=3) as engine, asyncio.TaskGroup() as group:
        pictures = [group.create_task(engine.do("picture")) for _ in range(2)]
        await begun(tmp_path)
        assert await engine.do("look") == {"seen": True}
        running = children() - before
        for task in pictures:
            task.cancel()
    assert len(running) == 2
