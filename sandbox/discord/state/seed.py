"""The world as the sandbox opens: two servers, three people and the bot.

Owns the names, ids and permissions that a demo and the tests start from. The ids are fixed, so that
a script may name them. Must not know anything that happens afterwards.
"""

from sandbox.discord.state.models import Channel, ChannelKind, Guild, Member, Overwrite, Role, User
from sandbox.discord.state.permissions import EVERYONE, INVITED, Permission
from sandbox.discord.state.snowflakes import made_at
from sandbox.discord.state.world import World

APPLICATION_ID = 120000000000000001
STUDIO = "110000000000000001"
OTHER = "110000000000000002"
MIRA, TOM, ANA = "130000000000000001", "130000000000000002", "130000000000000003"
GENERAL, VIDEOS, ANNOUNCEMENTS = "140000000000000001", "140000000000000002", "140000000000000003"
NEWS, IDEAS, LOUNGE = "140000000000000004", "140000000000000005", "140000000000000006"
OTHER_GENERAL = "140000000000000011"


def opening_world(*, bot_id: str) -> World:
    """A fresh world; the bot is a member of both servers with the permissions of its invite."""
    world = World(bot_id=bot_id)
    for user in (
        User(id=MIRA, username="mira", global_name="Mira", color="#c2410c"),
        User(id=TOM, username="tom", global_name="Tom", color="#0e7490"),
        User(id=ANA, username="ana", global_name="Ana", color="#7e22ce"),
        User(id=bot_id, username="retake", global_name="Retake", color="#4f46e5", bot=True),
    ):
        world.users[user.id] = user
    studio = _guild(world, STUDIO, "Retake Studio", people=(MIRA, TOM, ANA))
    admins = Role(
        id="150000000000000001",
        name="Admins",
        permissions=Permission.MANAGE_GUILD | Permission.MANAGE_MESSAGES,
        color=0xC2410C,
        position=3,
    )
    editors = Role(
        id="150000000000000002",
        name="Editors",
        permissions=Permission(0),
        color=0x0E7490,
        position=1,
    )
    studio.roles |= {admins.id: admins, editors.id: editors}
    studio.members[MIRA].roles.append(admins.id)
    studio.members[TOM].roles.append(editors.id)
    for position, (channel_id, name, kind, topic) in enumerate(
        (
            (GENERAL, "general", ChannelKind.TEXT, "Anything goes"),
            (VIDEOS, "videos", ChannelKind.TEXT, "Videos, made and edited by conversation"),
            (ANNOUNCEMENTS, "announcements", ChannelKind.TEXT, "The bot may not write here"),
            (NEWS, "news", ChannelKind.ANNOUNCEMENT, "An announcement channel"),
            (IDEAS, "ideas", ChannelKind.FORUM, "A forum: every post is a thread"),
            (LOUNGE, "lounge", ChannelKind.VOICE, None),
        )
    ):
        _channel(world, studio, channel_id, name, kind, topic, position)
    world.channels[ANNOUNCEMENTS].overwrites[bot_id] = Overwrite(
        id=bot_id,
        of_member=True,
        deny=Permission.SEND_MESSAGES
        | Permission.SEND_MESSAGES_IN_THREADS
        | Permission.CREATE_PUBLIC_THREADS
        | Permission.CREATE_PRIVATE_THREADS,
    )
    other = _guild(world, OTHER, "Other Server", people=(MIRA, TOM))
    _channel(world, other, OTHER_GENERAL, "other-general", ChannelKind.TEXT, None, 0)
    for index, person in enumerate((MIRA, TOM, ANA), start=1):
        world.add_channel(
            Channel(
                id=f"16000000000000000{index}",
                kind=ChannelKind.DM,
                name=None,
                guild_id=None,
                recipients=[person, bot_id],
            )
        )
    return world


def _guild(world: World, guild_id: str, name: str, *, people: tuple[str, ...]) -> Guild:
    """A server owned by the first of these people, with the bot in it."""
    guild = Guild(id=guild_id, name=name, owner_id=people[0])
    since = made_at(guild_id)
    bots_role = Role(
        id=str(int(guild_id) + 100),
        name="Retake",
        permissions=INVITED,
        position=2,
        managed=True,
    )
    everyone = Role(id=guild_id, name="@everyone", permissions=EVERYONE)
    guild.roles = {everyone.id: everyone, bots_role.id: bots_role}
    for person in people:
        guild.members[person] = Member(user_id=person, joined_at=since)
    guild.members[world.bot_id] = Member(
        user_id=world.bot_id, joined_at=since, roles=[bots_role.id]
    )
    world.guilds[guild.id] = guild
    return guild


def _channel(
    world: World,
    guild: Guild,
    channel_id: str,
    name: str,
    kind: ChannelKind,
    topic: str | None,
    position: int,
) -> None:
    world.add_channel(
        Channel(
            id=channel_id,
            kind=kind,
            name=name,
            guild_id=guild.id,
            topic=topic,
            position=position,
        )
    )
