"""Files that were uploaded to a provider.

Owns what a hosted file is, and a cache of links, so that a file is uploaded once. The cache is for
a provider whose uploads cannot be deleted, and it is lost at a restart.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.media import StoredMedia
from bot.domain.ports.clock import Clock

_LASTS = timedelta(hours=72)
_MARGIN = timedelta(hours=24)
_MAX_LINKS = 512


@dataclass(frozen=True, kw_only=True)
class HostedFile:
    """A file at ``url``. ``file_id`` is needed to delete it ("": it cannot be deleted)."""

    url: str
    file_id: str = ""


class VideoHost(Protocol):
    """A provider that hosts videos for all providers."""

    async def host_video(self, media: StoredMedia) -> HostedFile:
        """Upload a video."""
        ...

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete hosted files by their ids."""
        ...


class Uploads:
    """Links by SHA-256. A link is returned only while it lasts for at least another day."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._links: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def url_of(self, sha256: str) -> str | None:
        """Return the link of a file that was uploaded before, or None."""
        url, expires_at = self._links.get(sha256, ("", None))
        if expires_at is None or self._clock.now() + _MARGIN > expires_at:
            return None
        return url

    def remember(self, sha256: str, url: str) -> None:
        """Remember the link of a file that was uploaded now."""
        self._links[sha256] = (url, self._clock.now() + _LASTS)
        self._links.move_to_end(sha256)
        while len(self._links) > _MAX_LINKS:
            self._links.popitem(last=False)

    def forget(self, urls: Iterable[str]) -> None:
        """Do not return these links again."""
        dead = set(urls)
        for sha256 in [key for key, (url, _) in self._links.items() if url in dead]:
            del self._links[sha256]
