"""Discord as the services see it: status messages, finished videos and notices.

This module owns what is posted where and under which nonce. The engine decides which place comes
next.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import discord

from bot.domain.catalogue import Catalogue
from bot.domain.errors import Code, PostError
from bot.domain.generation import Generation, LiveStatus, Place, Posting, Target, TargetKind
from bot.domain.ids import DIRECT, ChannelId, MessageId, message_nonce
from bot.domain.media import FitStep
from bot.domain.ports.clock import Clock
from bot.ui.cards.caption import caption, video_buttons
from bot.ui.cards.status import status_card
from bot.ui.cards.theme import CardContext
from bot.ui.discord_errors import SEND_SECONDS, logged_in, outgoing
from bot.ui.messenger.alerts import OwnerAlerts
from bot.ui.messenger.filters import passing
from bot.ui.messenger.notices import EndNotices
from bot.ui.messenger.posted import delete_posted, posted_link
from bot.ui.messenger.search import find_ours
from bot.ui.messenger.status_editor import StatusEditor
from bot.ui.messenger.threads import direct_channel, private_thread, respect_lock, thread_from
from bot.ui.messenger.uplink import OutgoingFile
from bot.ui.messenger.uploads import Uploads
from bot.ui.text.naming import alt_text, file_name


class DiscordMessenger:
    """Implements ``bot.domain.ports.messenger.Messenger`` with a logged-in client.

    ``run`` keeps the status messages up to date; it runs next to the client.
    """

    def __init__(self, *, client: discord.Client, clock: Clock, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue
        self._statuses = StatusEditor(client=client, clock=clock, catalogue=catalogue)
        self._notices = EndNotices(client=client, catalogue=catalogue)
        self._uploads = Uploads(client=client, clock=clock)
        self._alerts = OwnerAlerts(client=client, clock=clock)

    async def run(self) -> None:
        """Edit status messages as they change, for as long as the bot runs."""
        await self._statuses.run()

    async def open_status(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        logged_in(self._client)
        place = generation.place
        if place.private and place.guild_id and not place.in_thread:
            return await self._open_private(generation, live_status, again=again)
        inside = place.thread_id if place.in_thread else None
        if inside is not None:
            await respect_lock(self._client, inside)
        channel = self._client.get_partial_messageable(inside or place.channel_id)
        message, generation = await self._post_status(channel, generation, live_status, again=again)
        place = replace(
            generation.place,
            status_message_id=MessageId(message.id),
            status_channel_id=ChannelId(channel.id),
        )
        if place.guild_id and not place.in_thread and not place.threadless:
            thread_id = await thread_from(self._client, message, generation)
            place = replace(place, thread_id=thread_id)
        return place

    async def update_status(self, generation: Generation, live_status: LiveStatus) -> None:
        if generation.ended:
            await self._statuses.finish(generation)
        else:
            self._statuses.note(generation, live_status)

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        step: FitStep,
        original_url: str | None,
    ) -> Posting:
        logged_in(self._client)
        card_context = self._card_context(generation)
        preview = step is FitStep.PREVIEW
        async with self._uploads.slots:
            if posting.target.kind is TargetKind.THREAD:
                await respect_lock(self._client, posting.target.id)
            channel = await self._channel(posting.target)
            film = OutgoingFile(file)
            attached = discord.File(
                film,
                filename=file_name(generation),
                description=alt_text(generation, card_context.messages),
            )
            try:
                message = await self._uploads.send(
                    channel,
                    attached,
                    film,
                    guild_id=_guild_of(generation, posting.target),
                    content=caption(
                        generation,
                        posting,
                        card_context,
                        link=original_url if preview else None,
                        preview=preview,
                    ),
                    view=video_buttons(generation, card_context),
                    nonce=posting.nonce,
                    suppress_embeds=True,
                    allowed_mentions=discord.AllowedMentions(
                        everyone=False,
                        roles=False,
                        users=[discord.Object(generation.requester_id)],
                        replied_user=False,
                    ),
                )
            finally:
                attached.close()
                film.close()
        return replace(
            posting, message_id=MessageId(message.id), channel_id=ChannelId(message.channel.id)
        )

    async def find_video(
        self, generation: Generation, target: Target, *, since: datetime
    ) -> Posting | None:
        logged_in(self._client)
        try:
            channel = await self._channel(target)
            message = await find_ours(self._client, channel, generation, since=since, video=True)
        except PostError as error:
            if error.code is Code.POST_TARGET_GONE:
                return None
            raise
        if message is None:
            return None
        return Posting(
            target=target,
            nonce=message_nonce(generation.id, "found"),
            started_at=since,
            message_id=MessageId(message.id),
            channel_id=ChannelId(message.channel.id),
        )

    async def video_link(self, generation: Generation) -> str | None:
        return await posted_link(self._client, generation)

    async def delete_video(self, generation: Generation) -> bool:
        return await delete_posted(self._client, generation)

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        logged_in(self._client)
        if not await self._statuses.finish(generation):
            await self._notices.post(generation, again=again)

    def upload_limit(self, generation: Generation, target: Target) -> int:
        return self._uploads.most_bytes(_guild_of(generation, target))

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        await self._alerts.send(code, facts)

    async def _open_private(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        """Use a private thread of the channel or, if there can be none, a direct message."""
        thread_id = None
        if not generation.place.threadless:
            thread_id = await private_thread(self._client, generation, again=again)
        if thread_id is not None:
            channel: discord.abc.Messageable = self._client.get_partial_messageable(thread_id)
        else:
            channel = await direct_channel(self._client, generation.requester_id)
        message, generation = await self._post_status(channel, generation, live_status, again=again)
        return replace(
            generation.place,
            thread_id=thread_id,
            status_message_id=MessageId(message.id),
            status_channel_id=ChannelId(message.channel.id),
        )

    async def _post_status(
        self,
        channel: discord.abc.Messageable,
        generation: Generation,
        live_status: LiveStatus,
        *,
        again: bool,
    ) -> tuple[discord.Message, Generation]:
        """Return the status message, and the generation as it may be shown there."""
        if again:
            found = await find_ours(
                self._client, channel, generation, since=generation.created_at, video=False
            )
            if found is not None:
                return found, generation

        async def send(shown: Generation) -> discord.Message:
            card = status_card(shown, live_status, self._card_context(shown))
            async with outgoing(SEND_SECONDS):
                return await channel.send(view=card, nonce=message_nonce(shown.id, "status"))

        message, shown = await passing(generation, send)
        self._statuses.opened(shown, live_status)
        return message, shown

    async def _channel(self, target: Target) -> discord.abc.Messageable:
        if target.kind is TargetKind.DIRECT:
            return await direct_channel(self._client, target.id)
        return self._client.get_partial_messageable(target.id)

    def _card_context(self, generation: Generation) -> CardContext:
        return CardContext.for_locale(generation.locale, self._catalogue)


def _guild_of(generation: Generation, target: Target) -> int:
    return DIRECT if target.kind is TargetKind.DIRECT else generation.place.guild_id
