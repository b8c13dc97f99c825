"""Sending video files: how long an upload may take, how large a file may be, whether it arrived."""

import asyncio
from typing import Any

import discord
import structlog

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.ports.clock import Clock
from bot.ui.discord_errors import SEND_SECONDS, outgoing
from bot.ui.messenger.uplink import OutgoingFile, Uplink
from bot.ui.messenger.upload_limits import UploadLimits

log = structlog.get_logger(__name__)

UPLOADS_AT_ONCE = 8


class Uploads:
    """Sends a limited number of files at a time, and learns sizes and speed from each.

    ``slots`` is held by the caller while it opens and sends a file.
    """

    def __init__(self, *, client: discord.Client, clock: Clock) -> None:
        self.slots = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._client = client
        self._clock = clock
        self._limits = UploadLimits(now=clock.now)
        self._uplink = Uplink()

    def most_bytes(self, guild_id: int) -> int:
        """Return how many bytes one file may have in a server (0: direct messages)."""
        guild = self._client.get_guild(guild_id) if guild_id else None
        allowed = self._limits.allowed(guild_id, guild.filesize_limit if guild else None)
        in_time = self._uplink.most_bytes()
        return allowed if in_time is None else min(allowed, in_time)

    async def send(
        self,
        channel: discord.abc.Messageable,
        attached: discord.File,
        file: OutgoingFile,
        *,
        guild_id: int,
        **content: Any,
    ) -> discord.Message:
        """Send a message with a file, and check that the file is in it.

        Raises:
            PostError: POST_INCOMPLETE if Discord created the message without the file.
        """
        size = file.size
        seconds, started_at = self._uplink.seconds_for(size), self._clock.monotonic()
        try:
            async with outgoing(seconds):
                message = await channel.send(file=attached, **content)
        except PostError as error:
            if error.code is Code.POST_TOO_LARGE:
                self._limits.refused(guild_id, size)
            if isinstance(error.__cause__, TimeoutError):
                self._uplink.cut(size, sent=file.sent, seconds=seconds)
            raise
        self._uplink.passed(size, self._clock.monotonic() - started_at)
        if not any(attachment.size for attachment in message.attachments):
            await _delete_empty(message)
            raise PostError(Code.POST_INCOMPLETE, accepted=Accepted.NO, size=size)
        self._limits.accepted(guild_id, size)
        return message


async def _delete_empty(message: discord.Message) -> None:
    log.warning("posted_without_its_file", message=message.id, channel=message.channel.id)
    try:
        async with outgoing(SEND_SECONDS):
            await message.delete()
    except PostError as error:
        log.warning("left_without_its_file", message=message.id, error=str(error))
