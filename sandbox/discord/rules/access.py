"""Who may write where, and which message a reply may point at.

Owns Discord's refusals for these. Must not know what a message says (`message_rules`).
"""

from __future__ import annotations

from typing import Any

from sandbox.discord.rules.errors import DiscordError, invalid, missing_access, missing_permissions
from sandbox.discord.state.models import HOLDS_POSTS, Channel, Message, MessageKind
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.world import World

Json = dict[str, Any]
WRITTEN = frozenset(
    {
        MessageKind.DEFAULT,
        MessageKind.REPLY,
        MessageKind.CHAT_INPUT_COMMAND,
        MessageKind.CONTEXT_MENU_COMMAND,
    }
)
"""The messages that members and bots wrote. All others are Discord's own."""


def may_write(
    world: World, channel: Channel, author_id: str, *, files: bool = False, embeds: bool = False
) -> None:
    """Refuse a member who may not write here."""
    allowed = world.allowed(author_id, channel)
    if not allowed & Permission.VIEW_CHANNEL:
        raise missing_access()
    if channel.kind in HOLDS_POSTS:
        raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
    thread = channel.thread
    if thread and thread.locked and not allowed & Permission.MANAGE_THREADS:
        raise DiscordError(403, 160005, "Thread is locked")
    needed = Permission.SEND_MESSAGES_IN_THREADS if thread else Permission.SEND_MESSAGES
    if files:
        needed |= Permission.ATTACH_FILES
    if embeds:
        needed |= Permission.EMBED_LINKS
    if allowed & needed != needed:
        raise missing_permissions()
    if channel.guild_id is None and author_id == world.bot_id:
        other = world.users[next(user for user in channel.recipients if user != author_id)]
        if not other.dms_open or not world.shares_guild(other.id, author_id):
            raise DiscordError(403, 50007, "Cannot send messages to this user")


def reply_target(
    world: World, channel: Channel, author_id: str, given: Json | None
) -> tuple[Json | None, Message | None]:
    """Return the reference as Discord keeps it, and the message it points at."""
    if not given:
        return None, None
    if not world.allowed(author_id, channel) & Permission.READ_MESSAGE_HISTORY:
        raise DiscordError(403, 160002, "Cannot reply without permission to read message history")
    target = world.messages.get(str(given.get("message_id")))
    where = str(given.get("channel_id") or channel.id)
    if target is None or target.channel_id != channel.id or where != channel.id:
        if given.get("fail_if_not_exists") is False:
            return None, None
        raise invalid("REPLIES_UNKNOWN_MESSAGE", "Unknown message", "message_reference")
    if target.ephemeral:
        raise invalid("REPLIES_UNKNOWN_MESSAGE", "Unknown message", "message_reference")
    if target.kind not in WRITTEN:
        raise invalid(
            "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE",
            "Cannot reply to a system message",
            "message_reference",
        )
    return reference_to(channel, target), target


def reference_to(channel: Channel, target: Message) -> Json:
    """Return how a reply names the message it answers."""
    reference: Json = {"type": 0, "channel_id": channel.id, "message_id": target.id}
    if channel.guild_id:
        reference["guild_id"] = channel.guild_id
    return reference
