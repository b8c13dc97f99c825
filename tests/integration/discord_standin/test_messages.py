"""Messages with a real client: files, layouts, replies, the content rule, nonces, the CDN."""

import io

import aiohttp
import discord
import pytest

from sandbox.discord.state.seed import GENERAL, MIRA, STUDIO
from tests.integration.discord_client import Bot, OwnedClock
from tests.integration.discord_standin.pictures import png

BYTES = b"\x00\x00\x00\x18ftypisom" + b"video" * 1000


async def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.read()


async def test_send_edit_delete(bot: Bot) -> None:
    sent = await bot.channel("general").send("one")
    assert (await bot.client.hear("message")).id == sent.id
    edited = await sent.edit(content="two")
    assert edited.content == "two"
    assert edited.edited_at is not None
    fetched = await bot.channel("general").fetch_message(sent.id)
    assert fetched.content == "two"
    await sent.delete()
    assert (await bot.client.hear("raw_message_delete")).message_id == sent.id
    with pytest.raises(discord.NotFound) as refused:
        await bot.channel("general").fetch_message(sent.id)
    assert refused.value.code == 10008


async def test_a_file_comes_back_byte_by_byte_and_by_range(bot: Bot) -> None:
    file = discord.File(io.BytesIO(BYTES), "a film (1).mp4", description="a red fox")
    sent = await bot.channel("general").send("here", file=file)
    [attachment] = sent.attachments
    assert attachment.filename == "a_film_1.mp4"
    assert (attachment.size, attachment.description) == (len(BYTES), "a red fox")
    assert attachment.content_type == "video/mp4"
    assert await attachment.read() == BYTES
    assert await fetch(attachment.url, Range="bytes=4-7") == (206, b"ftyp")


async def test_a_picture_has_its_size(bot: Bot) -> None:
    sent = await bot.channel("general").send(file=discord.File(io.BytesIO(png(3, 2)), "p.png"))
    assert (sent.attachments[0].width, sent.attachments[0].height) == (3, 2)


async def test_addresses_are_signed_and_expire(bot: Bot, clock: OwnedClock) -> None:
    sent = await bot.channel("general").send(file=discord.File(io.BytesIO(BYTES), "a.mp4"))
    url = sent.attachments[0].url
    assert (await fetch(url))[0] == 200
    assert (await fetch(url.split("?")[0]))[0] == 404
    assert (await fetch(url.replace("ex=", "ex=f")))[0] == 404
    clock.now += 25 * 3600
    assert (await fetch(url))[0] == 404
    again = await bot.channel("general").fetch_message(sent.id)
    assert (await fetch(again.attachments[0].url))[0] == 200
    bot.standin.cdn.expire_everything()
    assert (await fetch(again.attachments[0].url))[0] == 404


async def test_kept_removed_and_added_attachments(bot: Bot) -> None:
    files = [discord.File(io.BytesIO(png(1, 1)), name) for name in ("a.png", "b.png")]
    sent = await bot.channel("general").send(files=files)
    kept = sent.attachments[1]
    added = discord.File(io.BytesIO(b"new"), "c.txt")
    edited = await sent.edit(attachments=[kept, added])
    assert [item.filename for item in edited.attachments] == ["b.png", "c.txt"]
    assert edited.attachments[0].id == kept.id
    assert (await fetch(sent.attachments[0].url))[0] == 404


@pytest.mark.parametrize("again", ["same text", "another text"])
async def test_a_nonce_gives_the_first_message_again(
    bot: Bot, clock: OwnedClock, again: str
) -> None:
    first = await bot.channel("general").send("same text", nonce="g-1")
    second = await bot.channel("general").send(again, nonce="g-1")
    assert second.id == first.id
    assert len(bot.standin.world.channels[GENERAL].messages) == 1
    clock.now += 301
    third = await bot.channel("general").send("same text", nonce="g-1")
    assert third.id != first.id


async def test_a_nonce_of_a_deleted_message_is_free_again(bot: Bot) -> None:
    first = await bot.channel("general").send("x", nonce="g-1")
    await first.delete()
    assert (await bot.channel("general").send("x", nonce="g-1")).id != first.id


async def test_the_upload_limit_is_per_file_and_per_server(bot: Bot) -> None:
    bot.standin.world.guilds[STUDIO].upload_limit = 1000
    small = [discord.File(io.BytesIO(b"x" * 1000), f"{n}.bin") for n in range(3)]
    assert len((await bot.channel("general").send(files=small)).attachments) == 3
    with pytest.raises(discord.HTTPException) as refused:
        await bot.channel("general").send(file=discord.File(io.BytesIO(b"x" * 1001), "big.bin"))
    assert (refused.value.status, refused.value.code) == (413, 40005)
    dm = await (await bot.client.fetch_user(int(MIRA))).create_dm()
    assert (await dm.send(file=discord.File(io.BytesIO(b"x" * 1001), "big.bin"))).attachments


async def test_spooled_files_of_refused_requests_do_not_stay(bot: Bot) -> None:
    bot.standin.world.guilds[STUDIO].upload_limit = 10
    with pytest.raises(discord.HTTPException):
        await bot.channel("general").send(file=discord.File(io.BytesIO(b"x" * 11), "big.bin"))
    assert list(bot.standin.cdn.spool.folder.iterdir()) == []


# The content rule


async def test_without_the_intent_words_of_others_are_empty(bot: Bot) -> None:
    upload = await bot.standin.people.upload("a.png", png(1, 1))
    await bot.standin.people.send("mira", "general", "not for the bot", uploads=[upload["id"]])
    message = await bot.client.hear("message")
    assert (message.content, message.attachments) == ("", [])
    fetched = await bot.channel("general").fetch_message(message.id)
    assert (fetched.content, fetched.attachments) == ("", [])


