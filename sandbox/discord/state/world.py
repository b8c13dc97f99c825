"""The world that people and the bot share: users, servers, channels, threads, messages, files.

Owns these objects and how one finds another. Must not know how Discord writes them down
(`render`), who is told about a change (`dispatch`) or what is allowed (`rules`, `permissions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.discord.state.permissions import NOTHING, Permission

if TYPE_CHECKING:
    from sandbox.discord.state.world import Channel, Guild, World
from sandbox.discord.state.permissions import ALL, DIRECT, P

MIB = 1024 * 1024


UPLOAD_LIMITS = {0: 10 * MIB, 1: 10 * MIB, 2: 50 * MIB, 3: 100 * MIB}


class ChannelKind(IntEnum):
    TEXT = 0
    DM = 1
    VOICE = 2
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


HOLDS_THREADS = frozenset({ChannelKind.TEXT, ChannelKind.ANNOUNCEMENT})
"""Where a thread can be made from a message. In forums and media channels a post is one."""


HOLDS_POSTS = frozenset({ChannelKind.FORUM, ChannelKind.MEDIA})


SPOKEN = frozenset({ChannelKind.VOICE, ChannelKind.STAGE})


class MessageKind(IntEnum):
    DEFAULT = 0
    RECIPIENT_ADD = 1
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


class MessageFlag:
    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    HAS_SNAPSHOT = 1 << 14
    COMPONENTS_V2 = 1 << 15


@dataclass(kw_only=True)
class User:
    id: str
    username: str
    global_name: str | None
    color: str
    bot: bool = False
    dms_open: bool = True


@dataclass(kw_only=True)
class Role:
    id: str
    name: str
    permissions: Permission
    color: int = 0
    position: int = 0
    managed: bool = False


@dataclass(kw_only=True)
class Member:
    user_id: str
    joined_at: float
    nick: str | None = None
    roles: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Overwrite:
    id: str
    of_member: bool
    allow: Permission = NOTHING
    deny: Permission = NOTHING


@dataclass(kw_only=True)
class Guild:
    id: str
    name: str
    owner_id: str
    premium_tier: int = 0
    upload_limit: int | None = None
    system_channel_id: str | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    @property
    def largest_upload(self) -> int:
        return self.upload_limit or UPLOAD_LIMITS[self.premium_tier]


@dataclass(kw_only=True)
class Thread:
    owner_id: str
    private: bool
    created_at: float
    archived: bool = False
    archived_at: float = 0.0
    locked: bool = False
    invitable: bool = True
    auto_archive_minutes: int = 1440
    members: dict[str, float] = field(default_factory=dict)
    message_count: int = 0


@dataclass(kw_only=True)
class Channel:
    id: str
    kind: ChannelKind
    name: str | None
    guild_id: str | None
    parent_id: str | None = None
    position: int = 0
    topic: str | None = None
    slowmode: int = 0
    overwrites: dict[str, Overwrite] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    thread: Thread | None = None
    last_message_id: str | None = None
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass(kw_only=True)
class Attachment:
    id: str
    channel_id: str
    filename: str
    size: int
    content_type: str
    path: Path
    width: int | None = None
    height: int | None = None
    description: str | None = None
    ephemeral: bool = False


@dataclass(kw_only=True)
class Sticker:
    id: str
    name: str
    # PNG 1, APNG 2, Lottie 3, GIF 4, as Discord numbers them.
    format_type: int
    path: Path


@dataclass(kw_only=True)
class Message:
    id: str
    channel_id: str
    author_id: str
    kind: MessageKind = MessageKind.DEFAULT
    content: str = ""
    flags: int = 0
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    stickers: list[Sticker] = field(default_factory=list)
    # What a forwarded message shows: a copy of the other one as it was.
    snapshot: Message | None = None
    mentions: list[str] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    mention_everyone: bool = False
    reference: dict[str, Any] | None = None
    nonce: str | int | None = None
    created_at: float = 0.0
    edited_at: float | None = None
    position: int = 0
    old_edits: list[float] = field(default_factory=list)
    # An answer to an interaction: made through its webhook, perhaps for one person's eyes only.
    interaction_id: str | None = None
    interaction_metadata: dict[str, Any] | None = None
    visible_to: str | None = None

    @property
    def ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def is_v2(self) -> bool:
        return bool(self.flags & MessageFlag.COMPONENTS_V2)


class World:
    """Everything there is, in memory, found by id."""

    def __init__(self, *, bot_id: str) -> None:
        self.bot_id = bot_id
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        self.attachments: dict[str, Attachment] = {}
        self.stickers: dict[str, Sticker] = {}

    @property
    def bot(self) -> User:
        return self.users[self.bot_id]

    def user(self, who: str) -> User:
        """A person by id or by username."""
        if who in self.users:
            return self.users[who]
        for user in self.users.values():
            if user.username == who:
                return user
        raise KeyError(f"there is no user {who!r}")

    def channel(self, where: str, *, seen_by: str | None = None) -> Channel:
        """A channel by id or by name (`general` or `#general`)."""
        if where in self.channels:
            return self.channels[where]
        name = where.removeprefix("#")
        for channel in self.channels.values():
            if channel.name == name and (seen_by is None or self.sees(seen_by, channel)):
                return channel
        raise KeyError(f"there is no channel {where!r}")

    def guild(self, which: str) -> Guild:
        if which in self.guilds:
            return self.guilds[which]
        for guild in self.guilds.values():
            if guild.name == which:
                return guild
        raise KeyError(f"there is no server {which!r}")

    def dm(self, user_id: str) -> Channel | None:
        """The conversation of this person with the bot."""
        for channel in self.channels.values():
            if channel.kind is ChannelKind.DM and user_id in channel.recipients:
                return channel
        return None

    def guild_of(self, channel: Channel) -> Guild | None:
        return self.guilds[channel.guild_id] if channel.guild_id else None

    def threads_of(self, guild: Guild) -> Iterator[Channel]:
        return (channel for channel in guild.channels.values() if channel.thread)

    def allowed(self, user_id: str, channel: Channel) -> Permission:
        return in_channel(self, user_id, channel)

    def sees(self, user_id: str, channel: Channel) -> bool:
        return bool(self.allowed(user_id, channel) & Permission.VIEW_CHANNEL)

    def sees_message(self, user_id: str, message: Message) -> bool:
        if message.visible_to is not None:
            return message.visible_to == user_id
        channel = self.channels.get(message.channel_id)
        return channel is not None and self.sees(user_id, channel)

    def largest_upload(self, channel: Channel) -> int:
        guild = self.guild_of(channel)
        return guild.largest_upload if guild else UPLOAD_LIMITS[0]

    def shares_guild(self, one: str, other: str) -> bool:
        return any(
            one in guild.members and other in guild.members for guild in self.guilds.values()
        )

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        if guild := self.guild_of(channel):
            guild.channels[channel.id] = channel
        return channel

    def remove_channel(self, channel: Channel) -> None:
        del self.channels[channel.id]
        if guild := self.guild_of(channel):
            guild.channels.pop(channel.id, None)
        for message_id in channel.messages:
            self.messages.pop(message_id, None)

    def add_message(self, message: Message) -> None:
        channel = self.channels[message.channel_id]
        channel.messages[message.id] = message
        self.messages[message.id] = message
        if not message.ephemeral:
            channel.last_message_id = message.id
        for attachment in message.attachments:
            self.attachments[attachment.id] = attachment

    def remove_message(self, message: Message) -> None:
        self.channels[message.channel_id].messages.pop(message.id, None)
        self.messages.pop(message.id, None)
        for attachment in message.attachments:
            self.attachments.pop(attachment.id, None)


def in_guild(guild: Guild, user_id: str) -> Permission:
    """What somebody may do in a server before any channel has its say."""
    if user_id == guild.owner_id:
        return ALL
    member = guild.members.get(user_id)
    if member is None:
        return Permission(0)
    bits = guild.roles[guild.id].permissions
    for role_id in member.roles:
        bits |= guild.roles[role_id].permissions
    return ALL if bits & P.ADMINISTRATOR else Permission(bits)


def in_channel(world: World, user_id: str, channel: Channel) -> Permission:
    """What somebody may do in a channel, a thread or a conversation of two."""
    if channel.guild_id is None:
        return DIRECT if user_id in channel.recipients else Permission(0)
    guild = world.guilds[channel.guild_id]
    bits = in_guild(guild, user_id)
    member = guild.members.get(user_id)
    if member is None or bits == ALL:
        return bits
    # A thread has no overwrites of its own: its parent's count.
    place = world.channels.get(channel.parent_id or "") if channel.thread else channel
    if place is None:
        return Permission(0)
    if everyone := place.overwrites.get(guild.id):
        bits = bits & ~everyone.deny | everyone.allow
    deny, allow = Permission(0), Permission(0)
    for role_id in member.roles:
        if overwrite := place.overwrites.get(role_id):
            deny |= overwrite.deny
            allow |= overwrite.allow
    bits = bits & ~deny | allow
    if own := place.overwrites.get(user_id):
        bits = bits & ~own.deny | own.allow
    if not bits & P.VIEW_CHANNEL:
        return Permission(0)
    thread = channel.thread
    if thread and thread.private and user_id not in thread.members and not bits & P.MANAGE_THREADS:
        return Permission(0)
    return bits
