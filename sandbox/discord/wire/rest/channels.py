"""Channels and threads as objects: read, changed, deleted; typing."""

from sandbox.discord.rules.access import may_write
from sandbox.discord.rules.errors import DiscordError, missing_permissions
from sandbox.discord.state.permissions import Permission
from sandbox.discord.wire.rest.call import Answer, Call, Route


def get(call: Call) -> Answer:
    return 200, call.core.render.channel(call.channel(), member_of=call.bot_id)


def edit(call: Call) -> Answer:
    channel = call.channel()
    if channel.thread:
        call.threads.edit(channel, call.bot_id, call.json)
        return 200, call.core.render.channel(channel, member_of=call.bot_id)
    if not call.allowed(channel) & Permission.MANAGE_CHANNELS:
        raise missing_permissions()
    raise DiscordError(403, 50013, "The bot has no business with channels: Missing Permissions")


def delete(call: Call) -> Answer:
    channel = call.channel()
    answer = call.core.render.channel(channel)
    if channel.guild_id is None:
        return 200, answer
    needed = Permission.MANAGE_THREADS if channel.thread else Permission.MANAGE_CHANNELS
    if not call.allowed(channel) & needed:
        raise missing_permissions()
    call.places.delete_channel(channel)
    return 200, answer


def typing(call: Call) -> Answer:
    channel = call.channel()
    may_write(call.core.world, channel, call.bot_id)
    call.messages.typing(channel)
    return 204, None


ROUTES = [
    Route(method="GET", template="/channels/{channel_id}", handler=get),
    Route(method="PATCH", template="/channels/{channel_id}", handler=edit),
    Route(method="DELETE", template="/channels/{channel_id}", handler=delete),
    Route(method="POST", template="/channels/{channel_id}/typing", handler=typing),
]
