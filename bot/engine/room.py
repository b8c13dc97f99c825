"""Whether our own disk takes what people attach and what is made for them.

Owns that nothing new is begun, and so nothing paid for, while our disk is known to be full or not
writable. It costs nothing while all is well: the disk is looked at only after it refused something.
"""

import asyncio

from bot.domain.errors import Code, MediaError, Refused, RetakeError
from bot.domain.ports.media import MediaStore
from bot.domain.ports.messenger import Messenger

DISK_REASONS = frozenset({"disk", "disk_full"})
"""The facts ``reason`` of an error of our own disk."""


class Room:
    """The state of our disk, as far as this process knows it."""

    def __init__(self, *, media: MediaStore, messenger: Messenger) -> None:
        self._media = media
        self._messenger = messenger
        self._refused = False
        self._looking = asyncio.Lock()

    async def note(self, error: RetakeError) -> bool:
        """Return whether an error is the fault of our own disk; if so, tell the owner."""
        if not isinstance(error, MediaError) or error.facts.get("reason") not in DISK_REASONS:
            return False
        self._refused = True
        await self._messenger.alert_owner(Code.DISK, dict(error.facts))
        return True

    async def check(self) -> None:
        """Let new requests pass unless the disk refused something and still takes nothing.

        Raises:
            Refused: NO_ROOM.
        """
        if not self._refused:
            return
        # One look at a time: each writes, and two together may find no room for both.
        async with self._looking:
            if self._refused and not await self._media.can_keep():
                raise Refused(Code.NO_ROOM)
            self._refused = False
