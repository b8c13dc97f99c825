"""Threads: made, and who is in them."""

from sandbox.discord.rules.errors import DiscordError, missing_access, missing_permissions, unknown
from sandbox.discord.state.models import Channel, Thread
from sandbox.discord.state.permissions import Permission
from sandbox.discord.wire.rest.call import Answer, Call, Route


def from_message(call: Call) -> Answer:
    parent = call.channel()
    starter = call.message(parent)
    thread = call.threads.create(parent, call.bot_id, call.json, starter=starter)
    return 201, call.core.render.channel(thread, member_of=call.bot_id)


def without_message(call: Call) -> Answer:
    thread = call.threads.create(call.channel(), call.bot_id, call.json)
    return 201, call.core.render.channel(thread, member_of=call.bot_id)


def _thread(call: Call) -> tuple[Channel, Thread]:
    channel = call.channel()
    if channel.thread is None:
        raise DiscordError(400, 50024, "Cannot execute action on this channel type")
    return channel, channel.thread


def members(call: Call) -> Answer:
    channel, thread = _thread(call)
    return 200, [call.core.render.thread_member(channel, user_id) for user_id in thread.members]


def member(call: Call) -> Answer:
    channel, thread = _thread(call)
    if call.params["user_id"] not in thread.members:
        raise unknown("Member")
    return 200, call.core.render.thread_member(channel, call.params["user_id"])


def add(call: Call) -> Answer:
    channel, thread = _thread(call)
    if thread.archived:
        raise DiscordError(400, 50083, "Thread is archived")
    allowed = call.allowed(channel)
    if not allowed & Permission.SEND_MESSAGES_IN_THREADS:
        raise missing_permissions()
    closed = thread.private and not thread.invitable and thread.owner_id != call.bot_id
    if closed and not allowed & Permission.MANAGE_THREADS:
        raise missing_permissions()
    user_id = call.params["user_id"]
    if user_id not in call.core.world.users:
        raise unknown("User")
    parent = call.core.world.channels.get(channel.parent_id or "")
    if parent is None or not call.core.world.sees(user_id, parent):
        raise missing_access()
    call.threads.add(channel, call.bot_id, user_id)
    return 204, None


def join(call: Call) -> Answer:
    channel, thread = _thread(call)
    if thread.archived:
        raise DiscordError(400, 50083, "Thread is archived")
    call.membership.join(channel, [call.bot_id])
    return 204, None


def leave(call: Call) -> Answer:
    channel, _ = _thread(call)
    call.membership.leave(channel, call.bot_id)
    return 204, None


def remove(call: Call) -> Answer:
    channel, thread = _thread(call)
    manages = call.allowed(channel) & Permission.MANAGE_THREADS
    if not manages and not (thread.private and thread.owner_id == call.bot_id):
        raise missing_permissions()
    call.membership.leave(channel, call.params["user_id"])
    return 204, None


MEMBERS = "/channels/{channel_id}/thread-members"
ROUTES = [
    Route(
        method="POST",
        template="/channels/{channel_id}/messages/{message_id}/threads",
        handler=from_message,
    ),
    Route(method="POST", template="/channels/{channel_id}/threads", handler=without_message),
    Route(method="GET", template=MEMBERS, handler=members),
    Route(method="PUT", template=MEMBERS + "/@me", handler=join),
    Route(method="DELETE", template=MEMBERS + "/@me", handler=leave),
    Route(method="GET", template=MEMBERS + "/{user_id}", handler=member),
    Route(method="PUT", template=MEMBERS + "/{user_id}", handler=add),
    Route(method="DELETE", template=MEMBERS + "/{user_id}", handler=remove),
]
