"""Discord, as what outlives the bot and as honest as the promise needs: it forgets a nonce after
minutes, and shows a private thread to its members alone.

Trouble is a property of the place ("this thread is gone"), never a list of answers, so that a bot
that comes back after a crash meets the same world.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import Generation, LiveStatus, Place, Posting, State, Target, TargetKind
from bot.domain.ids import ChannelId, GenerationId, MessageId, UserId, message_nonce
from bot.domain.media import FitStep
from tests.fakes.ports import OwnedClock

NONCE_SECONDS = 180
"""Discord says "a few minutes"."""

DIRECTS = 1_000_000
"""A person's direct-message channel is their id beyond this."""


@dataclass(kw_only=True)
class Message:
    """One message of the bot. ``kind`` is status, video or end; ``vanished`` is true if it, or its
    thread, was deleted.

    ``empty``: a video's message came about without the file.
    """

    id: MessageId
    channel_id: int
    nonce: str
    at: datetime
    kind: str
    generation_id: GenerationId
    shows: State
    vanished: bool = False
    empty: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a person wrote below a video."""

    id: MessageId
    channel_id: int
    at: datetime


FIRST_PRIVATE_THREAD = 500_000


@dataclass(kw_only=True)
class PrivateThread:
    """A thread beside its channel: made again, it is another one. Members alone see into it."""

    id: ChannelId
    channel_id: int
    name: str
    at: datetime
    members: set[UserId] = field(default_factory=set[UserId])


@dataclass
class Discord:
    """Channels and what stands in them.

    ``away`` tells whether it is down for a kind of call; ``mute`` whether it takes a message and
    the answer is lost; ``gone`` whether a channel refuses a kind of call for good; ``loses_files``
    whether a message comes about there without its file. Sending takes ``latency`` seconds.
    """

    clock: OwnedClock
    limit: int = 10 * 2**20
    latency: float = 0.0
    messages: list[Message] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    private_threads: list[PrivateThread] = field(default_factory=list)
    away: Callable[[str], bool] = lambda _: False
    mute: Callable[[str], bool] = lambda _: False
    gone: Callable[[int, str], bool] = lambda _, __: False
    loses_files: Callable[[int], bool] = lambda _: False
    written: list[Reply] = field(default_factory=list[Reply])
    alerts: list[Code] = field(default_factory=list)

    async def send(
        self, channel_id: int, *, kind: str, generation: Generation, nonce: str, size: int = 0
    ) -> Message:
        if self.latency:
            await self.clock.sleep(self.latency)
        self._reach(channel_id, kind)
        if size > self.limit:
            raise PostError(Code.POST_TOO_LARGE, accepted=Accepted.NO)
        since = self.clock.now() - timedelta(seconds=NONCE_SECONDS)
        again = (m for m in self.messages if (m.channel_id, m.nonce) == (channel_id, nonce))
        message = next((m for m in again if m.at > since), None)
        if message is None:
            message = Message(
                id=MessageId(5000 + len(self.messages)),
                channel_id=channel_id,
                nonce=nonce,
                at=self.clock.now(),
                kind=kind,
                generation_id=generation.id,
                shows=generation.state,
                empty=kind == "video" and self.loses_files(channel_id),
            )
            self.messages.append(message)
        if self.mute(kind):
            raise PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN)
        return message

    async def start_thread(self, message: Message) -> ChannelId:
        """A message's thread has its id, so starting it again finds it."""
        self._reach(message.channel_id, "thread")
        self.threads.add(message.id)
        return ChannelId(message.id)

    async def start_private_thread(self, channel_id: int, name: str) -> ChannelId:
        self._reach(channel_id, "thread")
        thread = PrivateThread(
            id=ChannelId(FIRST_PRIVATE_THREAD + len(self.private_threads)),
            channel_id=channel_id,
            name=name,
            at=self.clock.now(),
        )
        self.private_threads.append(thread)
        return thread.id

    async def active_threads(self, channel_id: int) -> list[PrivateThread]:
        self._reach(channel_id, "thread")
        return [thread for thread in self.private_threads if thread.channel_id == channel_id]

    async def add_member(self, thread_id: int, user_id: UserId) -> None:
        self._reach(thread_id, "member")
        next(t for t in self.private_threads if t.id == thread_id).members.add(user_id)

    def seen_by(self, user_id: UserId, channel_id: int) -> bool:
        """Whether a person sees what stands there."""
        private = next((t for t in self.private_threads if t.id == channel_id), None)
        return private is None or user_id in private.members

    def delete_threads(self) -> None:
        """All threads are deleted, with what stands in them."""
        deleted = set(self.threads)
        for message in self.messages:
            message.vanished = message.vanished or message.channel_id in deleted
        before = self.gone
        self.gone = lambda channel, kind: channel in deleted or before(channel, kind)

    async def edit(self, message_id: MessageId, shows: State) -> bool:
        """False when the message cannot be edited any more."""
        for message in self.messages:
            if message.id == message_id:
                self._reach(message.channel_id, "edit")
                message.shows = shows
                return True
        return False

    async def history(self, channel_id: int, *, since: datetime) -> list[Message]:
        self._reach(channel_id, "history")
        # Discord's clock and ours differ by less than this.
        after = since - timedelta(seconds=60)
        here = [m for m in self.messages if m.channel_id == channel_id and not m.vanished]
        return [message for message in here if message.at >= after]

    async def replies(self, channel_id: int, *, since: datetime) -> list[Reply]:
        """What people wrote in a channel since then."""
        self._reach(channel_id, "history")
        return [r for r in self.written if r.channel_id == channel_id and r.at >= since]

    async def delete(self, message: Message) -> None:
        self._reach(message.channel_id, "delete")
        message.vanished = True

    async def alert(self, code: Code) -> None:
        self.alerts.append(code)

    def of(self, generation_id: GenerationId, kind: str) -> list[Message]:
        """Messages of a generation. A video's message without its file is none."""
        found = [m for m in self.messages if (m.generation_id, m.kind) == (generation_id, kind)]
        return [message for message in found if not message.empty]

    def _reach(self, channel_id: int, kind: str) -> None:
        if self.away(kind):
            raise PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=20)
        if self.gone(channel_id, kind):
            raise PostError(Code.POST_TARGET_GONE, accepted=Accepted.NO)


