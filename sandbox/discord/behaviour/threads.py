"""Threads: made from a message or without one, joined, archived, locked, deleted.

Owns what becomes of a thread and telling everybody. Used by the bot's requests and by the control
interface. Must not know about HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox.discord.rules.errors import DiscordError, Form, missing_access, missing_permissions
from sandbox.discord.state.models import (
    HOLDS_THREADS,
    Channel,
    ChannelKind,
    Message,
    MessageKind,
    Thread,
)
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.sessions import Intent

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

Json = dict[str, Any]
ACTIVE_THREADS = 1000
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)


class Threads:
    """The one way in which threads come, change and go."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin
        self._world = standin.world

    def create(
        self, parent: Channel, author_id: str, body: Json, *, starter: Message | None = None
    ) -> Channel:
        """A new thread; from a message it takes that message's id."""
        private = starter is None and body.get("type", 12) == ChannelKind.PRIVATE_THREAD
        self._check(parent, author_id, body, private=private, starter=starter)
        now = self._standin.clock()
        kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.PUBLIC_THREAD
        if parent.kind is ChannelKind.ANNOUNCEMENT:
            kind = ChannelKind.ANNOUNCEMENT_THREAD
        invitable = body.get("invitable")
        channel = Channel(
            id=starter.id if starter else self._standin.ids.next(),
            kind=kind,
            name=body["name"],
            guild_id=parent.guild_id,
            parent_id=parent.id,
            slowmode=body.get("rate_limit_per_user") or 0,
            thread=Thread(
                owner_id=author_id,
                private=private,
                created_at=now,
                auto_archive_minutes=body.get("auto_archive_duration") or 1440,
                invitable=True if invitable is None else invitable,
                members={author_id: now},
            ),
        )
        self._world.add_channel(channel)
        self._tell("THREAD_CREATE", channel, newly_created=True)
        if starter:
            # The starter now carries the thread.
            self._standin.messages.tell("MESSAGE_UPDATE", starter)
            self._standin.messages.system(
                channel,
                starter.author_id,
                MessageKind.THREAD_STARTER_MESSAGE,
                reference=self._reference(parent, starter.id),
            )
        elif not private:
            self._standin.messages.system(
                parent,
                author_id,
                MessageKind.THREAD_CREATED,
                content=body["name"],
                reference={
                    "type": 0,
                    "channel_id": channel.id,
                    "guild_id": parent.guild_id,
                },
            )
        return channel

    def _reference(self, channel: Channel, message_id: str) -> Json:
        return {
            "type": 0,
            "channel_id": channel.id,
            "guild_id": channel.guild_id,
            "message_id": message_id,
        }

    def _check(
        self,
        parent: Channel,
        author_id: str,
        body: Json,
        *,
        private: bool,
        starter: Message | None,
    ) -> None:
        allowed = self._world.allowed(author_id, parent)
        if not allowed & Permission.VIEW_CHANNEL:
            raise missing_access()
        guild = self._world.guild_of(parent)
        if (
            guild is None
            or parent.kind not in HOLDS_THREADS
            or (private and parent.kind is not ChannelKind.TEXT)
        ):
            raise DiscordError(400, 50024, "Cannot execute action on this channel type")
        needed = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
        if not allowed & needed:
            raise missing_permissions()
        check_settings(body, required=True)
        self._standin.restrictions.check_words(guild.id, [body["name"]], title=True)
        if starter and starter.id in self._world.channels:
            raise DiscordError(400, 160004, "A thread has already been created for this message")
        if starter and starter.kind not in (
            MessageKind.DEFAULT,
            MessageKind.REPLY,
            MessageKind.CHAT_INPUT_COMMAND,
            MessageKind.CONTEXT_MENU_COMMAND,
        ):
            raise DiscordError(400, 50021, "Cannot execute action on a system message")
        active = sum(
            1
            for channel in self._world.threads_of(guild)
            if channel.thread and not channel.thread.archived
        )
        if active >= ACTIVE_THREADS:
            raise DiscordError(400, 160006, "Maximum number of active threads reached")

    def edit(self, channel: Channel, author_id: str, body: Json) -> None:
        """A change of settings by somebody; refuses as Discord does."""
        thread = channel.thread
        assert thread is not None
        allowed = self._world.allowed(author_id, channel)
        if not allowed & Permission.VIEW_CHANNEL:
            raise missing_access()
        manages = bool(allowed & Permission.MANAGE_THREADS)
        check_settings(body, required=False)
        if thread.archived and body.get("archived") is not False:
            raise DiscordError(400, 50083, "Thread is archived")
        if thread.locked and not manages:
            raise missing_permissions()
        mere_unarchiving = set(body) <= {"archived"} and body.get("archived") is False
        may_unarchive = mere_unarchiving and allowed & Permission.SEND_MESSAGES_IN_THREADS
        if not manages and author_id != thread.owner_id and not may_unarchive:
            raise missing_permissions()
        if ("locked" in body or "rate_limit_per_user" in body) and not manages:
            raise missing_permissions()
        for key, attribute in (
            ("invitable", "invitable"),
            ("auto_archive_duration", "auto_archive_minutes"),
            ("locked", "locked"),
        ):
            if body.get(key) is not None:
                setattr(thread, attribute, body[key])
        if body.get("name"):
            channel.name = body["name"]
        if body.get("rate_limit_per_user") is not None:
            channel.slowmode = body["rate_limit_per_user"]
        if body.get("archived") is not None:
            self.archive(channel, archived=body["archived"], tell=False)
        self.changed(channel)

    def archive(self, channel: Channel, *, archived: bool = True, tell: bool = True) -> None:
        assert channel.thread is not None
        channel.thread.archived = archived
        channel.thread.archived_at = self._standin.clock()
        if tell:
            self.changed(channel)

    def lock(self, channel: Channel) -> None:
        assert channel.thread is not None
        channel.thread.locked = True
        self.archive(channel)

    def changed(self, channel: Channel) -> None:
        self._tell("THREAD_UPDATE", channel)

    def join(self, channel: Channel, users: Iterable[str]) -> list[str]:
        """Those of these people who were not in the thread yet, and see its parent, are now."""
        thread = channel.thread
        assert thread is not None
        parent = self._world.channels.get(channel.parent_id or "")
        joined = []
        for user_id in users:
            if user_id in thread.members or parent is None:
                continue
            if not self._world.sees(user_id, parent):
                continue
            thread.members[user_id] = self._standin.clock()
            joined.append(user_id)
        for user_id in joined:
            # A thread one is added to is new to one.
            if user_id == self._world.bot_id:
                self._to_bot("THREAD_CREATE", channel)
            rendered = self._standin.render.channel(channel)
            self._standin.streams.send(
                "THREAD_CREATE" if thread.private else "THREAD_UPDATE",
                lambda _, rendered=rendered: rendered,
                sees=lambda viewer, user_id=user_id: viewer == user_id,
            )
        return joined

    def add(self, channel: Channel, author_id: str, user_id: str) -> None:
        """Somebody is added by somebody else: the thread says so."""
        if self.join(channel, [user_id]) and user_id != author_id:
            self._standin.messages.system(
                channel, author_id, MessageKind.RECIPIENT_ADD, mentions=[user_id]
            )

    def leave(self, channel: Channel, user_id: str) -> None:
        assert channel.thread is not None
        channel.thread.members.pop(user_id, None)
        if channel.thread.private:
            data = self._gone(channel)
            self._standin.streams.send(
                "THREAD_DELETE", lambda _: data, sees=lambda viewer: viewer == user_id
            )

    def delete(self, channel: Channel) -> None:
        viewers = self._viewers(channel)
        data = self._gone(channel)
        self._world.remove_channel(channel)
        self._standin.tell(
            "THREAD_DELETE",
            data,
            sees=viewers.__contains__,
            intent=Intent.GUILDS,
            to_bot=self._world.bot_id in viewers,
        )

    def _gone(self, channel: Channel) -> Json:
        return {
            "id": channel.id,
            "guild_id": channel.guild_id,
            "parent_id": channel.parent_id,
            "type": channel.kind.value,
        }

    def _viewers(self, channel: Channel) -> set[str]:
        return {user_id for user_id in self._world.users if self._world.sees(user_id, channel)}

    def _tell(self, event: str, channel: Channel, *, newly_created: bool = False) -> None:
        viewers = self._viewers(channel)
        data = self._standin.render.channel(channel)
        if newly_created:
            data["newly_created"] = True
        self._standin.log.append(event, data)
        self._standin.streams.send(event, lambda _: data, sees=viewers.__contains__)
        if self._world.bot_id in viewers:
            self._to_bot(event, channel, newly_created=newly_created)

    def _to_bot(self, event: str, channel: Channel, *, newly_created: bool = False) -> None:
        data = self._standin.render.channel(channel, member_of=self._world.bot_id)
        if newly_created:
            data["newly_created"] = True
        self._standin.gateway.send(event, lambda _: data, intent=Intent.GUILDS)


def check_settings(body: Json, *, required: bool) -> None:
    """A thread's name and times, in Discord's limits."""
    form = Form()
    name = body.get("name")
    if name is None and required:
        form.required("name")
    elif name is not None and not 1 <= len(name) <= 100:
        form.length(1, 100, "name")
    minutes = body.get("auto_archive_duration")
    if minutes is not None and minutes not in ARCHIVE_MINUTES:
        form.choice(ARCHIVE_MINUTES, "auto_archive_duration")
    if not 0 <= (body.get("rate_limit_per_user") or 0) <= 21600:
        form.add(
            ("rate_limit_per_user",),
            "NUMBER_TYPE_MAX",
            "int value should be between 0 and 21600.",
        )
    form.check()
