"""The world that people and the bot share, and how one thing in it finds another.

Owns the objects (`models`) by id and who may do what in a channel. Must not know how Discord writes
them down (`render`), who hears of a change (`events`) or what is refused (`rules`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.discord.state.models import (
    UPLOAD_LIMITS,
    Attachment,
    Channel,
    ChannelKind,
    Guild,
    Message,
    Sticker,
    User,
)
from sandbox.discord.state.permissions import ALL, DIRECT, P, Permission


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
    """Return what a member may do in a server, before the channel's overwrites."""
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
    """Return what a member may do in a channel, a thread or a direct message."""
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
