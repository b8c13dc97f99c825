"""Fetches what a request points to and checks that it is what the model takes.

Owns the download (http and https alone, a size cap, a time limit, few redirects) and the check by
content. Loopback addresses are allowed: everything in the sandbox lives there.
"""

import asyncio
import hashlib
import io
import secrets
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from PIL import Image

from sandbox.clips import footage
from sandbox.providers.rules import Media, Mode
from sandbox.providers.submission import Refused, Submission, decoded

OWN_FETCH = "X-Sandbox-Fetch"
"""The header of a stand-in's own downloads: faults are meant for others' calls."""

_MOST_IMAGE_BYTES = 20 * 1024 * 1024
_MOST_VIDEO_BYTES = 100 * 1024 * 1024
_MOST_PIXELS = 50_000_000
_SECONDS = 15
_REDIRECTS = 3
_LENIENCE = 0.25
"""Seconds a video may be longer than the limit: containers round to whole frames and packets."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A request's media as checked local files; ``portrait`` tells of the first image's shape."""

    images: tuple[Path, ...] = ()
    last_frame: Path | None = None
    source: Path | None = None
    source_seconds: float = 0
    portrait: bool = False


class Fetcher:
    """Downloads into a directory; one HTTP session, opened when first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def gather(self, submission: Submission) -> Given:
        """Everything the submission gives, fetched at once and checked."""
        model = submission.model
        first = submission.images
        if submission.first_frame is not None:
            first = (submission.first_frame, *first)
        last = (submission.last_frame,) if submission.last_frame is not None else ()
        parameter = "first_frame_image" if submission.first_frame else "image_urls"
        images = await asyncio.gather(
            *(self._image(given, model.images, parameter) for given in first),
            *(self._image(given, model.images, "last_frame_image") for given in last),
        )
        videos = await asyncio.gather(
            *(self._video(given, model.videos) for given in submission.videos)
        )
        last_frame = images[len(first)][0] if last else None
        shown = [path for path, _ in images[: len(first)]]
        portrait = bool(images) and images[0][1][0] < images[0][1][1]
        if submission.mode is Mode.REFERENCE:
            shown += [await self._still(path) for path, _ in videos]
            return Given(images=tuple(shown), last_frame=last_frame, portrait=portrait)
        source, seconds = videos[0] if videos else (None, 0.0)
        return Given(
            images=tuple(shown),
            last_frame=last_frame,
            source=source,
            source_seconds=seconds,
            portrait=portrait,
        )

    async def bytes_of(self, url: str, most: int, parameter: str) -> bytes:
        """Download a URL of at most ``most`` bytes."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            headers = {OWN_FETCH: "1"}
            self._session = aiohttp.ClientSession(timeout=timeout, headers=headers)
        try:
            async with self._session.get(url, max_redirects=_REDIRECTS) as response:
                if response.status != 200:
                    raise Refused(
                        f"{parameter}: the URL answered {response.status}", param=parameter
                    )
                body = bytearray()
                async for piece in response.content.iter_chunked(1 << 16):
                    body += piece
                    if len(body) > most:
                        raise Refused(f"{parameter}: larger than {most} bytes", param=parameter)
                return bytes(body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = type(error).__name__
            raise Refused(
                f"{parameter}: could not be fetched ({reason})", param=parameter
            ) from error

    async def _bytes(self, given: str, most: int, parameter: str) -> bytes:
        if given.startswith(("http://", "https://")):
            return await self.bytes_of(given, most, parameter)
        body = decoded(given, parameter)
        if len(body) > most:
            raise Refused(f"{parameter}: larger than {most} bytes", param=parameter)
        return body

    async def _image(
        self, given: str, rule: Media | None, parameter: str
    ) -> tuple[Path, tuple[int, int]]:
        body = await self._bytes(given, _MOST_IMAGE_BYTES, parameter)
        formats = rule.formats if rule else frozenset[str]()
        size = await asyncio.to_thread(_picture_size, body, formats, parameter)
        return await self._kept(body, "image"), size

    async def _video(self, given: str, rule: Media | None) -> tuple[Path, float]:
        parameter = "video_urls"
        body = await self._bytes(given, _MOST_VIDEO_BYTES, parameter)
        if body[4:8] != b"ftyp":
            raise Refused("video_urls: not an mp4 file", param=parameter)
        if not _whole_boxes(body):
            raise Refused("video_urls: the mp4 file is cut off", param=parameter)
        path = await self._kept(body, "mp4")
        try:
            film = await asyncio.to_thread(footage.probe, path)
        except footage.FilmError as error:
            raise Refused("video_urls: not a readable mp4 file", param=parameter) from error
        if not await asyncio.to_thread(footage.decodes, path):
            raise Refused("video_urls: the mp4 file is damaged", param=parameter)
        if rule is not None and film.seconds > rule.longest + _LENIENCE:
            raise Refused(
                f"video_urls: {film.seconds:.1f} s, at most {rule.longest:g} s", param=parameter
            )
        if rule is not None and film.seconds < rule.shortest - _LENIENCE:
            raise Refused(
                f"video_urls: {film.seconds:.1f} s, at least {rule.shortest:g} s",
                param=parameter,
            )
        return path, film.seconds

    async def _still(self, video: Path) -> Path:
        picture = await asyncio.to_thread(footage.still, video)
        body = io.BytesIO()
        await asyncio.to_thread(picture.save, body, "PNG")
        return await self._kept(body.getvalue(), "png")

    async def _kept(self, body: bytes, suffix: str) -> Path:
        name = hashlib.sha256(body).hexdigest()[:32]
        return await asyncio.to_thread(self._write, body, f"{name}.{suffix}")

    def _write(self, body: bytes, name: str) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / name
        if not path.exists():
            # The same file may be given twice at once: what has its name is always whole.
            part = self._directory / f"{secrets.token_hex(8)}.part"
            part.write_bytes(body)
            part.replace(path)
        return path


def _picture_size(body: bytes, formats: frozenset[str], parameter: str) -> tuple[int, int]:
    """Decode the whole image: a file that only begins like one is refused."""
    try:
        with Image.open(io.BytesIO(body)) as image:
            if image.format not in formats:
                takes = ", ".join(sorted(formats))
                raise Refused(f"{parameter}: {image.format}, takes {takes}", param=parameter)
            if image.width * image.height > _MOST_PIXELS:
                raise Refused(f"{parameter}: too many pixels", param=parameter)
            image.load()
            return image.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refused(f"{parameter}: not a readable image", param=parameter) from error


def _whole_boxes(body: bytes) -> bool:
    """Whether the file ends where its last box ends; a decoder may not notice a cut at a frame."""
    place = 0
    while place + 8 <= len(body):
        size = int.from_bytes(body[place : place + 4])
        if size == 1:
            size = int.from_bytes(body[place + 8 : place + 16])
        if size == 0:
            return True
        if size < 8:
            return False
        place += size
    return place == len(body)
