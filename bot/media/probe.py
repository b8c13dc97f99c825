"""The jobs on videos: what is inside one, a fresh container, another encoding."""

from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import Code, MediaError
from bot.media.engine import Engine
from bot.media.jobs import Fault, JobError
from bot.media.sniff import Format

MAX_PIXELS = 40_000_000
"""Larger frames of a video are not decoded."""


@dataclass(frozen=True, kw_only=True)
class VideoFacts:
    """A video that can be played to its end: pixels as shown, duration in milliseconds, codecs.

    ``turned`` is true if it must be rotated or mirrored to be shown, ``square`` if its pixels are
    square, ``hdr`` if its colours are for HDR screens. ``hidden_frames`` and ``hidden_sound`` are
    the numbers of packets that an edit list hides. ``unread_sound`` is the codec of a sound that
    cannot be read. For ``streamable``, ``surplus`` and ``credentials`` see ``worker.mp4.Layout``.
    """

    width: int
    height: int
    duration_ms: int
    frames_per_second: float
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    unread_sound: str | None = None
    turned: bool = False
    square: bool = True
    hdr: bool = False
    hidden_frames: int = 0
    hidden_sound: int = 0
    streamable: bool = False
    surplus: bool = False
    credentials: bool = False

    @property
    def plays_inline(self) -> bool:
        """``plays_inline`` is true if all common players play it."""
        return (
            self.video_codec == "h264"
            and self.pixel_format in {"yuv420p", "yuvj420p"}
            and self.audio_codec in {None, "aac", "mp3"}
        )

    @property
    def plain(self) -> bool:
        """``plain`` is true if its packets can be kept: none hidden, turned, stretched or HDR."""
        hides = self.hidden_frames or self.hidden_sound
        return self.plays_inline and self.square and not (hides or self.turned or self.hdr)


async def look(engine: Engine, path: Path, format_: Format) -> VideoFacts:
    """Read all packets of a video and decode its key frames.

    Raises:
        JobError: NO_PICTURE, CODEC (``codec``), DIMENSIONS (``width``, ``height``), DAMAGED,
            EXHAUSTED.
        MediaError: INTERNAL, the worker does not start.
    """
    found = await engine.do(
        "look", source=str(path), demuxer=format_.demuxer, max_pixels=MAX_PIXELS
    )
    return VideoFacts(**found)


async def remux(engine: Engine, source: Path, format_: Format, destination: Path) -> None:
    """Write the same picture and sound into a new MP4 with its index first and nothing else in it.

    Raises:
        JobError, MediaError: as ``look``.
    """
    await engine.do(
        "remux",
        source=str(source),
        demuxer=format_.demuxer,
        destination=str(destination),
    )


async def encode(
    engine: Engine, source: Path, format_: Format, destination: Path, **quality: int
) -> None:
    """Write an upright MP4 of H.264 and AAC in standard colours; ``quality`` is the worker's.

    Raises:
        JobError, MediaError: as ``look``.
    """
    await engine.do(
        "encode",
        long=True,
        source=str(source),
        demuxer=format_.demuxer,
        destination=str(destination),
        scratch=str(destination.parent),
        quality=quality,
    )


def result_error(error: JobError) -> MediaError:
    """Return the error of a provider's result on which a job failed."""
    if error.fault is Fault.EXHAUSTED:
        return MediaError(Code.INTERNAL, reason="exhausted")
    return MediaError(Code.RESULT_BROKEN)
