"""Replies that were written while the bot was offline: each place is read once, when it is back.

This module decides which messages of a place's history are replies to us without an answer. The
service knows since when the bot was offline; the cog answers. Places are read one after the other,
so this takes a while.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import discord
import structlog

from bot.domain.errors import Code, PostError, RetakeError
from bot.domain.ids import MessageId
from bot.services.missed import Spot
from bot.ui.discord_errors import outgoing
from bot.ui.inbound.answers import LONGEST_SECONDS
from bot.ui.inbound.replies import is_reply, speaks_to_us

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient

log = structlog.get_logger(__name__)

MOST_MESSAGES = 300
MOST_REPLIES = 5
MOST_SEEN = 1000

Answer = Callable[[discord.Message], Awaitable[None]]


class Absence:
    """Follows the connection, and answers what was missed. ``answer`` answers one missed reply."""

    def __init__(self, client: "RetakeClient", answer: Answer) -> None:
        self._client = client
        self._answer = answer
        self._connected = False
        self._reading = False
        self._once_more = False
        self._seen: OrderedDict[int, None] = OrderedDict()

    def saw(self, message: discord.Message) -> None:
        """Note that a message arrived in time, whatever it was answered with."""
        self._seen[message.id] = None
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)

    def began(self) -> None:
        """Note that the connection is lost: new messages do not arrive."""
        self._connected = False
        if self._client.attached:
            self._client.services.missed.lost()

    async def repeated(self) -> None:
        """Note that the session was resumed: Discord has repeated what was missed."""
        self._connected = True
        if self._client.attached and not self._reading:
            await self._client.services.missed.caught_up()

    async def ended(self) -> None:
        """Read what was written before a fresh session, one session after the other."""
        self._connected = self._once_more = True
        if self._reading or not self._client.attached:
            return
        self._reading = True
        try:
            while self._once_more:
                self._once_more = False
                await self._catch_up()
        except RetakeError as error:
            # The saved time does not change, so the next session reads again.
            log.warning("missed_replies_not_read", error=str(error))
        finally:
            self._reading = False

    async def _catch_up(self) -> None:
        missed = self._client.services.missed
        since = await missed.since()
        if since is not None:
            for spot in await missed.spots():
                if self._is_ours(spot):
                    await self._read(spot, since)
        if self._connected:
            await missed.caught_up()

    def _is_ours(self, spot: Spot) -> bool:
        """Return True for a server of this connection that the bot is still in and may serve."""
        known = not spot.guild_id or self._client.get_guild(spot.guild_id) is not None
        return known and self._client.serves(spot.guild_id)

    async def _read(self, spot: Spot, since: datetime) -> None:
        try:
            waiting = await self._waiting(spot, since)
        except PostError as error:
            log.info("place_not_read", channel=spot.channel_id, error=str(error))
            return
        known = await self._client.services.missed.unanswered([MessageId(m.id) for m in waiting])
        for message in [m for m in waiting if m.id in known][:MOST_REPLIES]:
            if await self._still_there(message):
                log.info("missed_reply", message=message.id)
                await self._answer(message)

    async def _waiting(self, spot: Spot, since: datetime) -> list[discord.Message]:
        """Return the replies in a place that speak to us and have not arrived, oldest first."""
        place = self._client.get_partial_messageable(
            spot.channel_id, guild_id=spot.guild_id or None
        )
        history = place.history(limit=MOST_MESSAGES, after=since, oldest_first=True)
        async with outgoing(LONGEST_SECONDS):
            messages = [message async for message in history]
        # A refusal leaves no generation, only our answer below the reply.
        answered = {m.reference.message_id for m in messages if m.reference and self._is_mine(m)}
        return [m for m in messages if self._is_missed(m) and m.id not in answered]

    def _is_mine(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id

    def _is_missed(self, message: discord.Message) -> bool:
        return (
            is_reply(message)
            and message.id not in self._seen
            and speaks_to_us(self._client, message)
        )

    async def _still_there(self, message: discord.Message) -> bool:
        """Return False if the author has left the server: nobody pays for those."""
        if message.guild is None:
            return True
        try:
            async with outgoing(LONGEST_SECONDS):
                await message.guild.fetch_member(message.author.id)
        except PostError as error:
            log.info("member_not_found", message=message.id, error=str(error))
            return error.code is not Code.POST_TARGET_GONE
        return True
