"""Where the status message and the thread go, and what happens where they cannot."""

from dataclasses import replace

import pytest

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import LiveStatus, Place
from bot.domain.ids import DIRECT, ChannelId, GuildId
from bot.domain.request import VideoRequest
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import ANNOUNCEMENTS, GENERAL, STUDIO, TOM, VIDEOS
from tests.contract.messenger.conftest import MessengerHarness
from tests.messages_view import words

V2 = 32768


async def test_a_status_message_and_its_thread(harness: MessengerHarness) -> None:
    asked = harness.generation()
    place = await harness.messenger.open_status(asked, LiveStatus(position=2), again=False)
    assert place.status_channel_id == int(VIDEOS)
    assert place.thread_id == place.status_message_id
    shown = harness.message(place.status_message_id)
    assert shown["flags"] & V2
    assert shown["mentions"] == []
    assert "**a fox in the snow**" in words(shown)
    assert "**Waiting**, number 2 in the queue" in words(shown)
    assert harness.standin.world.channels[str(place.thread_id)].name == "a fox in the snow"


async def test_asking_twice_posts_once(harness: MessengerHarness) -> None:
    """Within Discord's memory the nonce does it; later the message is looked for."""
    asked = harness.generation()
    first = await harness.messenger.open_status(asked, LiveStatus(), again=False)
    assert await harness.messenger.open_status(asked, LiveStatus(), again=False) == first
    harness.standin.advance(3600)
    assert await harness.messenger.open_status(asked, LiveStatus(), again=True) == first
    assert len(harness.standin.world.channels[VIDEOS].messages) == 1


async def test_anothers_status_is_not_taken_for_this_one(harness: MessengerHarness) -> None:
    one, other = harness.generation(), harness.generation()
    first = await harness.messenger.open_status(one, LiveStatus(), again=False)
    second = await harness.messenger.open_status(other, LiveStatus(), again=True)
    assert first.status_message_id != second.status_message_id


async def test_without_the_right_to_make_threads_there_is_none(harness: MessengerHarness) -> None:
    channel = harness.standin.world.channel("videos")
    harness.standin.places.set_permissions(
        channel, allow=Permission(0), deny=Permission.CREATE_PUBLIC_THREADS
    )
    place = (await harness.opened()).place
    assert place.thread_id is None
    assert place.status_message_id is not None


async def test_where_the_bot_may_not_write(harness: MessengerHarness) -> None:
    asked = harness.generation(
        place=Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(ANNOUNCEMENTS)))
    )
    with pytest.raises(PostError) as refused:
        await harness.messenger.open_status(asked, LiveStatus(), again=False)
    assert refused.value.code is Code.POST_FORBIDDEN
    assert refused.value.accepted is Accepted.NO


async def test_where_there_is_nothing_any_more(harness: MessengerHarness) -> None:
    asked = harness.generation()
    harness.standin.places.delete_channel(harness.standin.world.channel("videos"))
    with pytest.raises(PostError) as refused:
        await harness.messenger.open_status(asked, LiveStatus(), again=False)
    assert refused.value.code is Code.POST_TARGET_GONE
    assert refused.value.accepted is Accepted.NO


async def test_from_inside_a_thread_it_stays_there(harness: MessengerHarness) -> None:
    first = await harness.opened()
    place = replace(harness.generation().place, thread_id=first.place.thread_id, in_thread=True)
    asked = harness.generation(place=place)
    opened = await harness.messenger.open_status(asked, LiveStatus(), again=False)
    assert opened.status_channel_id == first.place.thread_id
    assert opened.thread_id == first.place.thread_id


async def test_in_a_direct_message_there_is_no_thread(harness: MessengerHarness) -> None:
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    place = Place(guild_id=DIRECT, channel_id=ChannelId(int(direct.id)))
    opened = (await harness.opened(place=place)).place
    assert (opened.thread_id, opened.status_channel_id) == (None, int(direct.id))


def private(harness: MessengerHarness) -> Place:
    return replace(harness.generation().place, private=True)


async def test_private_is_a_private_thread(harness: MessengerHarness) -> None:
    opened = (await harness.opened(place=private(harness))).place
    thread = harness.standin.world.channels[str(opened.thread_id)].thread
    assert thread is not None
    assert thread.private
    assert TOM in thread.members
    assert opened.status_channel_id == opened.thread_id
    assert harness.standin.world.channels[VIDEOS].messages == {}


async def test_a_private_thread_is_made_once(harness: MessengerHarness) -> None:
    asked = harness.generation(place=private(harness))
    first = await harness.messenger.open_status(asked, LiveStatus(), again=False)
    harness.standin.advance(3600)
    assert await harness.messenger.open_status(asked, LiveStatus(), again=True) == first


async def test_private_without_private_threads_is_a_direct_message(
    harness: MessengerHarness,
) -> None:
    channel = harness.standin.world.channel("videos")
    harness.standin.places.set_permissions(
        channel, allow=Permission(0), deny=Permission.CREATE_PRIVATE_THREADS
    )
    opened = (await harness.opened(place=private(harness))).place
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    assert (opened.thread_id, opened.status_channel_id) == (None, int(direct.id))


async def test_where_there_can_be_no_thread_none_is_tried(harness: MessengerHarness) -> None:
    place = replace(harness.generation().place, threadless=True)
    asked = await harness.opened(place=place)
    assert asked.place.thread_id is None
    assert harness.calls("POST", "/threads") == []
    assert (await harness.post(asked)).channel_id == int(VIDEOS)


async def test_private_without_a_thread_is_never_the_channel(harness: MessengerHarness) -> None:
    opened = (await harness.opened(place=replace(private(harness), threadless=True))).place
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    assert (opened.thread_id, opened.status_channel_id) == (None, int(direct.id))
    assert harness.calls("POST", "/threads") == []
    assert harness.standin.world.channels[VIDEOS].messages == {}


async def test_long_and_hostile_prompts(harness: MessengerHarness) -> None:
    prompt = "@everyone <@&150000000000000001> **bold** https://evil.example \u202e " * 60
    asked = await harness.opened(request=VideoRequest(prompt=prompt[:4000]))
    shown = harness.message(asked.place.status_message_id)
    assert shown["mentions"] == []
    assert shown["mention_everyone"] is False
    assert "\\@everyone \\<\\@&150000000000000001> \\*\\*bold" in words(shown)
    assert "https\\://evil" in words(shown)
    name = harness.standin.world.channels[str(asked.place.thread_id)].name
    assert name is not None
    assert len(name) <= 100
    assert GENERAL not in name