@dataclass
class Messenger:
    """One process's messenger over the wire, as ``bot.ui.messenger``, without drawing."""

    discord: Any
    limit: int = 10 * 2**20
    learned: int = 8
    """What it takes the limit for after a refusal; like all that is learned, forgotten at the end
    of the process.
    """

    _turns: dict[GenerationId, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    _over: set[GenerationId] = field(default_factory=set[GenerationId])

    async def open_status(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        place = generation.place
        if place.private and place.guild_id and not place.in_thread:
            return await self._open_private(generation, again=again)
        message = await self._post_status(place.channel_id, generation, again=again)
        thread_id = place.thread_id
        if not place.in_thread:
            try:
                thread_id = await self.discord.start_thread(message)
            except PostError:
                thread_id = None
        return replace(
            place,
            status_message_id=message.id,
            status_channel_id=place.channel_id,
            thread_id=thread_id,
        )

    async def _open_private(self, generation: Generation, *, again: bool) -> Place:
        place = generation.place
        try:
            thread_id = await self._private_thread(generation, again=again)
        except PostError:
            thread_id = None
        channel_id = thread_id or ChannelId(DIRECTS + generation.requester_id)
        message = await self._post_status(channel_id, generation, again=again)
        return replace(
            place,
            status_message_id=message.id,
            status_channel_id=channel_id,
            thread_id=thread_id,
        )

    async def _private_thread(self, generation: Generation, *, again: bool) -> ChannelId:
        """Discord takes no nonce with a thread: an earlier one is found by its name and its age."""
        channel_id, name = generation.place.channel_id, generation.request.prompt
        found = None
        if again:
            since = generation.created_at - timedelta(seconds=60)
            threads = await self.discord.active_threads(channel_id)
            found = next((t.id for t in threads if t.name == name and t.at >= since), None)
        thread_id = found or await self.discord.start_private_thread(channel_id, name)
        await self.discord.add_member(thread_id, generation.requester_id)
        return thread_id

    async def _post_status(
        self, channel_id: int, generation: Generation, *, again: bool
    ) -> Message:
        if again:
            seen = await self.discord.history(channel_id, since=generation.created_at)
            for message in seen:
                if _is(message, generation, "status"):
                    return message
        return await self.discord.send(
            channel_id,
            kind="status",
            generation=generation,
            nonce=message_nonce(generation.id, "status"),
        )

    async def update_status(self, generation: Generation, live_status: LiveStatus) -> None:
        await self._edit_status(generation)

    async def _edit_status(self, generation: Generation) -> bool:
        """One edit of a message at a time and none after its end, as ``StatusEditor``."""
        message_id = generation.place.status_message_id
        if message_id is None:
            return False
        if generation.ended:
            self._over.add(generation.id)
        async with self._turns[generation.id]:
            if generation.id in self._over and not generation.ended:
                return True
            return await self.discord.edit(message_id, generation.state)

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        step: FitStep,
        original_url: str | None,
    ) -> Posting:
        try:
            message = await self.discord.send(
                _channel(posting.target),
                kind="video",
                generation=generation,
                nonce=posting.nonce,
                size=file.stat().st_size,
            )
        except PostError as error:
            if error.code is Code.POST_TOO_LARGE:
                self.limit = self.learned
            raise
        if message.empty:
            with suppress(PostError):
                await self.discord.delete(message)
            raise PostError(Code.POST_INCOMPLETE, accepted=Accepted.NO)
        return _posted(posting, message)

    async def find_video(
        self, generation: Generation, target: Target, *, since: datetime
    ) -> Posting | None:
        try:
            seen = await self.discord.history(_channel(target), since=since)
        except PostError as error:
            if error.code is Code.POST_TARGET_GONE:
                return None
            raise
        message = next((m for m in seen if _is(m, generation, "video")), None)
        if message is None:
            return None
        posting = Posting(target=target, nonce=message.nonce, started_at=since)
        return _posted(posting, message)

    async def video_link(self, generation: Generation) -> str | None:
        return None

    async def delete_video(self, generation: Generation) -> bool:
        message_id = generation.posting and generation.posting.message_id
        for message in self.discord.messages:
            if message.id == message_id and not message.vanished:
                try:
                    await self.discord.delete(message)
                except PostError as error:
                    return error.code is Code.POST_TARGET_GONE
        return True

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        if await self._edit_status(generation):
            return
        place = generation.place
        hearing = place.channel_id
        if place.private and place.guild_id and not place.in_thread:
            hearing = place.thread_id or ChannelId(DIRECTS + generation.requester_id)
        if again:
            seen = await self.discord.history(hearing, since=generation.created_at)
            for message in seen:
                if message.generation_id == generation.id and message.kind != "video":
                    await self.discord.edit(message.id, generation.state)
                    return
        await self.discord.send(
            hearing,
            kind="end",
            generation=generation,
            nonce=message_nonce(generation.id, "ended"),
        )

    def upload_limit(self, generation: Generation, target: Target) -> int:
        return self.limit

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        await self.discord.alert(code)


def _is(message: Message, generation: Generation, kind: str) -> bool:
    ours = (message.generation_id, message.kind) == (generation.id, kind)
    return ours and not message.empty


def _channel(target: Target) -> int:
    return DIRECTS + target.id if target.kind is TargetKind.DIRECT else target.id


def _posted(posting: Posting, message: Message) -> Posting:
    return replace(posting, message_id=message.id, channel_id=ChannelId(message.channel_id))
