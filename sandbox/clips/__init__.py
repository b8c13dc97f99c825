"""The videos the stand-in providers hand out: rendered from the prompt, so a person sees it.

Owns the choice of what a clip shows, its cache and the bound on how many are rendered at once.
Knows nothing of HTTP, tasks or money.
"""

import asyncio
import dataclasses
import hashlib
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image

from sandbox.clips import (
    cast,
    footage,
    lettering,
    mood,
    places,
    remake,
    scene,
    strokes,
)
from sandbox.clips.film import Film, Sheet, Source, develop
from sandbox.clips.looks import chain

__all__ = ["ClipRequest", "ClipSource", "Clips", "FixedClips", "frame_size"]

_SHORT_SIDE = {"360p": 360, "720p": 720, "1080p": 1080, "4k": 2160}
_MOST_DRAWN = 1080
_DRAWING = 2
"""Counts up when clips are drawn in another way, so that a cache never gives an older one."""


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """What one clip shows. ``seconds`` is the finished length; for ``extend`` the seconds added.

    ``mode`` is text, image, reference, edit or extend. ``aspect`` counts where there is no source.
    """

    provider: str
    mode: str
    prompt: str
    seconds: int
    aspect: str = "16:9"
    quality: str = "720p"
    images: tuple[Path, ...] = ()
    last_frame: Path | None = None
    source: Path | None = None


class ClipSource(Protocol):
    """Where a stand-in gets its videos."""

    async def render(self, request: ClipRequest) -> Path:
        """The finished file; the caller never changes or removes it."""
        ...

    async def close(self) -> None:
        """Give up what is still being rendered."""
        ...


class FixedClips:
    """Always the same video: for benches, where rendering would be measured instead of Retake.

    ``rendered`` counts how often it was handed out.
    """

    def __init__(self, video: Path | bytes) -> None:
        self.rendered = 0
        self._room: tempfile.TemporaryDirectory[str] | None = None
        if isinstance(video, Path):
            self._path = video
        else:
            self._room = tempfile.TemporaryDirectory(prefix="fixed-clip-")
            self._path = Path(self._room.name, "fixed.mp4")
            self._path.write_bytes(video)

    async def render(self, request: ClipRequest) -> Path:
        """The file."""
        self.rendered += 1
        return self._path

    async def close(self) -> None:
        """Remove what was written for bytes."""
        if self._room is not None:
            self._room.cleanup()


def frame_size(aspect: str, quality: str) -> tuple[int, int]:
    """Width and height in pixels of a quality at 16:9 or 9:16."""
    short = _SHORT_SIDE[quality]
    long = short * 16 // 9
    return (short, long) if aspect == "9:16" else (long, short)


