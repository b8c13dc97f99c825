"""The gateway with a real client: login, events, resume, reconnects and close codes."""

import json

import aiohttp
import discord
import pytest

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.seed import GENERAL
from sandbox.discord.state.sessions import Intent
from tests.integration.discord_client import Bot, OwnedClock, Start


async def test_a_client_logs_in_and_knows_its_servers(bot: Bot) -> None:
    client = bot.client
    assert bot.user.name == "retake"
    assert {guild.name for guild in client.guilds} == {"Retake Studio", "Other Server"}
    general = bot.channel("general")
    assert general.guild.me.guild_permissions.attach_files
    assert general.permissions_for(general.guild.me).send_messages
    announcements = bot.channel("announcements")
    assert not announcements.permissions_for(announcements.guild.me).send_messages


async def test_a_persons_message_arrives(bot: Bot) -> None:
    sent = await bot.standin.people.send("mira", "general", f"<@{bot.user.id}> hello")
    message = await bot.client.hear("message")
    assert message.id == int(sent["id"])
    assert message.author.display_name == "Mira"
    assert message.guild.name == "Retake Studio"


async def test_what_happened_during_a_drop_is_replayed(bot: Bot) -> None:
    standin = bot.standin
    before = standin.position
    standin.gateway.drop(resumable=True)
    await standin.wait("BOT", {"online": False}, after=before)
    await standin.people.send("mira", "dm", "said while nobody listened")
    message = await bot.client.hear("message")
    assert message.content == "said while nobody listened"
    assert len(bot.client.heard["resumed"]) == 1
    assert len(bot.client.heard["ready"]) == 1


async def test_a_lost_session_is_not_resumed(bot: Bot) -> None:
    bot.standin.gateway.drop(resumable=False)
    await bot.client.hear("ready", 2)
    assert "resumed" not in bot.client.heard


async def test_a_request_to_reconnect_is_followed_by_a_resume(bot: Bot) -> None:
    bot.standin.gateway.ask_to_reconnect()
    await bot.client.hear("resumed")
    assert len(bot.client.heard["ready"]) == 1


@pytest.mark.parametrize(("resumable", "event"), [(True, "resumed"), (False, "ready")])
async def test_an_invalid_session(bot: Bot, resumable: bool, event: str) -> None:
    bot.standin.gateway.invalidate(resumable=resumable)
    await bot.client.hear(event, 1 if resumable else 2)


async def test_a_session_lost_for_too_long_is_gone(bot: Bot, clock: OwnedClock) -> None:
    standin = bot.standin
    before = standin.position
    standin.gateway.refuse(1)
    standin.gateway.drop(resumable=True)
    await standin.wait("BOT", {"online": False}, after=before)
    clock.now += 301
    await bot.client.hear("ready", 2)
    assert "resumed" not in bot.client.heard


async def test_privileged_intents_were_not_granted(start: Start) -> None:
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await start(intents=discord.Intents.all())


async def test_a_wrong_token_is_refused(start: Start) -> None:
    with pytest.raises(discord.LoginFailure):
        await start(token="another")


async def hang_up_code(standin: DiscordStandIn, *frames: object) -> int | None:
    """The close code after these frames were sent on a fresh connection."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{standin.gateway_url}?v=10&encoding=json") as socket,
    ):
        assert (await socket.receive_json())["op"] == 10
        for frame in frames:
            await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        while (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        return socket.close_code


def identify(token: str, *, intents: int = 513) -> dict[str, object]:
    return {"op": 2, "d": {"token": token, "intents": intents, "properties": {}}}


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (["no json"], 4002),
        ([{"op": 8, "d": {}}], 4003),
        ([identify("wrong")], 4004),
        ([identify("sandbox-token"), identify("sandbox-token")], 4005),
        ([identify("sandbox-token", intents=1 << 40)], 4013),
        ([identify("sandbox-token", intents=Intent.MESSAGE_CONTENT)], 4014),
        ([identify("sandbox-token"), {"op": 77}], 4001),
        ([{"op": 1, "d": None}] * 121, 4008),
    ],
)
async def test_close_codes(standin: DiscordStandIn, frames: list[object], code: int) -> None:
    assert await hang_up_code(standin, *frames) == code


async def test_an_event_of_an_intent_not_asked_for_stays_away(start: Start) -> None:
    bot = await start(intents=discord.Intents(guilds=True, dm_messages=True))
    await bot.standin.people.send("mira", "general", "for others")
    await bot.standin.people.send("mira", "dm", "for the bot")
    assert (await bot.client.hear("message")).content == "for the bot"


async def test_changes_to_the_world_reach_the_client(bot: Bot) -> None:
    standin = bot.standin
    standin.places.delete_channel(standin.world.channels[GENERAL])
    channel = await bot.client.hear("guild_channel_delete")
    assert channel.name == "general"
    standin.places.kick_bot(standin.world.guild("Other Server"))
    guild = await bot.client.hear("guild_remove")
    assert guild.name == "Other Server"
