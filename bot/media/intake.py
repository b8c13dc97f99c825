"""Checking an attached file, and rewriting it into what the providers accept.

Owns what is allowed and the refusals, each with the file's name and what is allowed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from bot.domain.errors import Code, MediaError, Refused
from bot.domain.media import MediaKind
from bot.media.engine import Engine
from bot.media.fit import fit_video
from bot.media.jobs import Fault, JobError, PictureLimits
from bot.media.probe import MAX_PIXELS, VideoFacts, encode, look, remux
from bot.media.sniff import Format, sniff_file

log = structlog.get_logger(__name__)

_ALLOWED = {
    MediaKind.IMAGE: ["PNG", "JPEG", "WebP", "GIF", "HEIC", "AVIF"],
    MediaKind.VIDEO: ["MP4", "MOV", "WebM", "MKV"],
}
_CODES = {
    Fault.DAMAGED: Code.MEDIA_BROKEN,
    Fault.NO_PICTURE: Code.MEDIA_NO_PICTURE,
    Fault.CODEC: Code.MEDIA_CODEC,
    Fault.TOO_SMALL: Code.MEDIA_TOO_SMALL,
    Fault.EXHAUSTED: Code.MEDIA_TIMEOUT,
}


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What is accepted: bytes, pixels of a video's frame and side, and seconds.

    ``least_video_seconds`` is 1 by the providers' pages.
    """

    upload_bytes: int = 50 * 1024 * 1024
    picture: PictureLimits = field(default_factory=PictureLimits)
    pixels: int = MAX_PIXELS
    side: int = 16_384
    video_seconds: int = 30
    least_video_seconds: int = 1


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A checked and rewritten file in the scratch folder. See ``StoredMedia``."""

    path: Path
    format: Format
    width: int
    height: int
    duration_ms: int = 0
    first_picture_only: bool = False


async def check_in(
    engine: Engine,
    source: Path,
    scratch: Path,
    *,
    name: str,
    kinds: Sequence[MediaKind],
    caps: Caps,
) -> Accepted:
    """Check the file at ``source`` and write the file to keep into ``scratch``.

    Raises:
        Refused: MEDIA_TYPE (``allowed``), MEDIA_TOO_LARGE (``size``, ``limit``), MEDIA_DIMENSIONS
            (``width``, ``height``, ``limit`` pixels), MEDIA_DURATION (``seconds``, ``limit``),
            MEDIA_TOO_SHORT (``least`` seconds), MEDIA_TOO_SMALL, MEDIA_NO_PICTURE, MEDIA_CODEC
            (``codec``), MEDIA_TIMEOUT, MEDIA_BROKEN; each with ``name``.
        MediaError: INTERNAL, the disk is full or the worker does not start.
    """
    format_ = await asyncio.to_thread(sniff_file, source)
    if format_ is None or format_.kind not in kinds:
        allowed = [word for kind in kinds for word in _ALLOWED[kind]]
        raise Refused(Code.MEDIA_TYPE, name=name, allowed=allowed)
    try:
        if format_.kind is MediaKind.VIDEO:
            return await _check_video(engine, source, scratch, format_, name=name, caps=caps)
        return await _check_image(engine, source, scratch, format_, caps=caps.picture)
    except JobError as error:
        log.info("file_refused", fault=error.fault, detail=error.detail)
        if error.fault is Fault.DIMENSIONS:
            limit = caps.pixels if format_.kind is MediaKind.VIDEO else caps.picture.pixels
            raise Refused(Code.MEDIA_DIMENSIONS, name=name, limit=limit, **error.facts) from error
        raise Refused(_CODES[error.fault], name=name, **error.facts) from error


async def _check_image(
    engine: Engine, source: Path, scratch: Path, format_: Format, *, caps: PictureLimits
) -> Accepted:
    made = await engine.do(
        "picture",
        source=str(source),
        format_=format_.value,
        scratch=str(scratch),
        limits=asdict(caps),
    )
    return Accepted(
        path=Path(made["path"]),
        format=Format(made["format"]),
        width=made["width"],
        height=made["height"],
        first_picture_only=made["animated"],
    )


async def _check_video(
    engine: Engine, source: Path, scratch: Path, format_: Format, *, name: str, caps: Caps
) -> Accepted:
    facts = await look(engine, source, format_)
    _check_facts(facts, name=name, caps=caps)
    if facts.unread_sound is not None:
        raise JobError(Fault.CODEC, codec=facts.unread_sound)
    made = scratch / "video.mp4"
    if not facts.plain or not await _same_packets(engine, source, format_, made):
        await encode(engine, source, format_, made, seconds=caps.video_seconds + 1)
    # The durations in a source's header may be wrong; those of a file just written are not.
    result = await look(engine, made, Format.MP4)
    _check_facts(result, name=name, caps=caps)
    size = made.stat().st_size
    if size > caps.upload_bytes:
        made = await _fitted(engine, made, scratch, size=size, name=name, caps=caps)
        result = await look(engine, made, Format.MP4)
    return Accepted(
        path=made,
        format=Format.MP4,
        width=result.width,
        height=result.height,
        duration_ms=result.duration_ms,
    )


async def _same_packets(engine: Engine, source: Path, format_: Format, made: Path) -> bool:
    """Copy the packets; return True if the copy plays and hides nothing."""
    try:
        await remux(engine, source, format_, made)
        return (await look(engine, made, Format.MP4)).plain
    except JobError as error:
        log.info("file_not_copied", fault=error.fault, detail=error.detail)
        return False


async def _fitted(
    engine: Engine, made: Path, scratch: Path, *, size: int, name: str, caps: Caps
) -> Path:
    """Reduce a video that grew above the limit when it was converted."""
    try:
        fitted, _ = await fit_video(engine, made, scratch, size=size, max_bytes=caps.upload_bytes)
    except MediaError as error:
        if error.code is Code.POST_TOO_LARGE:
            raise Refused(
                Code.MEDIA_TOO_LARGE, name=name, size=size, limit=caps.upload_bytes
            ) from error
        raise
    return fitted


def _check_facts(facts: VideoFacts, *, name: str, caps: Caps) -> None:
    width, height = facts.width, facts.height
    if width * height > caps.pixels or max(width, height) > caps.side:
        raise Refused(
            Code.MEDIA_DIMENSIONS, name=name, width=width, height=height, limit=caps.pixels
        )
    # A tolerance of a few frames: a video of a second is often a little shorter.
    if facts.duration_ms < caps.least_video_seconds * 1000 - 100:
        raise Refused(Code.MEDIA_TOO_SHORT, name=name, least=caps.least_video_seconds)
    # A tolerance of half a second: editors keep the sound of the last frame.
    if facts.duration_ms > caps.video_seconds * 1000 + 500:
        raise Refused(
            Code.MEDIA_DURATION,
            name=name,
            seconds=-(-facts.duration_ms // 1000),
            limit=caps.video_seconds,
        )
