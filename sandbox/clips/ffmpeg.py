"""ffmpeg as a subprocess: finding it, running it with a time limit, reading what a file is.

Knows nothing of scenes, prompts or gateways. There is no ffprobe beside the bundled binary, so a
file is described by what ``ffmpeg -i`` prints about it.
"""

import asyncio
import functools
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg


class FilmError(Exception):
    """ffmpeg refused, crashed or took too long; the message is the end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What a video file is. ``version`` is read from our own mark in the comment, 1 without it."""

    seconds: float
    width: int
    height: int
    video_codec: str
    pixel_format: str
    frame_rate: float
    audio_codec: str | None
    container: str
    version: int


@functools.cache
def executable() -> str:
    """``RETAKE_FFMPEG``, else ``ffmpeg`` on the PATH, else the one bundled with imageio-ffmpeg."""
    return (
        os.environ.get("RETAKE_FFMPEG")
        or shutil.which("ffmpeg")
        or str(imageio_ffmpeg.get_ffmpeg_exe())
    )


async def run(arguments: Sequence[str], *, seconds: float = 120) -> str:
    """Run ffmpeg and return what it printed; it is killed when it takes longer than ``seconds``."""
    status, printed = await _run(arguments, seconds)
    if status != 0:
        raise FilmError(printed[-2000:])
    return printed


async def probe(path: Path, *, seconds: float = 20) -> Footage:
    """Describe a video file, or raise FilmError when it has no readable picture."""
    _, printed = await _run(["-i", str(path)], seconds)
    return _footage(printed)


async def decodes(path: Path, *, seconds: float = 60) -> bool:
    """Whether every frame of the file can be decoded without an error."""
    status, printed = await _run(
        ["-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"], seconds
    )
    return status == 0 and not printed.strip()


async def _run(arguments: Sequence[str], seconds: float) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        executable(),
        "-hide_banner",
        "-nostdin",
        "-y",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, printed = await process.communicate()
    except TimeoutError as error:
        raise FilmError(f"ffmpeg took longer than {seconds} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode(errors="replace")


_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_CONTAINER = re.compile(r"Input #0, (\S+), from")
_VIDEO = re.compile(r"Video: (\w+).*?, (\w+)(?:\([^)]*\))?, (\d+)x(\d+)")
_RATE = re.compile(r"([\d.]+) fps")
_AUDIO = re.compile(r"Audio: (\w+)")
_VERSION = re.compile(r"comment\s+: retake v(\d+)")


def _footage(printed: str) -> Footage:
    container = _CONTAINER.search(printed)
    video = _VIDEO.search(printed)
    if container is None or video is None:
        raise FilmError(printed[-500:])
    duration = _DURATION.search(printed)
    hours, minutes, rest = duration.groups() if duration else ("0", "0", "0")
    rate = _RATE.search(printed)
    audio = _AUDIO.search(printed)
    version = _VERSION.search(printed)
    return Footage(
        seconds=int(hours) * 3600 + int(minutes) * 60 + float(rest),
        width=int(video.group(3)),
        height=int(video.group(4)),
        video_codec=video.group(1),
        pixel_format=video.group(2),
        frame_rate=float(rate.group(1)) if rate else 0.0,
        audio_codec=audio.group(1) if audio else None,
        container=container.group(1).rstrip(","),
        version=int(version.group(1)) if version else 1,
    )
