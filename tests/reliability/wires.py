"""What outlives the bot, as honest as the promise needs: Discord, gateways, the disk.

Discord forgets a nonce after minutes, a gateway forgets nothing it was paid for, the disk keeps
what was renamed. Trouble is a property of the place ("this thread is gone"), never a list of
answers, so that a bot that comes back after a crash meets the same world.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.errors import Accepted, Code, PostError, ProviderError
from bot.domain.generation import Generation, Place, Posting, Standing, State, Target, TargetKind
from bot.domain.ids import ChannelId, GenerationId, MessageId, TaskId, message_nonce
from bot.domain.media import FittedMedia, StoredMedia
from bot.domain.ports.provider import PreparedTask, Submission, TaskReport
from tests.outside import FakeMedia, FakeProvider, FakeTask, OwnedClock

NONCE_SECONDS = 180
"""Discord says "a few minutes"."""

DIRECTS = 1_000_000
"""A person's direct-message channel is their id beyond this."""


@dataclass(kw_only=True)
class Message:
    """One message of the bot. ``kind``: status, video, or end; ``vanished``: with its thread."""

    id: MessageId
    channel_id: int
    nonce: str
    at: datetime
    kind: str
    generation_id: GenerationId
    shows: State
    vanished: bool = False


@dataclass
class Discord:
    """Channels and what stands in them.

    ``away`` tells whether it is down for a kind of call; ``mute`` whether it takes a message and
    the answer is lost; ``gone`` whether a channel refuses a kind of call for good. Sending takes
    ``latency`` seconds.
    """

    clock: OwnedClock
    limit: int = 10 * 2**20
    latency: float = 0.0
    messages: list[Message] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    away: Callable[[str], bool] = lambda _: False
    mute: Callable[[str], bool] = lambda _: False
    gone: Callable[[int, str], bool] = lambda _, __: False
    alerts: list[Code] = field(default_factory=list)

    async def send(
        self, channel_id: int, *, kind: str, generation: Generation, nonce: str, size: int = 0
    ) -> Message:
        if self.latency:
            await self.clock.sleep(self.latency)
        self._reach(channel_id, kind)
        if size > self.limit:
            raise PostError(Code.POST_TOO_LARGE, definite=True)
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
            )
            self.messages.append(message)
        if self.mute(kind):
            raise PostError(Code.POST_UNKNOWN, definite=False)
        return message

    async def start_thread(self, message: Message) -> ChannelId:
        """A message's thread has its id, so starting it again finds it."""
        self._reach(message.channel_id, "thread")
        self.threads.add(message.id)
        return ChannelId(message.id)

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
        return [m for m in self.messages if m.channel_id == channel_id and m.at >= after]

    async def alert(self, code: Code) -> None:
        self.alerts.append(code)

    def of(self, generation_id: GenerationId, kind: str) -> list[Message]:
        return [m for m in self.messages if (m.generation_id, m.kind) == (generation_id, kind)]

    def _reach(self, channel_id: int, kind: str) -> None:
        if self.away(kind):
            raise PostError(Code.POST_UNAVAILABLE, definite=True, retry_after=20)
        if self.gone(channel_id, kind):
            raise PostError(Code.POST_TARGET_GONE, definite=True)


@dataclass
class Messenger:
    """One process's messenger over the wire: the ways of ``bot.ui.delivery``, nothing drawn."""

    discord: Any
    limit: int = 10 * 2**20
    learned: int = 8
    """What it takes the limit for after a refusal; like all that is learned, forgotten at the end
    of the process.
    """

    async def open_status(
        self, generation: Generation, standing: Standing, *, again: bool
    ) -> Place:
        place = generation.place
        message = None
        if again:
            seen = await self.discord.history(place.channel_id, since=generation.created_at)
            message = next((m for m in seen if _is(m, generation, "status")), None)
        if message is None:
            message = await self.discord.send(
                place.channel_id,
                kind="status",
                generation=generation,
                nonce=message_nonce(generation.id, "status"),
            )
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

    async def update_status(self, generation: Generation, standing: Standing) -> None:
        message_id = generation.place.status_message_id
        if message_id is not None:
            await self.discord.edit(message_id, generation.state)

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        how: str,
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

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        place = generation.place
        message_id = place.status_message_id
        if message_id is not None and await self.discord.edit(message_id, generation.state):
            return
        if again:
            seen = await self.discord.history(place.channel_id, since=generation.created_at)
            for message in seen:
                if message.generation_id == generation.id and message.kind != "video":
                    await self.discord.edit(message.id, generation.state)
                    return
        await self.discord.send(
            generation.place.channel_id,
            kind="end",
            generation=generation,
            nonce=message_nonce(generation.id, "ended"),
        )

    def upload_limit(self, generation: Generation, target: Target) -> int:
        return self.limit

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        await self.discord.alert(code)


