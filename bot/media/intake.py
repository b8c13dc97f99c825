"""Checking a file that a person attached, and rewriting it into what the gateways take.

Owns what is allowed in and the order of the checks: from the cheapest to the first decoding. Every
refusal carries the file's name and what is allowed. Works in a scratch folder; keeps nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import Code, Refused
from bot.domain.media import MediaKind
from bot.media import conversion
from bot.media.ffmpeg import MAX_PIXELS, Ffmpeg
from bot.media.probe import Probe, probe
from bot.media.sniff import Format, Sniffed, sniff_file
from bot.media.strip import MalformedError, Stripped, strip_jpeg, strip_png

_ALLOWED = {
    MediaKind.IMAGE: ["PNG", "JPEG", "WebP", "GIF"],
    MediaKind.VIDEO: ["MP4", "MOV", "WebM", "MKV"],
}
_STRIP = {Format.JPEG: strip_jpeg, Format.PNG: strip_png}


@dataclass(frozen=True, kw_only=True)
class Caps:
    """The most that is taken in: bytes, pixels of a frame, pixels of a side, seconds."""

    upload_bytes: int = 50 * 1024 * 1024
    image_bytes: int = 20 * 1000 * 1000
    pixels: int = MAX_PIXELS
    side: int = 16_384
    video_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A checked and rewritten file in the scratch folder; the length in milliseconds."""

    path: Path
    format: Format
    width: int
    height: int
    duration_ms: int = 0


async def check_in(
    ffmpeg: Ffmpeg,
    source: Path,
    scratch: Path,
    *,
    name: str,
    kinds: Sequence[MediaKind],
    caps: Caps,
) -> Accepted:
    """Check the file at ``source`` and write what is kept of it into ``scratch``.

    Raises:
        Refused: MEDIA_TYPE (``allowed``), MEDIA_TOO_LARGE (``size``, ``limit``), MEDIA_DIMENSIONS
            (``width``, ``height``, ``limit`` pixels), MEDIA_DURATION (``seconds``, ``limit``),
            MEDIA_BROKEN; each with ``name``.
        MediaError: INTERNAL when the disk is full or ffmpeg is missing.
    """
    found = await asyncio.to_thread(sniff_file, source)
    if found is None or found.format.kind not in kinds:
        allowed = [word for kind in kinds for word in _ALLOWED[kind]]
        raise Refused(Code.MEDIA_TYPE, name=name, allowed=allowed)
    if found.format.kind is MediaKind.VIDEO:
        return await _check_video(ffmpeg, source, scratch, found.format, name=name, caps=caps)
    return await _check_image(ffmpeg, source, scratch, found, name=name, caps=caps)


def _check_size(width: int, height: int, *, name: str, caps: Caps) -> None:
    if not width or not height:
        raise Refused(Code.MEDIA_BROKEN, name=name)
    if width * height > caps.pixels or max(width, height) > caps.side:
        raise Refused(
            Code.MEDIA_DIMENSIONS, name=name, width=width, height=height, limit=caps.pixels
        )


async def _check_image(
    ffmpeg: Ffmpeg, source: Path, scratch: Path, found: Sniffed, *, name: str, caps: Caps
) -> Accepted:
    _check_size(found.width, found.height, name=name, caps=caps)
    format_, orientation = found.format, 1
    kept = scratch / f"picture.{format_.value}"
    if format_ in _STRIP:
        try:
            stripped = await asyncio.to_thread(_strip, source, kept, format_)
        except MalformedError:
            raise Refused(Code.MEDIA_BROKEN, name=name) from None
        orientation = stripped.orientation
        if not await conversion.decodes(ffmpeg, kept, format_):
            raise Refused(Code.MEDIA_BROKEN, name=name)
    else:
        kept = source
    if format_ not in _STRIP or orientation != 1:
        # What is lost in a JPEG turned upright would be seen less than a picture lying down.
        target = Format.JPEG if format_ is Format.JPEG else Format.PNG
        made = scratch / f"upright.{target.value}"
        if not await conversion.to_picture(ffmpeg, kept, format_, made, orientation=orientation):
            raise Refused(Code.MEDIA_BROKEN, name=name)
        kept, format_ = made, target
    if kept.stat().st_size > caps.image_bytes:
        made = scratch / "smaller.jpg"
        if not await conversion.to_picture(ffmpeg, kept, format_, made):
            raise Refused(Code.MEDIA_BROKEN, name=name)
        kept, format_ = made, Format.JPEG
    size = kept.stat().st_size
    if size > caps.image_bytes:
        raise Refused(Code.MEDIA_TOO_LARGE, name=name, size=size, limit=caps.image_bytes)
    final = await asyncio.to_thread(sniff_file, kept)
    if final is None or final.format is not format_:
        raise Refused(Code.MEDIA_BROKEN, name=name)
    return Accepted(path=kept, format=format_, width=final.width, height=final.height)


def _strip(source: Path, destination: Path, format_: Format) -> Stripped:
    stripped = _STRIP[format_](source.read_bytes())
    destination.write_bytes(stripped.data)
    return stripped


async def _check_video(
    ffmpeg: Ffmpeg, source: Path, scratch: Path, format_: Format, *, name: str, caps: Caps
) -> Accepted:
    facts = await probe(ffmpeg, source, format_)
    _check_facts(facts, name=name, caps=caps)
    made = scratch / "video.mp4"
    done = False
    if facts and facts.plays_inline and not facts.turned:
        done = await conversion.remux(ffmpeg, source, format_, made)
    if not done:
        done = await conversion.to_mp4(
            ffmpeg, source, format_, made, seconds=caps.video_seconds + 1
        )
    # The lengths in a header may lie; those of a file just written do not.
    result = await probe(ffmpeg, made, Format.MP4) if done else None
    _check_facts(result, name=name, caps=caps)
    assert result is not None  # noqa: S101 - refused just above
    size = made.stat().st_size
    if size > caps.upload_bytes:
        raise Refused(Code.MEDIA_TOO_LARGE, name=name, size=size, limit=caps.upload_bytes)
    return Accepted(
        path=made,
        format=Format.MP4,
        width=result.width,
        height=result.height,
        duration_ms=result.duration_ms,
    )


def _check_facts(facts: Probe | None, *, name: str, caps: Caps) -> None:
    if facts is None:
        raise Refused(Code.MEDIA_BROKEN, name=name)
    _check_size(facts.width, facts.height, name=name, caps=caps)
    # Half a second of grace: cutting tools keep the sound of the last frame.
    if facts.duration_ms > caps.video_seconds * 1000 + 500:
        raise Refused(
            Code.MEDIA_DURATION,
            name=name,
            seconds=-(-facts.duration_ms // 1000),
            limit=caps.video_seconds,
        )
