"""Forwarded messages, stickers and previews of links, with a real client."""

import aiohttp
import discord

from sandbox.discord.state.seed import GENERAL, STUDIO
from tests.integration.discord_client import Bot
from tests.integration.discord_standin.pictures import png


async def fetch(url: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read()


async def shared(bot: Bot) -> str:
    """A message of Mira's with words and a picture."""
    people = bot.standin.people
    upload = await people.upload("a.png", png(3, 2))
    return (await people.send("mira", "general", f"<@{bot.user.id}> look", uploads=[upload]))["id"]


async def test_a_forwarded_message_carries_a_copy(bot: Bot) -> None:
    first = await shared(bot)
    await bot.standin.people.forward("tom", first, "dm")
    message = await bot.client.hear("message", 2)
    (snapshot,) = message.message_snapshots
    assert (message.content, message.attachments) == ("", [])
    assert snapshot.content.endswith("look")
    (file,) = snapshot.attachments
    assert (await fetch(file.url)) == (200, png(3, 2))
    assert message.reference.type is discord.MessageReferenceType.forward
    assert (message.reference.channel_id, message.reference.guild_id) == (int(GENERAL), int(STUDIO))
    await bot.standin.people.delete("mira", first)
    again = await message.channel.fetch_message(message.id)
    assert again.message_snapshots[0].content.endswith("look")


async def test_a_forwarded_message_is_as_unreadable_as_others(bot: Bot) -> None:
    await bot.standin.people.forward("tom", await shared(bot), "general")
    message = await bot.client.hear("message", 2)
    (snapshot,) = message.message_snapshots
    assert (snapshot.content, snapshot.attachments) == ("", [])
    fetched = await bot.channel("general").fetch_message(message.id)
    assert fetched.message_snapshots[0].attachments == []


async def test_a_sticker_is_seen_whatever_is_said(bot: Bot) -> None:
    people = bot.standin.people
    upload = await people.upload("wave.png", png(3, 2))
    sticker = people.sharing.add_sticker("Wave", upload["id"], 1)
    await people.send("mira", "general", stickers=[sticker])
    message = await bot.client.hear("message")
    (seen,) = message.stickers
    assert (message.content, seen.name, seen.format) == ("", "Wave", discord.StickerFormatType.png)
    assert await fetch(f"{bot.standin.base_url}/cdn/stickers/{sticker}.png") == (200, png(3, 2))
    assert (await fetch(f"{bot.standin.base_url}/cdn/stickers/{sticker}.gif"))[0] == 404
    fetched = await bot.channel("general").fetch_message(message.id)
    assert fetched.stickers[0].id == int(sticker)


async def test_a_link_is_shown_by_discords_own_copy(bot: Bot) -> None:
    people = bot.standin.people
    upload = await people.upload("a.png", png(3, 2))
    preview = {"type": "image", "url": "https://example.com/a.png", "upload": upload["id"]}
    await people.send("mira", "dm", "https://example.com/a.png", previews=[preview])
    (embed,) = (await bot.client.hear("message")).embeds
    assert (embed.thumbnail.url, embed.thumbnail.width) == ("https://example.com/a.png", 3)
    assert await fetch(embed.thumbnail.proxy_url) == (200, png(3, 2))