def _is(message: Message, generation: Generation, kind: str) -> bool:
    return (message.generation_id, message.kind) == (generation.id, kind)


def _channel(target: Target) -> int:
    return DIRECTS + target.id if target.kind is TargetKind.DIRECT else target.id


def _posted(posting: Posting, message: Message) -> Posting:
    return replace(posting, message_id=message.id, channel_id=ChannelId(message.channel_id))


LIST_SETTLES = 120
"""A POST may still be worked on for so long before its task stands in the list."""


@dataclass
class Gateway(FakeProvider):
    """A provider whose troubles are lasting.

    ``refuses`` is its answer to every POST; ``mute`` tells whether a POST is taken and its answer
    lost, ``deaf`` whether it is lost on the way; ``ends`` how every task ends. A POST takes
    ``latency`` seconds.
    """

    refuses: ProviderError | None = None
    mute: Callable[[], bool] = lambda: False
    deaf: Callable[[], bool] = lambda: False
    ends: Callable[[TaskId], TaskReport] | None = None
    latency: float = 0.0

    async def submit(self, prepared: PreparedTask, *, key: str) -> Submission:
        if self.latency:
            await self.clock.sleep(self.latency)
        if self.deaf():
            raise ProviderError(Code.PROVIDER_TIMEOUT, accepted=Accepted.UNKNOWN, retryable=True)
        if self.refuses is not None:
            self.posts += 1
            raise self.refuses
        taken = await super().submit(prepared, key=key)
        if self.mute():
            raise ProviderError(Code.PROVIDER_TIMEOUT, accepted=Accepted.UNKNOWN, retryable=True)
        return taken

    async def find(
        self,
        prepared: PreparedTask,
        *,
        since: datetime,
        sent_at: datetime | None = None,
        others: Collection[TaskId] | None = None,
    ) -> Submission | None:
        """As EvoLink's list: it proves absence, never identity, and not too early."""
        undecided = ProviderError(Code.SUBMIT_UNKNOWN, accepted=Accepted.UNKNOWN)
        if not self.can_find:
            raise undecided
        if (self.clock.now() - (sent_at or since)).total_seconds() < LIST_SETTLES:
            raise undecided
        after = since - timedelta(seconds=30)
        left = [t for t in self.tasks.values() if t.made_at >= after]
        left = [t for t in left if t.task_id not in (others or ())]
        if not left:
            return None
        if others is None or len(left) > 1:
            raise undecided
        return Submission(task_id=left[0].task_id)

    def of(self, generation_id: GenerationId) -> list[FakeTask]:
        """Tasks paid for a generation, by the key they came with."""
        return [t for t in self.tasks.values() if t.key.split("-")[1] == generation_id]

    def _report(self, task: FakeTask) -> TaskReport:
        report = super()._report(task)
        if self.ends is not None and task.ends_after <= self.clock.seconds:
            return self.ends(task.task_id)
        return report


@dataclass
class Disk(FakeMedia):
    """Files of ``size`` bytes; making one smaller takes ``fit_seconds``, and the copy is kept."""

    clock: Any = None
    fit_seconds: float = 0.0

    async def fit(self, media: StoredMedia, *, max_bytes: int) -> FittedMedia:
        source = self.path_of(media)
        if media.size <= max_bytes:
            return FittedMedia(path=str(source), size=media.size, how="original")
        copy = source.with_suffix(f".{max_bytes}.mp4")
        if not copy.exists():
            await self.clock.sleep(self.fit_seconds)
            copy.write_bytes(source.read_bytes()[:max_bytes])
        return FittedMedia(path=str(copy), size=max_bytes, how="reencoded")
