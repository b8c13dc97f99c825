"""Users, the bot about itself, its application, and the gateway's address."""

from sandbox.discord.rules.errors import DiscordError, invalid, unknown
from sandbox.discord.state.world import in_guild
from sandbox.discord.wire.rest.call import Answer, Call, Route


def me(call: Call) -> Answer:
    return 200, call.core.render.me()


def user(call: Call) -> Answer:
    found = call.core.world.users.get(call.params["user_id"])
    if found is None:
        raise unknown("User")
    return 200, call.core.render.user(found)


def application(call: Call) -> Answer:
    return 200, call.core.render.application()


def guilds(call: Call) -> Answer:
    return 200, [
        {
            "id": guild.id,
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": guild.owner_id == call.bot_id,
            "permissions": str(in_guild(guild, call.bot_id).value),
            "features": [],
        }
        for guild in call.core.world.guilds.values()
        if call.bot_id in guild.members
    ]


def open_dm(call: Call) -> Answer:
    recipient = str(call.json.get("recipient_id", ""))
    world = call.core.world
    if recipient not in world.users:
        raise invalid("USER_ID_UNKNOWN", "Unknown user.", "recipient_id")
    if world.users[recipient].bot:
        raise DiscordError(400, 50007, "Cannot send messages to this user")
    channel = world.dm(recipient)
    if channel is None:
        channel = call.places.open_dm(recipient)
    return 200, call.core.render.channel(channel)


def gateway(call: Call) -> Answer:
    return 200, {"url": call.core.gateway_url}


def gateway_bot(call: Call) -> Answer:
    return 200, {
        "url": call.core.gateway_url,
        "shards": 1,
        "session_start_limit": {
            "total": 1000,
            "remaining": 999,
            "reset_after": 14_400_000,
            "max_concurrency": 1,
        },
    }


ROUTES = [
    Route(method="GET", template="/users/@me", handler=me),
    Route(method="GET", template="/users/@me/guilds", handler=guilds),
    Route(method="POST", template="/users/@me/channels", handler=open_dm),
    Route(method="GET", template="/users/{user_id}", handler=user),
    Route(method="GET", template="/oauth2/applications/@me", handler=application),
    Route(method="GET", template="/applications/@me", handler=application),
    Route(method="GET", template="/gateway", handler=gateway, by_token=True),
    Route(method="GET", template="/gateway/bot", handler=gateway_bot),
]
