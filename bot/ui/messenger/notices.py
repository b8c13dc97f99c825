"""Notices about generations that ended without a video, where no status message can show it."""

from collections.abc import Sequence
from functools import partial

import discord
import structlog

from bot.domain.catalogue import Catalogue
from bot.domain.errors import PostError
from bot.domain.generation import Generation, LiveStatus
from bot.domain.ids import message_nonce
from bot.ui.cards.status import status_card
from bot.ui.cards.theme import CardContext
from bot.ui.discord_errors import SEND_SECONDS, outgoing
from bot.ui.messenger.filters import passing
from bot.ui.messenger.search import find_ours
from bot.ui.messenger.threads import direct_channel

log = structlog.get_logger(__name__)


class EndNotices:
    """Posts them once, in the first place that accepts them."""

    def __init__(self, *, client: discord.Client, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue

    async def post(self, generation: Generation, *, again: bool) -> None:
        """Notify the requester; with ``again``, edit the message of an earlier try if it exists.

        Raises:
            PostError: Discord may accept it later.
        """
        channels = await self._channels(generation)
        if again and await self._edit_existing(channels, generation):
            return
        for channel in channels:
            try:
                await passing(generation, partial(self._send, channel))
            except PostError as error:
                if not error.final:
                    raise
                log.info("end_notice_refused", generation=generation.id, error=str(error))
            else:
                return
        log.warning("end_not_announced", generation=generation.id)

    async def _channels(self, generation: Generation) -> list[discord.abc.Messageable]:
        """Return where the requester will see a message, the best place first."""
        place = generation.place
        ids = [place.thread_id]
        if not place.private or not place.guild_id:
            ids.append(place.channel_id)
        channels: list[discord.abc.Messageable] = [
            self._client.get_partial_messageable(id_) for id_ in ids if id_ is not None
        ]
        if place.guild_id:
            try:
                channels.append(await direct_channel(self._client, generation.requester_id))
            except PostError as error:
                if not error.final:
                    raise
        return channels

    async def _edit_existing(
        self, channels: Sequence[discord.abc.Messageable], generation: Generation
    ) -> bool:
        """Return True if a message of an earlier try was found and now shows the end.

        This also finds a status message whose id was not recorded, so that it is not left outdated.
        """
        for channel in channels:
            try:
                found = await find_ours(
                    self._client, channel, generation, since=generation.created_at, video=False
                )
                if found is None:
                    continue
                await passing(generation, partial(self._edit, found))
            except PostError as error:
                if not error.final:
                    raise
            else:
                return True
        return False

    async def _edit(self, message: discord.Message, generation: Generation) -> None:
        async with outgoing(SEND_SECONDS):
            await message.edit(
                view=self._card(generation), allowed_mentions=discord.AllowedMentions.none()
            )

    async def _send(self, channel: discord.abc.Messageable, generation: Generation) -> None:
        async with outgoing(SEND_SECONDS):
            await channel.send(
                view=self._card(generation), nonce=message_nonce(generation.id, "ended")
            )

    def _card(self, generation: Generation) -> discord.ui.LayoutView:
        card_context = CardContext.for_locale(generation.locale, self._catalogue)
        return status_card(generation, LiveStatus(), card_context)
