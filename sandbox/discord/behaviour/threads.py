"""Threads: made from a message or without one, changed, deleted.

Owns what is refused, and the messages that Discord writes about threads. Used by the bot's requests
and by the control interface. Must not know about HTTP.
"""

from __future__ import annotations

from typing import Any

from sandbox.discord.behaviour.membership import Membership, gone
from sandbox.discord.behaviour.messages import Messages
from sandbox.discord.core import Core
from sandbox.discord.rules.access import WRITTEN, reference_to
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

Json = dict[str, Any]
ACTIVE_THREADS = 1000
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)


class Threads:
    """The one way in which threads come, change and go."""

    def __init__(self, core: Core, membership: Membership, messages: Messages) -> None:
        self._core = core
        self._world = core.world
        self._membership = membership
        self._messages = messages

    def create(
        self, parent: Channel, author_id: str, body: Json, *, starter: Message | None = None
    ) -> Channel:
        """A new thread; from a message it takes that message's id."""
        private = starter is None and body.get("type", 12) == ChannelKind.PRIVATE_THREAD
        self._check(parent, author_id, body, private=private, starter=starter)
        now = self._core.clock()
        kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.PUBLIC_THREAD
        if parent.kind is ChannelKind.ANNOUNCEMENT:
            kind = ChannelKind.ANNOUNCEMENT_THREAD
        invitable = body.get("invitable")
        channel = Channel(
            id=starter.id if starter else self._core.ids.next(),
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
        self._membership.created(channel)
        if starter:
            # The starter now carries the thread.
            self._messages.publish("MESSAGE_UPDATE", starter)
            self._messages.system(
                channel,
                starter.author_id,
                MessageKind.THREAD_STARTER_MESSAGE,
                reference=reference_to(parent, starter),
            )
        elif not private:
            self._messages.system(
                parent,
                author_id,
                MessageKind.THREAD_CREATED,
                content=body["name"],
                reference={"type": 0, "channel_id": channel.id, "guild_id": parent.guild_id},
            )
        return channel

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
        self._core.restrictions.check_words(guild.id, [body["name"]], title=True)
        if starter and starter.id in self._world.channels:
            raise DiscordError(400, 160004, "A thread has already been created for this message")
        if starter and starter.kind not in WRITTEN:
            raise DiscordError(400, 50021, "Cannot execute action on a system message")
        active = sum(
            1
            for channel in self._world.threads_of(guild)
            if channel.thread and not channel.thread.archived
        )
        if active >= ACTIVE_THREADS:
            raise DiscordError(400, 160006, "Maximum number of active threads reached")

    def edit(self, channel: Channel, author_id: str, body: Json) -> None:
        """Change a thread's settings as a member, or refuse as Discord does."""
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
            self._membership.archive(channel, archived=body["archived"])
        else:
            self._membership.changed(channel)

    def add(self, channel: Channel, author_id: str, user_id: str) -> None:
        """Add a member on behalf of another one: the thread says so."""
        if self._membership.join(channel, [user_id]) and user_id != author_id:
            self._messages.system(channel, author_id, MessageKind.RECIPIENT_ADD, mentions=[user_id])

    def delete(self, channel: Channel) -> None:
        viewers = self._membership.viewers(channel)
        self._world.remove_channel(channel)
        self._core.publish(
            "THREAD_DELETE",
            gone(channel),
            sees=viewers.__contains__,
            intent=Intent.GUILDS if self._world.bot_id in viewers else None,
        )


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
