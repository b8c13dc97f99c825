"""Replies that are edited or deleted while the edit that they ordered still waits.

Owns the order of events: what happens to a reply while it is still being read counts once its edit
is ordered. Whether anything can still be changed is the service's business.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import discord

from bot.services.missed import reply_key
from bot.ui.inbound import replies
from bot.ui.inbound.mentions import Author, in_words

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient


class Revisions:
    """The second thoughts of members about their replies."""

    def __init__(self, client: "RetakeClient") -> None:
        self._client = client
        self._being_read: dict[int, discord.Message | None] = {}

    @asynccontextmanager
    async def during(self, message: discord.Message) -> AsyncIterator[None]:
        """While a reply's edit is ordered, keep what happens to the reply; apply it at the end."""
        self._being_read[message.id] = message
        latest: discord.Message | None = message
        try:
            yield
        finally:
            latest = self._being_read.pop(message.id)
        if latest is None:
            await self._withdraw(message.id)
        elif latest is not message:
            await self._reword(latest)

    async def edited(self, message: discord.Message) -> None:
        """Order what the reply says now; nothing if no words are left."""
        if message.id in self._being_read:
            self._being_read[message.id] = message
        else:
            await self._reword(message)

    async def deleted(self, message_ids: Iterable[int]) -> None:
        """Cancel what deleted replies ordered."""
        for message_id in message_ids:
            if message_id in self._being_read:
                self._being_read[message_id] = None
            else:
                await self._withdraw(message_id)

    async def _reword(self, message: discord.Message) -> None:
        if not message.content and not replies.speaks_to_us(self._client, message):
            return  # its mention of the bot was taken out, so Discord no longer shows what it says
        words = replies.words(self._client, message)
        if not words:
            await self._withdraw(message.id)
            return
        author = Author(user=message.author, guild=message.guild, mentioned=message.mentions)
        prompt = await in_words(self._client, words, author, messages=replies.messages(message))
        await self._client.services.revise.reword(reply_key(message.id), prompt)

    async def _withdraw(self, message_id: int) -> None:
        await self._client.services.revise.withdraw(reply_key(message_id))
