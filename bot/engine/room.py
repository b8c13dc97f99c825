"""Whether the disk has room for attachments and results.

This module refuses new requests, which would cost money, while the disk is known to be full or not
writable. The disk is only checked after a write has failed.
"""

import asyncio

from bot.domain.errors import Code, MediaError, Refused, RetakeError
from bot.domain.ports.media import MediaStore
from bot.domain.ports.messenger import Messenger


class Room:
    """The state of our disk, as far as this process knows it.

    ``full`` is true if a write has failed and the disk has not worked since.
    """

    def __init__(self, *, media: MediaStore, messenger: Messenger) -> None:
        self._media = media
        self._messenger = messenger
        self.full = False
        self._looking = asyncio.Lock()

    async def note(self, error: RetakeError) -> bool:
        """Return True if an error comes from our disk; in that case alert the owner."""
        if not isinstance(error, MediaError) or not error.of_disk:
            return False
        self.full = True
        await self._messenger.alert_owner(Code.DISK, dict(error.facts))
        return True

    async def look_again(self) -> None:
        """Find out whether a disk that failed works again."""
        # One check at a time: each writes a file, and there may not be room for two.
        async with self._looking:
            self.full = self.full and not await self._media.can_keep()

    async def check(self) -> None:
        """Check that a new file may be stored: the disk did not fail, or it works again.

        Raises:
            Refused: NO_ROOM.
        """
        await self.look_again()
        if self.full:
            raise Refused(Code.NO_ROOM)
