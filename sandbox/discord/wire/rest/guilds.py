"""Servers: what they are, their channels, members, roles and active threads."""

from sandbox.discord.rules.errors import invalid, missing_permissions, unknown
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.world import in_guild
from sandbox.discord.wire.rest.call import Answer, Call, Route


def guild(call: Call) -> Answer:
    found = call.guild()
    answer = call.core.render.guild(found)
    if call.query.get("with_counts") == "true":
        answer |= {
            "approximate_member_count": len(found.members),
            "approximate_presence_count": len(found.members),
        }
    return 200, answer


def channels(call: Call) -> Answer:
    found = call.guild()
    render = call.core.render
    return 200, [
        render.channel(channel) for channel in found.channels.values() if not channel.thread
    ]


def roles(call: Call) -> Answer:
    return 200, [call.core.render.role(role) for role in call.guild().roles.values()]


def role(call: Call) -> Answer:
    found = call.guild().roles.get(call.params["role_id"])
    if found is None:
        raise unknown("Role")
    return 200, call.core.render.role(found)


def member(call: Call) -> Answer:
    found = call.guild().members.get(call.params["user_id"])
    if found is None:
        known = call.params["user_id"] in call.core.world.users
        raise unknown("Member" if known else "User")
    return 200, call.core.render.member(found)


def active_threads(call: Call) -> Answer:
    world, render = call.core.world, call.core.render
    threads = [
        channel
        for channel in world.threads_of(call.guild())
        if channel.thread and not channel.thread.archived and world.sees(call.bot_id, channel)
    ]
    return 200, {
        "threads": [render.channel(channel) for channel in threads],
        "members": [
            render.thread_member(channel, call.bot_id)
            for channel in threads
            if channel.thread and call.bot_id in channel.thread.members
        ],
        "has_more": False,
    }


def edit_me(call: Call) -> Answer:
    found = call.guild()
    allowed = in_guild(found, call.bot_id)
    nick = call.json.get("nick")
    if not allowed & Permission.CHANGE_NICKNAME:
        raise missing_permissions()
    if nick and len(nick) > 32:
        raise invalid("BASE_TYPE_MAX_LENGTH", "Must be 32 or fewer in length.", "nick")
    found.members[call.bot_id].nick = nick or None
    return 200, call.core.render.member(found.members[call.bot_id])


async def leave(call: Call) -> Answer:
    call.places.kick_bot(call.guild())
    return 204, None


ROUTES = [
    Route(method="GET", template="/guilds/{guild_id}", handler=guild),
    Route(method="GET", template="/guilds/{guild_id}/channels", handler=channels),
    Route(method="GET", template="/guilds/{guild_id}/roles", handler=roles),
    Route(method="GET", template="/guilds/{guild_id}/roles/{role_id}", handler=role),
    Route(method="GET", template="/guilds/{guild_id}/members/{user_id}", handler=member),
    Route(method="GET", template="/guilds/{guild_id}/threads/active", handler=active_threads),
    Route(method="PATCH", template="/guilds/{guild_id}/members/@me", handler=edit_me),
    Route(method="DELETE", template="/users/@me/guilds/{guild_id}", handler=leave),
]
