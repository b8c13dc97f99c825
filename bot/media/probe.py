"""What is inside a video, as the worker found it, and the few jobs that are done on videos."""

from dataclasses import dataclass
from pathlib import Path

from bot.media.engine import Engine
from bot.media.sniff import Format

MAX_PIXELS = 40_000_000
"""No frame of a video larger than this is decoded."""


@dataclass(frozen=True, kw_only=True)
class VideoFacts:
    """A video that can be played to its end: pixels as shown, length in milliseconds, codec names.

    ``turned`` is true if it is stored otherwise than it is shown, ``square`` if its pixels are
    square, ``hdr`` if its colours are for HDR screens. ``hidden_frames`` and ``hidden_sound`` are
    packets that an edit list hides. ``unread_sound`` is the codec of a sound that cannot be read.
    ``streamable``, ``surplus`` and ``credentials`` are of MP4s: the index comes first and there are
    no fragments, bytes follow the last box, content credentials (C2PA) are in it.
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
        """Whether every player that people have shows it."""
        return (
            self.video_codec == "h264"
            and self.pixel_format in {"yuv420p", "yuvj420p"}
            and self.audio_codec in {None, "aac", "mp3"}
        )

    @property
    def plain(self) -> bool:
        """Whether its packets can be kept: nothing is hidden, turned, stretched or for HDR."""
        hides = self.hidden_frames or self.hidden_sound
        return self.plays_inline and self.square and not (hides or self.turned or self.hdr)


async def look(engine: Engine, path: Path, format_: Format) -> VideoFacts:
    """Open a video, read all its packets, decode its key frames.

    Raises:
        JobError: NO_PICTURE, CODEC (``codec``), DIMENSIONS (``width``, ``height``), DAMAGED,
            EXHAUSTED.
        MediaError: INTERNAL when the worker does not start.
    """
    found = await engine.do(
        "look", source=str(path), demuxer=format_.demuxer, max_pixels=MAX_PIXELS
    )
    return VideoFacts(**found)


async def remux(engine: Engine, source: Path, format_: Format, destination: Path) -> None:
    """Write the same picture and sound into a fresh MP4, its index in front, nothing else inside.

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
    """Write an MP4 of H.264 and AAC, upright, in ordinary colours; ``quality`` is the worker's.

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