async def test_a_mention_a_dm_and_a_reply_with_ping_are_read(bot: Bot) -> None:
    people = bot.standin.people
    mine = await bot.channel("general").send("a finished video")
    await bot.client.hear("message", 1)
    await people.send("mira", "general", f"<@{bot.user.id}> look")
    assert (await bot.client.hear("message", 2)).content.endswith("look")
    await people.send("mira", "dm", "between us")
    assert (await bot.client.hear("message", 3)).content == "between us"
    upload = await people.upload("a.png", png(1, 1))
    await people.send("tom", "general", "bluer", reply_to=str(mine.id), uploads=[upload])
    reply = await bot.client.hear("message", 4)
    assert reply.content == "bluer"
    assert reply.type is discord.MessageType.reply
    assert reply.reference.resolved.content == "a finished video"
    assert len(reply.attachments) == 1


async def test_a_reply_without_ping_is_empty_but_still_a_reply(bot: Bot) -> None:
    mine = await bot.channel("general").send("a finished video")
    await bot.standin.people.send("tom", "general", "bluer", reply_to=str(mine.id), ping=False)
    reply = await bot.client.hear("message", 2)
    assert reply.content == ""
    assert reply.reference.message_id == mine.id


async def test_a_reply_to_a_deleted_message_has_no_target(bot: Bot) -> None:
    mine = await bot.channel("general").send("gone soon")
    sent = await bot.standin.people.send("tom", "general", "late", reply_to=str(mine.id))
    await mine.delete()
    fetched = await bot.channel("general").fetch_message(int(sent["id"]))
    assert fetched.reference.resolved is None or isinstance(
        fetched.reference.resolved, discord.DeletedReferencedMessage
    )


async def test_the_bots_reply_pings_as_allowed(bot: Bot) -> None:
    asked = await bot.standin.people.send("mira", "general", "please")
    message = await bot.client.hear("message")
    quiet = await message.reply("done", mention_author=False)
    assert quiet.mentions == []
    loud = await message.reply("done", mention_author=True)
    assert [user.name for user in loud.mentions] == ["mira"]
    one = discord.AllowedMentions(users=[discord.Object(int(asked["author"]["id"]))])
    text = f"<@{asked['author']['id']}> <@{bot.standin.world.user('tom').id}> @everyone"
    pinged = await bot.channel("general").send(text, allowed_mentions=one)
    assert [user.name for user in pinged.mentions] == ["mira"]
    assert not pinged.mention_everyone


# Layouts


class Card(discord.ui.LayoutView):
    def __init__(self) -> None:
        super().__init__(timeout=None)
        gallery = discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://a.png"))
        row: discord.ui.ActionRow = discord.ui.ActionRow(
            discord.ui.Button(label="Edit", custom_id="edit:1"),
            discord.ui.Button(label="Site", url="https://example.org/"),
        )
        section = discord.ui.Section(
            "words", accessory=discord.ui.Thumbnail("attachment://a.png", description="alt")
        )
        self.add_item(
            discord.ui.Container(
                discord.ui.TextDisplay("# A card"),
                discord.ui.Separator(),
                section,
                gallery,
                discord.ui.File("attachment://b.txt"),
                row,
                accent_colour=0x123456,
            )
        )


def files() -> list[discord.File]:
    return [
        discord.File(io.BytesIO(png(4, 4)), "a.png"),
        discord.File(io.BytesIO(b"text"), "b.txt"),
    ]


async def test_a_layout_resolves_its_attachments(bot: Bot) -> None:
    sent = await bot.channel("general").send(view=Card(), files=files())
    assert sent.flags.components_v2
    assert sent.attachments == []  # They are in the layout and nowhere else.
    [container] = sent.components
    gallery = next(item for item in container.children if item.type.value == 12)
    media = gallery.items[0].media
    assert media.url.startswith(f"{bot.standin.base_url}/cdn/attachments/")
    assert await fetch(media.url) == (200, png(4, 4))
    assert (media.width, media.content_type) == (4, "image/png")


async def test_a_layout_cannot_go_back(bot: Bot) -> None:
    sent = await bot.channel("general").send(view=Card(), files=files())
    with pytest.raises(discord.HTTPException) as refused:
        await sent.edit(content="plain again")
    assert refused.value.code == 50035
    assert "LEGACY_FIELDS" in str(bot.standin.exchanges[-1]["response"])


async def test_a_plain_message_becomes_a_layout_only_when_emptied(bot: Bot) -> None:
    sent = await bot.channel("general").send("words")
    view = discord.ui.LayoutView().add_item(discord.ui.TextDisplay("layout"))
    with pytest.raises(discord.HTTPException):
        await sent.edit(view=view)
    edited = await sent.edit(content=None, view=view)
    assert edited.flags.components_v2


async def test_people_see_what_the_bot_wrote(bot: Bot) -> None:
    sent = await bot.channel("general").send("for all")
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{bot.standin.base_url}/control/channels/{GENERAL}/messages",
            params={"user": bot.standin.world.user("ana").id},
        ) as response,
    ):
        listed = (await response.json())["messages"]
    assert [item["id"] for item in listed] == [str(sent.id)]


async def test_history_before_after_and_around(bot: Bot) -> None:
    channel = bot.channel("general")
    sent = [await channel.send(str(number)) for number in range(6)]

    async def contents(**where: object) -> list[str]:
        return [message.content async for message in channel.history(limit=3, **where)]

    assert await contents() == ["5", "4", "3"]
    assert await contents(before=sent[3]) == ["2", "1", "0"]
    assert await contents(after=sent[3], oldest_first=True) == ["4", "5"]
    assert await contents(around=sent[3]) == ["4", "3", "2"]
