"""What Discord or a server refuses apart from permissions: words, uploads, writing too fast.

Owns AutoMod's blocked words, limited uploads, slow writing, messages that lose their files, and how
fast an upload is read. Must not know about HTTP or how a message is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord.rules.components import walk
from sandbox.discord.rules.errors import DiscordError, rate_limited

Json = dict[str, Any]
CHUNK = 16 * 1024
WRITE_LIMITS = {
    20016: "This action cannot be performed due to slowmode rate limit.",
    20022: "This message cannot be edited due to announcement rate limits",
    20028: "The write action you are performing on the channel has hit the write rate limit",
    20029: "The write action you are performing on the server has hit the write rate limit",
}


@dataclass(kw_only=True)
class Restrictions:
    """Nothing is restricted by default. Servers and channels are named by id."""

    clock: Callable[[], float]
    blocked_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    uploads_limited: set[str] = field(default_factory=set)
    losing_files: int = 0
    upload_rate: float | None = None
    _slow: dict[str, tuple[float, int]] = field(default_factory=dict)

    def slow(self, channel_id: str, *, seconds: float, code: int = 20028) -> None:
        """From now on nobody may write there, for so many seconds."""
        if code not in WRITE_LIMITS:
            raise ValueError(f"{code} is no limit of writing")
        self._slow[channel_id] = (self.clock() + seconds, code)

    def check_write(self, channel_id: str, guild_id: str | None, *, files: bool) -> None:
        """Refuse a message that comes too soon, or has files where they are limited."""
        until, code = self._slow.get(channel_id, (0.0, 0))
        if (left := until - self.clock()) > 0:
            error = rate_limited(left, code=code)
            error.body["message"] = WRITE_LIMITS[code]
            raise error
        self.check_uploads(guild_id, files=files)

    def check_uploads(self, guild_id: str | None, *, files: bool) -> None:
        """Refuse files where they are limited."""
        if files and guild_id in self.uploads_limited:
            raise DiscordError(400, 400001, "File uploads are temporarily limited in this server.")

    def check_words(
        self, guild_id: str | None, texts: Iterable[str | None], *, title: bool = False
    ) -> None:
        """AutoMod: refuse words that the server blocks."""
        blocked = self.blocked_words.get(guild_id or "", ())
        for text in texts:
            if text and any(word.lower() in text.lower() for word in blocked):
                if title:
                    raise DiscordError(400, 200001, "Title was blocked by automatic moderation")
                raise DiscordError(400, 200000, "Message was blocked by automatic moderation")

    def loses_files(self) -> bool:
        """Whether the next message comes about without its files."""
        if self.losing_files <= 0:
            return False
        self.losing_files -= 1
        return True

    async def read(self, size: int) -> None:
        """Take as long as the line needs for so many bytes."""
        if self.upload_rate is not None:
            await asyncio.sleep(size / self.upload_rate)


def words_of(content: str | None, components: list[Json] | None) -> list[str | None]:
    """All words of a message that AutoMod reads."""
    found = [content]
    found += [item.get("content") or item.get("label") for item in walk(components or [])]
    return found
