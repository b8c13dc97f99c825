"""Users, roles and channels as option and select values; typing; what clients do not offer."""

import asyncio
from typing import Any

import discord
import pytest
from discord import app_commands

from sandbox.discord.rules.errors import Refused
from sandbox.discord.state.seed import VIDEOS
from tests.integration.discord_client import Bot, SmallClient, Start


async def test_options_name_users_roles_and_channels(start: Start) -> None:
    given: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def prepare(client: SmallClient) -> None:
        @client.tree.command(description="Point at things")
        async def point(
            interaction: discord.Interaction,
            whom: discord.User,
            role: discord.Role,
            where: discord.TextChannel,
            anything: discord.Member | discord.Role,
            number: app_commands.Range[float, 0.0, 1.0],
        ) -> None:
            await interaction.response.send_message("seen")
            given.put_nowait((whom, role, where, anything, number))

    bot = await start(prepare=prepare)
    await bot.standin.people.command(
        "mira",
        "general",
        "point",
        options={
            "whom": "tom",
            "role": "Editors",
            "where": VIDEOS,
            "anything": "Admins",
            "number": 0.5,
        },
    )
    whom, role, where, anything, number = await given.get()
    assert (whom.name, role.name, where.name, number) == ("tom", "Editors", "videos", 0.5)
    assert isinstance(anything, discord.Role)
    with pytest.raises(KeyError, match="no role"):
        await bot.standin.people.command(
            "mira",
            "general",
            "point",
            options={"whom": "tom", "role": "Kings", "where": VIDEOS, "anything": "tom"}
            | {"number": 0.5},
        )


async def test_selects_of_entities(bot: Bot) -> None:
    chosen: asyncio.Queue[list[Any]] = asyncio.Queue()
    view = discord.ui.View(timeout=None)
    selects: list[Any] = [
        discord.ui.ChannelSelect(custom_id="channels"),
        discord.ui.RoleSelect(custom_id="roles"),
        discord.ui.MentionableSelect(custom_id="any", max_values=2),
    ]
    for select in selects:

        async def choose(interaction: discord.Interaction, select: Any = select) -> None:
            await interaction.response.defer()
            chosen.put_nowait(list(select.values))

        select.callback = choose
        view.add_item(select)
    message = await bot.channel("general").send("choose", view=view)
    for custom_id, values, names in (
        ("channels", ["videos"], ["videos"]),
        ("roles", ["Editors"], ["Editors"]),
        ("any", ["tom", "Admins"], ["tom", "Admins"]),
    ):
        await bot.standin.people.press("mira", str(message.id), custom_id, values=values)
        assert sorted(item.name for item in await chosen.get()) == sorted(names)


async def test_typing_is_seen(bot: Bot) -> None:
    await bot.channel("general").typing()
    typing = await bot.standin.wait("TYPING_START")
    assert typing["data"]["user_id"] == str(bot.user.id)


async def test_a_person_cannot_send_more_than_the_server_allows(bot: Bot) -> None:
    bot.standin.world.guild("Retake Studio").upload_limit = 3
    upload = await bot.standin.people.upload("a.bin", b"four")
    with pytest.raises(Refused, match="larger"):
        await bot.standin.people.send("tom", "general", "x", uploads=[upload["id"]])


async def test_no_app_menu_on_a_message_only_one_person_sees(start: Start) -> None:
    def prepare(client: SmallClient) -> None:
        @client.tree.context_menu(name="Read")
        async def read(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message("whisper", ephemeral=True)

    bot = await start(prepare=prepare)
    people = bot.standin.people
    sent = await people.send("tom", "general", "words")
    begun = await people.context("tom", "general", "Read", sent["id"])
    whisper = (await people.interaction(begun, wait=5))["message_id"]
    with pytest.raises(Refused, match="only you"):
        await people.context("tom", "general", "Read", whisper)
    with pytest.raises(KeyError, match="no message"):
        await people.context("mira", "general", "Read", whisper)
