"""Discord as the services see it: status messages, finished videos, and how things ended.

Owns what is posted where, under which nonce, and how a message posted before is found again.
Decides nothing about the life of a generation: which place comes next is the services' business.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import discord
import structlog

from bot.domain.catalogue import Catalogue
from bot.domain.errors import Code, PostError
from bot.domain.generation import Generation, LiveStatus, Place, Posting, Target, TargetKind
from bot.domain.ids import DIRECT, ChannelId, MessageId, message_nonce
from bot.domain.ports.clock import Clock
from bot.ui.cards.caption import caption, video_buttons
from bot.ui.cards.status import status_card
from bot.ui.cards.theme import CardContext
from bot.ui.discord_errors import SEND_SECONDS, logged_in, outgoing
from bot.ui.messenger.filters import passing
from bot.ui.messenger.posted import posted_link
from bot.ui.messenger.search import find_ours
from bot.ui.messenger.status_editor import StatusEditor
from bot.ui.messenger.threads import private_thread, respect_lock, thread_from
from bot.ui.messenger.uplink import OutgoingFile, Uplink
from bot.ui.messenger.upload_limits import UploadLimits
from bot.ui.text.messages import Messages
from bot.ui.text.naming import alt_text, file_name

log = structlog.get_logger(__name__)

UPLOADS_AT_ONCE = 8
ALERT_EVERY = timedelta(hours=1)
PREVIEW = "preview"


class DiscordMessenger:
    """Implements ``bot.domain.ports.messenger.Messenger`` with a logged-in client.

    ``run`` keeps the status messages up to date; start it beside the client.
    """

    def __init__(self, *, client: discord.Client, clock: Clock, catalogue: Catalogue) -> None:
        self._client = client
        self._clock = clock
        self._catalogue = catalogue
        self._board = StatusEditor(client=client, clock=clock, catalogue=catalogue)
        self._limits = UploadLimits(now=clock.now)
        self._uplink = Uplink()
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._alerted: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Edit status messages as they change, for as long as the bot runs."""
        await self._board.run()

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
            await self._board.finish(generation)
        else:
            self._board.note(generation, live_status)

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        how: str,
        original_url: str | None,
    ) -> Posting:
        logged_in(self._client)
        messages = Messages.for_locale(generation.locale)
        guild_id = self._guild_of(generation, posting.target)
        async with self._uploads:
            if posting.target.kind is TargetKind.THREAD:
                await respect_lock(self._client, posting.target.id)
            channel = await self._channel(posting.target)
            film = OutgoingFile(file)
            attached = discord.File(
                film, filename=file_name(generation), description=alt_text(generation, messages)
            )
            try:
                message = await self._send_video(
                    channel,
                    attached,
                    film,
                    guild_id=guild_id,
                    content=caption(
                        generation,
                        posting,
                        self._card_context(generation),
                        link=original_url if how == PREVIEW else None,
                        preview=how == PREVIEW,
                    ),
                    view=video_buttons(generation, self._card_context(generation)),
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

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        logged_in(self._client)
        if await self._board.finish(generation):
            return
        hearing = await self._hearing(generation)
        if again and await self._edit_existing_notice(hearing, generation):
            return
        for channel in hearing:
            try:
                await passing(generation, partial(self._post_ended, channel))
            except PostError as error:
                if not error.final:
                    raise
                log.info("end_not_heard", generation=generation.id, error=str(error))
            else:
                return
        log.warning("nobody_heard_the_end", generation=generation.id)

    def upload_limit(self, generation: Generation, target: Target) -> int:
        guild_id = self._guild_of(generation, target)
        guild = self._client.get_guild(guild_id) if guild_id else None
        reported = guild.filesize_limit if guild is not None else None
        allowed = self._limits.allowed(guild_id, reported)
        passing = self._uplink.most_bytes()
        return allowed if passing is None else min(allowed, passing)

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        now = self._clock.now()
        about = (code.value, str(facts.get("provider", "")))
        last = self._alerted.get(about)
        if last is not None and now - last < ALERT_EVERY:
            return
        self._alerted[about] = now
        try:
            async with outgoing(SEND_SECONDS):
                application = self._client.application or await self._client.application_info()
                owner = application.team.owner if application.team else application.owner
                if owner is None:
                    return
                direct = await self._client.create_dm(discord.Object(owner.id))
                await direct.send(_alert(code, facts))
        except PostError as error:
            if not error.final:
                # Not told yet, so the next time is not one time too many.
                del self._alerted[about]
            log.warning("owner_not_alerted", code=code.value, error=str(error))

    # ---- status messages -----------------------------------------------------------------------

    async def _open_private(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        """In a private thread of the channel, or where there can be none in a direct message."""
        thread_id = None
        if not generation.place.threadless:
            thread_id = await private_thread(self._client, generation, again=again)
        if thread_id is not None:
            channel: discord.abc.Messageable = self._client.get_partial_messageable(thread_id)
        else:
            channel = await self._direct(generation.requester_id)
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
        """The status message, and the generation as it may be shown there."""
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
        self._board.opened(shown, live_status)
        return message, shown

    # ---- finished videos -----------------------------------------------------------------------

    async def _send_video(
        self,
        channel: discord.abc.Messageable,
        attached: discord.File,
        film: OutgoingFile,
        *,
        guild_id: int,
        **said: Any,
    ) -> discord.Message:
        size = film.size
        seconds, begun = self._uplink.seconds_for(size), self._clock.monotonic()
        try:
            async with outgoing(seconds):
                message = await channel.send(file=attached, **said)
        except PostError as error:
            if error.code is Code.POST_TOO_LARGE:
                self._limits.refused(guild_id, size)
            if isinstance(error.__cause__, TimeoutError):
                self._uplink.cut(size, sent=film.sent, seconds=seconds)
            raise
        self._uplink.passed(size, self._clock.monotonic() - begun)
        if not any(file.size for file in message.attachments):
            await self._take_back(message)
            raise PostError(Code.POST_INCOMPLETE, definite=True, size=size)
        self._limits.accepted(guild_id, size)
        return message

    async def _take_back(self, message: discord.Message) -> None:
        """Delete a message that came about without its file: nobody can do anything with it."""
        log.warning("posted_without_its_file", message=message.id, channel=message.channel.id)
        try:
            async with outgoing(SEND_SECONDS):
                await message.delete()
        except PostError as error:
            log.warning("left_without_its_file", message=message.id, error=str(error))

    # ---- ends ----------------------------------------------------------------------------------

    async def _hearing(self, generation: Generation) -> list[discord.abc.Messageable]:
        """Where the one who asked will see a message, the best place first."""
        place = generation.place
        ids = [place.thread_id]
        if not place.private or not place.guild_id:
            ids.append(place.channel_id)
        channels: list[discord.abc.Messageable] = [
            self._client.get_partial_messageable(id_) for id_ in ids if id_ is not None
        ]
        if place.guild_id:
            try:
                channels.append(await self._direct(generation.requester_id))
            except PostError as error:
                if not error.final:
                    raise
        return channels

    async def _edit_existing_notice(
        self, hearing: Sequence[discord.abc.Messageable], generation: Generation
    ) -> bool:
        """Whether a message of an earlier try is there; it then shows the end.

        A status message whose id was never kept is found as well, and stops saying something old.
        """
        for channel in hearing:
            try:
                found = await find_ours(
                    self._client, channel, generation, since=generation.created_at, video=False
                )
                if found is None:
                    continue
                await passing(generation, partial(self._show_end, found))
            except PostError as error:
                if not error.final:
                    raise
            else:
                return True
        return False

    async def _show_end(self, message: discord.Message, generation: Generation) -> None:
        card = status_card(generation, LiveStatus(), self._card_context(generation))
        async with outgoing(SEND_SECONDS):
            await message.edit(view=card, allowed_mentions=discord.AllowedMentions.none())

    async def _post_ended(self, channel: discord.abc.Messageable, generation: Generation) -> None:
        card = status_card(generation, LiveStatus(), self._card_context(generation))
        async with outgoing(SEND_SECONDS):
            await channel.send(view=card, nonce=message_nonce(generation.id, "ended"))

    # ---- places --------------------------------------------------------------------------------

    async def _channel(self, target: Target) -> discord.abc.Messageable:
        if target.kind is TargetKind.DIRECT:
            return await self._direct(target.id)
        return self._client.get_partial_messageable(target.id)

    async def _direct(self, user_id: int) -> discord.DMChannel:
        async with outgoing(SEND_SECONDS):
            return await self._client.create_dm(discord.Object(user_id))

    def _guild_of(self, generation: Generation, target: Target) -> int:
        return DIRECT if target.kind is TargetKind.DIRECT else generation.place.guild_id

    def _card_context(self, generation: Generation) -> CardContext:
        messages = Messages.for_locale(generation.locale)
        return CardContext(messages=messages, catalogue=self._catalogue)


def _alert(code: Code, facts: Mapping[str, object]) -> str:
    """What the owner is told, in English: which language an owner speaks is not known."""
    messages = Messages.for_locale("en-US")
    key = f"word.alert.{code.value}"
    what = messages.template(key) if messages.has(key) else messages.explain(code, facts)
    lines = [messages.say("alert.text", what=what)]
    if provider := facts.get("provider"):
        known = messages.has(f"word.provider.{provider}")
        where = "alert.where" if known else "alert.unknown_place"
        lines.append(messages.say(where, provider=provider))
    return "\n".join(lines)
