"""Which of our files a provider already holds, so that one file is handed over once.

Owns a small memory of links by content, forgotten at a restart, for a provider whose uploads cannot
be deleted; and what it is to host a file for a request.
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
_MOST = 512


@dataclass(frozen=True, kw_only=True)
class HostedFile:
    """A file that a provider fetches at ``url``; ``file_id`` deletes it ("": it cannot be)."""

    url: str
    file_id: str = ""


class VideoHost(Protocol):
    """Puts a video where any provider can fetch it, and takes it away again."""

    async def host_video(self, media: StoredMedia) -> HostedFile:
        """Upload a video."""
        ...

    async def release(self, uploads: Sequence[str]) -> None:
        """Delete hosted files by their ids."""
        ...


class Uploads:
    """Links by SHA-256. A link is offered again only while a whole day of its life is left."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._links: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def url_of(self, sha256: str) -> str | None:
        """The link of a file handed over before, or None."""
        url, expires_at = self._links.get(sha256, ("", None))
        if expires_at is None or self._clock.now() + _MARGIN > expires_at:
            return None
        return url

    def remember(self, sha256: str, url: str, expires_at: datetime | None) -> None:
        """Keep a link; without a told expiry the documented 72 hours are taken."""
        self._links[sha256] = (url, expires_at or self._clock.now() + _LASTS)
        self._links.move_to_end(sha256)
        while len(self._links) > _MOST:
            self._links.popitem(last=False)

    def forget(self, urls: Iterable[str]) -> None:
        """Do not offer these links again."""
        dead = set(urls)
        for sha256 in [key for key, (url, _) in self._links.items() if url in dead]:
            del self._links[sha256]
