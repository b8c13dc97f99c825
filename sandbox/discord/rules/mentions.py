"""Who a message pings: by its words, by being a reply, within what was allowed.

Owns reading mentions. Must not know how a message came about (`messages`).
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.discord.rules.components import walk
from sandbox.discord.state.models import Channel, Message
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.world import World

Json = dict[str, Any]
MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")


def mention(
    world: World,
    channel: Channel,
    message: Message,
    allowed: Json | None,
    *,
    replied_to: Message | None = None,
    ping: bool | None = None,
) -> None:
    """Who is pinged: by the content, by the reply, within what was allowed."""
    text = message.content
    if message.is_v2:
        text = "\n".join(item["content"] for item in walk(message.components) if item["type"] == 10)
    parse = None if allowed is None else allowed.get("parse") or []
    users = [user for user in dict.fromkeys(MENTION.findall(text)) if user in world.users]
    roles = list(dict.fromkeys(ROLE_MENTION.findall(text)))
    if parse is not None and allowed is not None:
        if "users" not in parse:
            users = [user for user in users if user in map(str, allowed.get("users") or [])]
        if "roles" not in parse:
            roles = [role for role in roles if role in map(str, allowed.get("roles") or [])]
    guild = world.guild_of(channel)
    may = world.allowed(message.author_id, channel)
    everyone = ("@everyone" in text or "@here" in text) and (parse is None or "everyone" in parse)
    message.mention_everyone = bool(everyone and guild and may & Permission.MENTION_EVERYONE)
    message.mention_roles = [role for role in roles if guild and role in guild.roles]
    if replied_to:
        if ping is None:
            ping = True if allowed is None else bool(allowed.get("replied_user"))
        # A reply to an answer of an interaction does not ping the bot: the facts say so.
        if ping and not replied_to.interaction_id and replied_to.author_id not in users:
            users.append(replied_to.author_id)
    message.mentions = users
