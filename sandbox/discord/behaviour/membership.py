"""Who is in a thread, and whether it is archived or locked.

Owns these changes and publishing what becomes of a thread. Must not make threads (`threads`), nor
write messages: `messages` stands on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.discord.core import Core
from sandbox.discord.state.models import Channel
from sandbox.discord.state.sessions import Intent

Json = dict[str, Any]


class Membership:
    """The members of threads, and the state that lets people write in them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def archive(self, channel: Channel, *, archived: bool = True) -> None:
        assert channel.thread is not None
        channel.thread.archived = archived
        channel.thread.archived_at = self._core.clock()
        self.changed(channel)

    def lock(self, channel: Channel) -> None:
        assert channel.thread is not None
        channel.thread.locked = True
        self.archive(channel)

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
            thread.members[user_id] = self._core.clock()
            joined.append(user_id)
        for user_id in joined:
            # A thread one is added to is new to one.
            if user_id == self._world.bot_id:
                self._to_bot("THREAD_CREATE", channel)
            self._core.streams.send(
                "THREAD_CREATE" if thread.private else "THREAD_UPDATE",
                self._core.render.channel(channel),
                sees={user_id}.__contains__,
            )
        return joined

    def leave(self, channel: Channel, user_id: str) -> None:
        assert channel.thread is not None
        channel.thread.members.pop(user_id, None)
        if channel.thread.private:
            self._core.streams.send("THREAD_DELETE", gone(channel), sees={user_id}.__contains__)

    def viewers(self, channel: Channel) -> set[str]:
        return {user_id for user_id in self._world.users if self._world.sees(user_id, channel)}

    def created(self, channel: Channel) -> None:
        self._publish("THREAD_CREATE", channel, newly_created=True)

    def changed(self, channel: Channel) -> None:
        self._publish("THREAD_UPDATE", channel)

    def _publish(self, event: str, channel: Channel, **more: Any) -> None:
        viewers = self.viewers(channel)
        data = self._core.render.channel(channel) | more
        self._core.publish(event, data, sees=viewers.__contains__)
        if self._world.bot_id in viewers:
            self._to_bot(event, channel, **more)

    def _to_bot(self, event: str, channel: Channel, **more: Any) -> None:
        data = self._core.render.channel(channel, member_of=self._world.bot_id) | more
        self._core.sessions.send(event, data, intent=Intent.GUILDS)


def gone(channel: Channel) -> Json:
    """Return what Discord sends of a thread that a member no longer has."""
    return {
        "id": channel.id,
        "guild_id": channel.guild_id,
        "parent_id": channel.parent_id,
        "type": channel.kind.value,
    }
