"""Threads with a real client: made, joined, archived, locked, private, gone; and permissions."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
import pytest

from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import GENERAL
from tests.integration.discord_client import Bot

NOTHING = Permission(0)


async def refusal(call: Awaitable[object]) -> tuple[int, int]:
    with pytest.raises(discord.HTTPException) as refused:
        await call
    return refused.value.status, refused.value.code


async def test_a_thread_of_a_message_has_its_id(bot: Bot) -> None:
    starter = await bot.channel("general").send("status")
    thread = await starter.create_thread(name="Foxes", auto_archive_duration=60)
    assert thread.id == starter.id
    assert thread.me is not None
    reported = await bot.client.hear("thread_create")
    assert (reported.name, reported.parent.name) == ("Foxes", "general")
    assert (await bot.channel("general").fetch_message(starter.id)).flags.has_thread
    assert await refusal(starter.create_thread(name="Again")) == (400, 160004)
    video = await thread.send("the video")
    assert [message.id async for message in thread.history(limit=1)] == [video.id]
    [first, *_] = [message async for message in thread.history(oldest_first=True)]
    assert first.type is discord.MessageType.thread_starter_message


async def test_a_thread_without_a_message_is_announced(bot: Bot) -> None:
    thread = await bot.channel("general").create_thread(
        name="Open", type=discord.ChannelType.public_thread
    )
    announced = await bot.client.hear("message")
    assert announced.type is discord.MessageType.thread_created
    assert announced.channel.name == "general"
    assert thread.id != announced.id


async def test_a_private_thread_is_for_those_who_are_in_it(bot: Bot) -> None:
    standin, world = bot.standin, bot.standin.world
    thread = await bot.channel("general").create_thread(name="Secret", invitable=False)
    channel = world.channels[str(thread.id)]
    tom, ana = world.user("tom"), world.user("ana")
    assert not world.sees(tom.id, channel)
    await thread.add_user(discord.Object(int(tom.id)))
    assert world.sees(tom.id, channel)
    assert not world.sees(ana.id, channel)
    added = await bot.client.hear("message")
    assert added.type is discord.MessageType.recipient_add
    with pytest.raises(KeyError):
        await standin.people.send("ana", str(thread.id), "let me in")
    await standin.people.send("tom", str(thread.id), f"<@{ana.id}> come in")
    assert world.sees(ana.id, channel)
    assert {member.id for member in await thread.fetch_members()} == {
        bot.user.id,
        int(tom.id),
        int(ana.id),
    }


async def test_an_archived_thread(bot: Bot) -> None:
    starter = await bot.channel("general").send("status")
    thread = await starter.create_thread(name="Foxes")
    video = await thread.send("the video")
    bot.standin.membership.archive(bot.standin.world.channels[str(thread.id)])
    assert await refusal(video.edit(content="x")) == (400, 50083)
    assert await refusal(thread.edit(name="Wolves")) == (400, 50083)
    await thread.send("back again")
    assert not bot.thread(thread.id).archived
    await video.edit(content="x")


async def test_a_locked_thread_stays_shut(bot: Bot) -> None:
    thread = await (await bot.channel("general").send("status")).create_thread(name="Foxes")
    bot.standin.membership.lock(bot.standin.world.channels[str(thread.id)])
    assert await refusal(thread.send("x")) == (403, 160005)
    with pytest.raises(ValueError, match="Thread is locked"):
        await bot.standin.people.send("tom", str(thread.id), "x")
    await bot.standin.people.send("mira", str(thread.id), "the owner may")


async def test_a_thread_is_renamed_archived_and_unarchived_by_its_owner(bot: Bot) -> None:
    thread = await (await bot.channel("general").send("status")).create_thread(name="Foxes")
    renamed = await thread.edit(name="Wolves")
    assert renamed.name == "Wolves"
    assert (await thread.edit(archived=True)).archived
    assert not (await thread.edit(archived=False)).archived
    assert await refusal(thread.edit(locked=True)) == (403, 50013)


async def test_a_deleted_thread_is_unknown(bot: Bot) -> None:
    thread = await (await bot.channel("general").send("status")).create_thread(name="Foxes")
    bot.standin.places.delete_channel(bot.standin.world.channels[str(thread.id)])
    assert (await bot.client.hear("thread_delete")).id == thread.id
    assert await refusal(thread.send("x")) == (404, 10003)


async def test_a_thousand_active_threads_are_enough(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.discord.behaviour.threads.ACTIVE_THREADS", 1)
    channel = bot.channel("general")
    first = await (await channel.send("1")).create_thread(name="1")
    assert await refusal((await channel.send("2")).create_thread(name="2")) == (400, 160006)
    await first.edit(archived=True)
    await (await channel.send("3")).create_thread(name="3")


async def test_no_thread_of_a_thread_or_a_dm(bot: Bot) -> None:
    thread = await (await bot.channel("general").send("status")).create_thread(name="Foxes")
    inside = await thread.send("x")
    assert await refusal(inside.create_thread(name="Deeper")) == (400, 50024)


@pytest.mark.parametrize(
    ("denied", "act", "expected"),
    [
        ("send_messages", lambda c, m: c.send("x"), (403, 50013)),
        ("view_channel", lambda c, m: c.send("x"), (403, 50001)),
        ("view_channel", lambda c, m: m.edit(content="x"), (403, 50001)),
        ("create_public_threads", lambda c, m: m.create_thread(name="x"), (403, 50013)),
        ("create_private_threads", lambda c, m: c.create_thread(name="x"), (403, 50013)),
        ("embed_links", lambda c, m: c.send(embed=discord.Embed(title="x")), (403, 50013)),
        (
            "attach_files",
            lambda c, m: c.send(file=discord.File(__file__)),
            (403, 50013),
        ),
        ("read_message_history", lambda c, m: m.reply("x"), (403, 160002)),
        ("read_message_history", lambda c, m: c.fetch_message(m.id), (403, 50001)),
    ],
)
async def test_a_permission_taken_away_in_a_channel(
    bot: Bot, denied: str, act: Callable[[Any, Any], Awaitable[object]], expected: tuple[int, int]
) -> None:
    channel = bot.channel("general")
    message = await channel.send("before")
    place = bot.standin.world.channels[GENERAL]
    bot.standin.places.set_permissions(place, allow=NOTHING, deny=Permission[denied.upper()])
    assert await refusal(act(channel, message)) == expected


async def test_a_thread_needs_its_own_permission(bot: Bot) -> None:
    channel = bot.channel("general")
    thread = await (await channel.send("status")).create_thread(name="Foxes")
    place = bot.standin.world.channels[GENERAL]
    bot.standin.places.set_permissions(place, allow=NOTHING, deny=Permission.SEND_MESSAGES)
    await thread.send("threads are another matter")
    bot.standin.places.set_permissions(
        place, allow=NOTHING, deny=Permission.SEND_MESSAGES_IN_THREADS
    )
    assert await refusal(thread.send("x")) == (403, 50013)
    await channel.send("the channel is open")


async def test_a_kicked_bot_has_no_access(bot: Bot) -> None:
    channel = bot.channel("general")
    bot.standin.places.kick_bot(bot.standin.world.guild("Retake Studio"))
    assert await refusal(channel.send("x")) == (403, 50001)
