"""The best copy of a video that fits a size limit.

The steps are the same streams in a new container, the same resolution at a lower bit rate, and
smaller previews.
"""

from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.domain.errors import Code, MediaError
from bot.domain.media import FitStep
from bot.media.engine import Engine
from bot.media.jobs import JobError
from bot.media.probe import VideoFacts, encode, look, remux, result_error
from bot.media.sniff import Format

log = structlog.get_logger(__name__)

_CONTAINER = 12 * 1024
"""Bytes reserved for an MP4's index."""

_BITS_PER_PIXEL = 0.02
"""Below this, a smaller picture looks better."""

_LEAST_VIDEO = 24_000
"""Bits per second of picture below which even the smallest preview is unusable."""

PREVIEWS = (480, 360)
"""The short sides of the previews, in pixels."""


@dataclass(frozen=True, kw_only=True)
class _Rates:
    """Bits per second. ``audio`` is 0 if there is no sound."""

    video: int
    audio: int


async def fit_video(
    engine: Engine, source: Path, scratch: Path, *, size: int, max_bytes: int
) -> tuple[Path, FitStep]:
    """Make a copy of ``source`` (an MP4 of ``size`` bytes) of at most ``max_bytes`` in ``scratch``.

    Raises:
        MediaError: POST_TOO_LARGE if no step fits, RESULT_BROKEN if the source is not a video,
            INTERNAL with ``reason`` ``exhausted`` if it takes more than a job may use.
    """
    try:
        return await _fit(engine, source, scratch, size=size, max_bytes=max_bytes)
    except JobError as error:
        log.warning("fit_failed", fault=error.fault, detail=error.detail)
        raise result_error(error) from error


async def _fit(
    engine: Engine, source: Path, scratch: Path, *, size: int, max_bytes: int
) -> tuple[Path, FitStep]:
    remuxed = scratch / "remuxed.mp4"
    await remux(engine, source, Format.MP4, remuxed)
    if _fits(remuxed, max_bytes):
        return remuxed, FitStep.REMUXED
    remuxed.unlink(missing_ok=True)
    facts = await look(engine, source, Format.MP4)
    rates = _budget(facts, max_bytes)
    sizes = _sizes(facts)
    for number, (width, height) in enumerate(sizes):
        last = number == len(sizes) - 1
        floor = 0 if last else width * height * facts.frames_per_second * _BITS_PER_PIXEL
        if rates.video < max(floor, _LEAST_VIDEO):
            continue
        made = await _encode(engine, source, scratch, (width, height), rates, max_bytes)
        if made:
            return made, FitStep.PREVIEW if number else FitStep.REENCODED
    raise MediaError(Code.POST_TOO_LARGE, size=size, limit=max_bytes)


def _fits(path: Path, max_bytes: int) -> bool:
    return path.stat().st_size <= max_bytes


def _budget(facts: VideoFacts, max_bytes: int) -> _Rates:
    total = int((max_bytes * 0.97 - _CONTAINER) * 8 * 1000 / facts.duration_ms)
    if facts.audio_codec is None:
        return _Rates(video=total, audio=0)
    audio = 128_000 if total > 1_000_000 else 64_000 if total > 300_000 else 32_000
    return _Rates(video=total - audio, audio=audio)


def _sizes(facts: VideoFacts) -> list[tuple[int, int]]:
    """Return the sizes to try, in even pixels: the video's own, then the smaller previews."""
    sizes = [(facts.width // 2 * 2, facts.height // 2 * 2)]
    shortest = min(facts.width, facts.height)
    for short_side in PREVIEWS:
        if short_side < shortest:
            factor = short_side / shortest
            sizes.append(
                (round(facts.width * factor / 2) * 2, round(facts.height * factor / 2) * 2)
            )
    return sizes


async def _encode(
    engine: Engine,
    source: Path,
    scratch: Path,
    size: tuple[int, int],
    rates: _Rates,
    max_bytes: int,
) -> Path | None:
    """Encode at the bit rate, and again at a lower one if the file is too large. None: no fit."""
    width, height = size
    made = scratch / f"{width}x{height}.mp4"
    video = rates.video
    for _ in range(2):
        await encode(
            engine,
            source,
            Format.MP4,
            made,
            width=width,
            height=height,
            video_bps=video,
            audio_bps=rates.audio,
        )
        if _fits(made, max_bytes):
            return made
        video = int(video * max_bytes / made.stat().st_size * 0.93)
        if video < _LEAST_VIDEO:
            return None
    return None
