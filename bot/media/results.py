"""Checking a provider's result, and making it playable if it is not."""

import asyncio
from pathlib import Path

import structlog

from bot.domain.errors import Code, MediaError
from bot.domain.media import MediaKind
from bot.media.engine import Engine
from bot.media.jobs import JobError
from bot.media.probe import VideoFacts, encode, look, remux, result_error
from bot.media.sniff import Format, sniff_file

log = structlog.get_logger(__name__)

_MAX_SECONDS = 120


async def check_result(engine: Engine, source: Path, scratch: Path) -> tuple[Path, VideoFacts]:
    """Return a file that every player plays at once, and the facts of the result.

    The file is the result itself if possible, else a new one in ``scratch``.

    Raises:
        MediaError: RESULT_BROKEN, or INTERNAL if it takes more than a job may use.
    """
    format_ = await asyncio.to_thread(sniff_file, source)
    if format_ is None or format_.kind is not MediaKind.VIDEO:
        raise MediaError(Code.RESULT_BROKEN)
    try:
        facts = await look(engine, source, format_)
        return await _playable(engine, source, format_, facts, scratch / "video.mp4"), facts
    except JobError as error:
        log.warning("result_unreadable", fault=error.fault, detail=error.detail)
        raise result_error(error) from error


async def _playable(
    engine: Engine, source: Path, format_: Format, facts: VideoFacts, made: Path
) -> Path:
    if not facts.plays_inline:
        await encode(engine, source, format_, made, seconds=_MAX_SECONDS)
        return made
    if facts.streamable and not facts.surplus:
        return source
    try:
        await remux(engine, source, format_, made)
        await look(engine, made, Format.MP4)
    except JobError as error:
        log.warning("result_not_rewritten", fault=error.fault, detail=error.detail)
        if format_ is Format.MP4:
            return source  # It plays, but only after the whole download.
        await encode(engine, source, format_, made, seconds=_MAX_SECONDS)
    return made
