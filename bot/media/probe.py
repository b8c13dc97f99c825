"""What is inside a video: length, picture, codecs, and whether it can be played at all.

Asks ffmpeg (there may be no ffprobe) and reads what it prints; a truncated MP4 is found by its own
table of boxes, because players show the length of the whole and stop in the middle.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import Code, MediaError
from bot.media.ffmpeg import PROBE, Ffmpeg, Run, from_file
from bot.media.sniff import Format

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d)\.(\d\d)", re.MULTILINE)
_VIDEO = re.compile(
    r"^  Stream #0:\d+.*?: Video: (?P<codec>\w+).*?, (?P<pixels>\w+)(?:\([^)]*\))?,"
    r" (?P<width>\d+)x(?P<height>\d+)(?P<rest>.*)$",
    re.MULTILINE,
)
_RATE = re.compile(r", ([\d.]+)(k?) fps")
_AUDIO = re.compile(r"^  Stream #0:\d+.*?: Audio: (\w+)", re.MULTILINE)
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
_MOST_BOXES = 10_000


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A playable video: pixels as shown (turned upright), length in milliseconds, codec names.

    ``turned`` tells that it is stored lying and says so in a note that not every player reads.
    """

    width: int
    height: int
    duration_ms: int
    frames_per_second: float
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    turned: bool = False

    @property
    def plays_inline(self) -> bool:
        """Whether every player that people have shows it."""
        return (
            self.video_codec == "h264"
            and self.pixel_format in {"yuv420p", "yuvj420p"}
            and self.audio_codec in {None, "aac", "mp3"}
        )


async def probe(ffmpeg: Ffmpeg, path: Path, format_: Format) -> Probe | None:
    """Open a video, read all its packets, decode its key frames; None when that does not work.

    Raises:
        MediaError: INTERNAL when ffmpeg cannot be started.
    """
    if format_ is Format.MP4 and not await asyncio.to_thread(whole_mp4, path):
        return None
    run = await ffmpeg.run(
        [
            *("-xerror", "-skip_frame", "nokey"),
            *from_file(path, format_.demuxer),
            *("-map", "0:v:0", "-f", "null", "-"),
        ],
        PROBE,
    )
    check_disk(run)
    return parse(run.log) if run.ok else None


def check_disk(run: Run) -> None:
    """Raise MediaError INTERNAL, reason ``disk_full``, when that is why a run failed."""
    if run.disk_full:
        raise MediaError(Code.INTERNAL, reason="disk_full")


def parse(log: str) -> Probe | None:
    """Read ffmpeg's description of its first input; None when it has no picture that moves."""
    log = log.partition("\nStream mapping:")[0]
    length, video = _DURATION.search(log), _VIDEO.search(log)
    if length is None or video is None or "attached pic" in video["rest"]:
        return None
    hours, minutes, seconds, hundredths = (int(part) for part in length.groups())
    width, height = int(video["width"]), int(video["height"])
    rotation = _ROTATION.search(log)
    degrees = round(float(rotation[1])) if rotation else 0
    if degrees % 180:
        width, height = height, width
    rate, sound = _RATE.search(video["rest"]), _AUDIO.search(log)
    found = Probe(
        width=width,
        height=height,
        duration_ms=((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10,
        frames_per_second=float(rate[1]) * (1000 if rate[2] else 1) if rate else 24.0,
        video_codec=video["codec"],
        pixel_format=video["pixels"],
        audio_codec=sound[1] if sound else None,
        turned=degrees % 360 != 0,
    )
    return found if found.duration_ms and width and height else None


def whole_mp4(path: Path) -> bool:
    """Whether an MP4's boxes are all there: an index, data, and none that runs over the end."""
    names: set[bytes] = set()
    end = path.stat().st_size
    with path.open("rb") as file:
        at = count = 0
        while at + 8 <= end and count < _MOST_BOXES:
            count += 1
            file.seek(at)
            header = file.read(16)
            size, name = int.from_bytes(header[:4], "big"), header[4:8]
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            elif size == 0:  # the last one reaches to the end
                size = end - at
            if size < 8 or at + size > end:
                return False
            names.add(name)
            at += size
    return {b"moov", b"mdat"} <= names
