"""Servers that the bot's owner allows, and the others."""

import discord

from sandbox.discord import DiscordStandIn
from sandbox.discord.state.models import Channel, ChannelKind, Overwrite
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import MIRA, OTHER, OTHER_GENERAL, STUDIO
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Retake, Starting, texts

WHY = "I only work in servers that the bot's owner has allowed"
FOX = delivered(7)


def farewells(standin: DiscordStandIn) -> list[str]:
    """The channels in which the bot said why it goes."""
    bot = standin.world.bot_id
    said = [
        m
        for m in standin.world.messages.values()
        if m.author_id == bot and WHY in m.content and not m.interaction_id
    ]
    return [message.channel_id for message in said]


async def gone(standin: DiscordStandIn, after: int = 0) -> None:
    await standin.wait("GUILD_DELETE", {"id": OTHER}, after=after)


async def test_a_server_that_is_not_allowed_is_left_at_start(
    standin: DiscordStandIn, start: Starting
) -> None:
    retake: Retake = await start(allowed_servers=frozenset({int(STUDIO)}))
    await gone(standin)
    assert farewells(standin) == [OTHER_GENERAL]
    assert set(standin.world.guilds[STUDIO].members) > {standin.world.bot_id}
    assert standin.world.bot_id not in standin.world.guilds[OTHER].members
    # The allowed one and direct messages go on as ever.
    assert "On it" in texts(await retake.command("tom", "video", prompt="x"))
    assert "On it" in texts(await retake.command("tom", "video", channel="dm", prompt="x"))


async def test_an_invitation_to_another_server_ends_at_once(
    standin: DiscordStandIn, start: Starting
) -> None:
    standin.places.kick_bot(standin.world.guilds[OTHER])
    await start(allowed_servers=frozenset({int(STUDIO)}))
    after = standin.position
    guild = standin.world.guilds[OTHER]
    quiet = standin.world.add_channel(
        Channel(id="140000000000000012", kind=ChannelKind.TEXT, name="news", guild_id=OTHER)
    )
    guild.system_channel_id = quiet.id
    standin.places.invite_bot(guild)
    await gone(standin, after)
    assert farewells(standin) == [quiet.id]


async def test_a_server_with_no_place_to_write_is_left_without_a_word(
    standin: DiscordStandIn, start: Starting
) -> None:
    bot = standin.world.bot_id
    standin.world.channels[OTHER_GENERAL].overwrites[bot] = Overwrite(
        id=bot, of_member=True, deny=Permission.SEND_MESSAGES
    )
    await start(allowed_servers=frozenset({int(STUDIO)}))
    await gone(standin)
    assert farewells(standin) == []


async def test_what_is_asked_for_in_another_server_is_refused(
    standin: DiscordStandIn, start: Starting
) -> None:
    """While the bot cannot leave, nothing there costs the owner anything; and why is said once."""
    standin.faults.order(
        {"method": "DELETE", "route": "/users/@me/guilds/{guild_id}", "status": 400, "times": 9}
    )
    retake: Retake = await start(allowed_servers=frozenset({int(STUDIO)}))
    await standin.wait("EXCHANGE", {"method": "DELETE"})
    place = "other-general"
    asked = await retake.command("tom", "video", channel=place, prompt="x")
    quota = await retake.command("tom", "quota", channel=place)
    video = await retake.post_video(FOX, channel=OTHER_GENERAL)
    pressed = await retake.press("tom", str(video.id), f"rt:again:{FOX.id}")
    menu = await retake.menu("tom", "Edit video", str(video.id), channel=place)
    assert all(WHY in texts(answer) for answer in (asked, quota, pressed, menu))
    people = standin.people
    assert (
        await people.autocomplete("tom", place, "video", options={"model": ""}, focused="model")
        == []
    )
    after = standin.position
    await people.send("tom", place, "bluer", reply_to=str(video.id))
    said = await standin.wait("MESSAGE_CREATE", {"author.id": standin.world.bot_id}, after=after)
    assert WHY in said["data"]["content"]
    assert retake.services.generate.asks == []
    assert farewells(standin) == [OTHER_GENERAL] * 2


async def test_an_empty_list_allows_every_server(retake: Retake) -> None:
    answered = await retake.command("tom", "video", channel="other-general", prompt="x")
    assert "On it" in texts(answered)
    assert isinstance(retake.client.get_guild(int(OTHER)), discord.Guild)
    assert MIRA in retake.standin.world.guilds[OTHER].members
