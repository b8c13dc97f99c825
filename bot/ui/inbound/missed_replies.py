"""Replies that were written while the bot was away: each place is read once, when it is back.

Owns what of a place's history is a reply to us that still waits for its answer. When the bot was
away, and what a reply is answered with, is known elsewhere. Nothing here is quick: places are read
one after the other.
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
from bot.ui.inbound.replies import speaks_to_us

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient

log = structlog.get_logger(__name__)

MOST_MESSAGES = 300
MOST_REPLIES = 5
MOST_SEEN = 1000

Answer = Callable[[discord.Message], Awaitable[None]]


class Absence:
    """Follows the connection, and answers what was missed. ``answer`` takes one missed reply."""

    def __init__(self, client: "RetakeClient", answer: Answer) -> None:
        self._client = client
        self._answer = answer
        self._connected = False
        self._reading = False
        self._once_more = False
        self._seen: OrderedDict[int, None] = OrderedDict()

    def saw(self, message: discord.Message) -> None:
        """This one arrived in time, whatever was answered."""
        self._seen[message.id] = None
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)

    def began(self) -> None:
        """The connection is gone: what is written now does not arrive."""
        self._connected = False
        if self._client.attached:
            self._client.services.missed.lost()

    async def repeated(self) -> None:
        """The session was resumed: Discord has repeated what was missed."""
        self._connected = True
        if self._client.attached and not self._reading:
            await self._client.services.missed.caught_up()

    async def ended(self) -> None:
        """A fresh session: read what was written before it, one session after the other."""
        self._connected = self._once_more = True
        if self._reading or not self._client.attached:
            return
        self._reading = True
        try:
            while self._once_more:
                self._once_more = False
                await self._catch_up()
        except RetakeError as error:
            # The time stays where it was: the next session looks again.
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
        """A server of this connection, which the bot is still in and may work in."""
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
        """The replies in a place that speak to us and have not arrived, the oldest first."""
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
            message.type is discord.MessageType.reply
            and not message.author.bot
            and message.id not in self._seen
            and speaks_to_us(self._client, message)
        )

    async def _still_there(self, message: discord.Message) -> bool:
        """Return whether its author may still be a member: nobody pays for who left."""
        if message.guild is None:
            return True
        try:
            async with outgoing(LONGEST_SECONDS):
                await message.guild.fetch_member(message.author.id)
        except PostError as error:
            log.info("member_not_found", message=message.id, error=str(error))
            return error.code is not Code.POST_TARGET_GONE
        return True
