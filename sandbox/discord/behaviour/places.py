"""Servers, channels and conversations of two: made, changed, deleted; the bot invited and kicked.

Owns these changes and publishing them. Must not know who asked for one: REST, or the control
interface.
"""

from __future__ import annotations

from functools import partial

from sandbox.discord.behaviour.membership import Membership
from sandbox.discord.behaviour.threads import Threads
from sandbox.discord.core import Core
from sandbox.discord.state.models import Channel, ChannelKind, Guild, Member, Overwrite, Thread
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.sessions import Intent


class Places:
    """The one way in which servers and channels come, change and go."""

    def __init__(self, core: Core, membership: Membership, threads: Threads) -> None:
        self._core = core
        self._world = core.world
        self._membership = membership
        self._threads = threads

    def open_dm(self, user_id: str) -> Channel:
        channel = self._world.add_channel(
            Channel(
                id=self._core.ids.next(),
                kind=ChannelKind.DM,
                name=None,
                guild_id=None,
                recipients=[user_id, self._world.bot_id],
            )
        )
        rendered = self._core.render.channel(channel)
        self._core.publish("CHANNEL_CREATE", rendered, sees={user_id}.__contains__)
        return channel

    def add_channel(self, guild: Guild, name: str, kind: ChannelKind) -> Channel:
        """Add a channel of any kind to a server."""
        channel = self._world.add_channel(
            Channel(
                id=self._core.ids.next(),
                kind=kind,
                name=name,
                guild_id=guild.id,
                position=len(guild.channels),
            )
        )
        self._publish("CHANNEL_CREATE", channel)
        return channel

    def add_post(self, parent: Channel, author_id: str, name: str) -> Channel:
        """Add a member's post to a forum or media channel: a thread without a starter."""
        now = self._core.clock()
        post = self._world.add_channel(
            Channel(
                id=self._core.ids.next(),
                kind=ChannelKind.PUBLIC_THREAD,
                name=name,
                guild_id=parent.guild_id,
                parent_id=parent.id,
                thread=Thread(
                    owner_id=author_id, private=False, created_at=now, members={author_id: now}
                ),
            )
        )
        self._membership.changed(post)
        return post

    def delete_channel(self, channel: Channel) -> None:
        if channel.thread:
            self._threads.delete(channel)
            return
        for thread in [c for c in self._world.channels.values() if c.parent_id == channel.id]:
            self._threads.delete(thread)
        viewers = self._membership.viewers(channel)
        rendered = self._core.render.channel(channel)
        self._world.remove_channel(channel)
        self._core.publish(
            "CHANNEL_DELETE",
            rendered,
            sees=viewers.__contains__,
            intent=Intent.GUILDS if self._world.bot_id in viewers else None,
        )

    def set_permissions(self, channel: Channel, *, allow: Permission, deny: Permission) -> None:
        """Set the bot's own overwrite in a channel."""
        bot = self._world.bot_id
        channel.overwrites[bot] = Overwrite(id=bot, of_member=True, allow=allow, deny=deny)
        self._publish("CHANNEL_UPDATE", channel)

    def _publish(self, event: str, channel: Channel) -> None:
        self._core.publish(
            event,
            self._core.render.channel(channel),
            sees=partial(self._world.sees, channel=channel),
            intent=Intent.GUILDS,
        )

    def invite_bot(self, guild: Guild) -> None:
        """Somebody who manages a server adds the bot to it, with the permissions of its invite."""
        role = next(role for role in guild.roles.values() if role.managed)
        guild.members[self._world.bot_id] = Member(
            user_id=self._world.bot_id, joined_at=self._core.clock(), roles=[role.id]
        )
        self._core.log.append("GUILD_CREATE", {"id": guild.id})
        joined = self._core.render.guild_create(guild)
        self._core.sessions.send("GUILD_CREATE", joined, intent=Intent.GUILDS)
        self._core.publish("COMMANDS", {})

    def kick_bot(self, guild: Guild) -> None:
        guild.members.pop(self._world.bot_id, None)
        self._core.log.append("GUILD_DELETE", {"id": guild.id})
        self._core.sessions.send("GUILD_DELETE", {"id": guild.id}, intent=Intent.GUILDS)
        self._core.publish("COMMANDS", {})