class Clips:
    """Renders clips into a directory, each distinct request once, at most two at a time.

    ``scale="tiny"`` makes them 160 pixels wide and one second long, for tests.
    """

    def __init__(
        self, directory: Path, *, scale: Literal["full", "tiny"] = "full", at_once: int = 2
    ) -> None:
        self._directory = directory
        self._tiny = scale == "tiny"
        self._room = asyncio.Semaphore(at_once)
        self._under_way: dict[str, asyncio.Task[Path]] = {}

    async def render(self, request: ClipRequest) -> Path:
        """The finished file of a request; a second caller waits for the first one's render."""
        key = await asyncio.to_thread(_key, request, tiny=self._tiny)
        path = self._directory / f"{key}.mp4"
        if path.exists():
            return path
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._make(request, path), name=f"clip {key}")
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop what is being rendered and wait until its processes are gone."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, request: ClipRequest, path: Path) -> Path:
        async with self._room:
            self._directory.mkdir(parents=True, exist_ok=True)
            await develop(await self._film(request), path)
        return path

    async def _film(self, request: ClipRequest) -> Film:
        given = None
        size = self._size(frame_size(request.aspect, request.quality))
        seconds = float(request.seconds)
        if request.source is not None:
            given = await asyncio.to_thread(footage.probe, request.source)
            size = self._size(_like(given, request.quality))
            if request.mode == "edit":
                seconds = min(given.seconds, seconds)
        length = round(seconds)
        if self._tiny:
            seconds = min(seconds, 1.0)
        share = min(1.0, _MOST_DRAWN / min(size))
        drawn = (round(size[0] * share) // 2 * 2, round(size[1] * share) // 2 * 2)
        shot = _Shot(request=request, given=given, size=drawn, seconds=seconds, length=length)
        film = await asyncio.to_thread(_drawn, shot)
        return dataclasses.replace(film, size=size, threads=1 if self._tiny else 2)

    def _size(self, size: tuple[int, int]) -> tuple[int, int]:
        if not self._tiny:
            return size
        share = 160 / max(size)
        return round(size[0] * share) // 2 * 2, round(size[1] * share) // 2 * 2


def _key(request: ClipRequest, *, tiny: bool) -> str:
    digest = hashlib.blake2b(digest_size=12)
    files = [*request.images, request.last_frame, request.source]
    for path in files:
        digest.update(path.read_bytes() if path else b"-")
        digest.update(b"|")
    plain = (request.provider, request.mode, request.prompt, request.seconds)
    shape = (request.aspect, request.quality, tiny, _DRAWING)
    digest.update(repr((*plain, *shape)).encode())
    return digest.hexdigest()


def _like(given: footage.Footage, quality: str) -> tuple[int, int]:
    """The source's proportions with the short side of the quality, in even pixels."""
    share = _SHORT_SIDE[quality] / min(given.width, given.height)
    return round(given.width * share) // 2 * 2, round(given.height * share) // 2 * 2


@dataclass(frozen=True, kw_only=True)
class _Shot:
    """One film to be drawn: the size and seconds it is drawn in, and its length as it is shown."""

    request: ClipRequest
    given: footage.Footage | None
    size: tuple[int, int]
    seconds: float
    length: int


def _drawn(shot: _Shot) -> Film:
    """The film of a request: its prompt's scene, its images, or its source changed or continued."""
    request, given = shot.request, shot.given
    if given is not None and request.source is not None:
        source = Source(
            path=request.source, has_sound=given.audio_codec is not None, seconds=given.seconds
        )
        before = scene.unpacked(given.scene)
        draw = _edited if request.mode == "edit" else _continued
        return draw(shot, before, source)
    shown = scene.read(request.prompt)
    if request.images or request.last_frame:
        sheets = remake.photographs(request.images, request.last_frame, shot.size, shot.seconds)
        return _film(shot, [*sheets, *strokes.weather(shown.weather, shot.size)], shown, kept=False)
    return _film(shot, _staged(shown, shot.size), shown, looks=shown.looks)


def _edited(shot: _Shot, before: scene.Scene | None, source: Source) -> Film:
    """The source's own pictures with what is new, or its scene drawn again without what is gone."""
    prompt = shot.request.prompt
    change = scene.changed(before or _strange(prompt), prompt, visibly=True)
    inset = remake.inset(shot.request.images, shot.size)
    if before is not None and change.redrawn:
        sheets = [*_staged(change.scene, shot.size), *inset]
        return _film(shot, sheets, change.scene, looks=change.scene.looks)
    sheets = [
        *_entering(change, shot.size),
        *strokes.weather(mood.weather_of(prompt), shot.size),
        *inset,
    ]
    film = _film(shot, sheets, change.scene, looks=change.looks, kept=before is not None)
    return dataclasses.replace(film, source=source)


def _continued(shot: _Shot, before: scene.Scene | None, source: Source) -> Film:
    """What follows the source: its scene goes on where it was, or its last picture comes alive."""
    prompt, begins = shot.request.prompt, round(source.seconds)
    change = scene.changed(before or _strange(prompt), prompt, since=begins)
    if before is not None:
        sheets = _staged(change.scene, shot.size)
        film = _film(shot, sheets, change.scene, looks=change.scene.looks)
    else:
        last = footage.still(source.path, max(0.0, source.seconds - 0.3))
        sheets = remake.awakened(last, shot.size, shot.seconds)
        sheets += _entering(change, shot.size)
        film = _film(shot, sheets, change.scene, looks=change.looks, kept=False)
        begins = 0
    return dataclasses.replace(film, begins=begins, prologue=source)


def _strange(prompt: str) -> scene.Scene:
    """What is assumed of a video that the stand-ins did not make."""
    return dataclasses.replace(scene.read(prompt), roles=(), looks=(), weather="", title="")


def _stage(shown: scene.Scene, size: tuple[int, int], floor: int = 80) -> cast.Stage:
    return cast.Stage(
        size=size,
        floor=min(size[1] * floor // 100, size[1] - lettering.footer_height(size)),
        water=shown.place == "sea",
        palette=shown.palette,
    )


def _staged(shown: scene.Scene, size: tuple[int, int]) -> list[Sheet]:
    """All sheets of a scene, the farthest first."""
    backdrop = places.backdrop(shown, size)
    return [
        *backdrop.behind,
        *cast.sheets(shown.roles, _stage(shown, size, backdrop.floor)),
        *backdrop.before,
        *strokes.weather(shown.weather, size),
    ]


def _entering(change: scene.Change, size: tuple[int, int]) -> list[Sheet]:
    return cast.sheets(change.scene.roles, _stage(change.scene, size), change.added)


def _film(
    shot: _Shot,
    sheets: list[Sheet],
    shown: scene.Scene,
    *,
    looks: tuple[str, ...] = (),
    kept: bool = True,
) -> Film:
    """A film with its captions. The scene goes into the file if it is ``kept``."""
    request, size, palette = shot.request, shot.size, shown.palette
    version = 1 if shot.given is None else shot.given.version + 1
    words = lettering.Words(
        prompt=request.prompt,
        version=version,
        origin=f"{request.provider} · {_MODES[request.mode]}",
        figures=_figures(request, size, shot.length),
    )
    ink = strokes.mixed(palette.land[2], (0, 0, 0), 0.58)
    footer = lettering.footer(words, size, ink, palette.accent)
    return Film(
        size=size,
        drawn=size,
        seconds=shot.seconds,
        sheets=sheets,
        captions=[
            Sheet(image=lettering.header(words, size, ink, palette.accent)),
            Sheet(image=footer, y=str(size[1] - footer.height)),
            _progress(size, shot.seconds, palette.accent),
        ],
        looks=chain(looks, min(size)),
        chord=mood.chord_of(shown.seed),
        sound=places.sound(shown),
        comment=f"retake v{version} {scene.packed(shown) if kept else ''}".rstrip(),
    )


_MODES = {
    "text": "text to video",
    "image": "image to video",
    "reference": "references to video",
    "edit": "edit",
    "extend": "extension",
}


def _figures(request: ClipRequest, size: tuple[int, int], length: int) -> str:
    shape = size[0] / size[1]
    aspect = next(
        (name for name, value in (("16:9", 16 / 9), ("9:16", 9 / 16)) if abs(shape - value) < 0.02),
        f"{size[0]}×{size[1]}",
    )
    plus = "+" if request.mode == "extend" else ""
    return f"{aspect} · {plus}{length} s · {request.quality}"


def _progress(size: tuple[int, int], seconds: float, accent: mood.Colour) -> Sheet:
    """A thin line on the footer's upper edge that grows with the time."""
    high = max(2, math.ceil(min(size) / 180) // 2 * 2)
    line = Image.new("RGBA", (size[0], high), (*accent, 255))
    y = size[1] - lettering.footer_height(size) - high
    return Sheet(image=line, x=f"-w+w*t/{seconds:.3f}", y=str(y))
