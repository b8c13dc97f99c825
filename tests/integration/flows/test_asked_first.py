"""What the bot may do at a place is known before anything is spent: from every way of asking."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.rights import PlaceRights, Right
from sandbox.discord.state.models import Channel, ChannelKind
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import STUDIO, TOM, VIDEOS
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Retake, texts

FOX = delivered(7)
ALL = frozenset(Right)


async def rights_in(retake: Retake, channel: str) -> PlaceRights:
    await retake.command("tom", "video", channel=channel, prompt="x")
    rights = retake.services.generate.asks[-1].rights
    assert rights is not None
    return rights


def new_channel(retake: Retake, kind: ChannelKind) -> Channel:
    return retake.standin.places.add_channel(retake.standin.world.guild(STUDIO), kind.name, kind)


async def test_in_an_ordinary_channel_all_is_well(retake: Retake) -> None:
    assert await rights_in(retake, VIDEOS) == PlaceRights(may=ALL)


async def test_what_is_denied_is_missing(retake: Retake) -> None:
    channel = retake.standin.world.channel("videos")
    denied = Permission.ATTACH_FILES | Permission.CREATE_PUBLIC_THREADS
    retake.standin.places.set_permissions(channel, allow=Permission(0), deny=denied)
    rights = await rights_in(retake, VIDEOS)
    assert ALL - rights.may == {Right.ATTACH_FILES, Right.CREATE_PUBLIC_THREADS}


@pytest.mark.parametrize(
    ("kind", "threads", "private_threads"),
    [
        (ChannelKind.VOICE, False, False),
        (ChannelKind.STAGE, False, False),
        (ChannelKind.ANNOUNCEMENT, True, False),
        (ChannelKind.TEXT, True, True),
    ],
)
async def test_which_places_hold_threads(
    retake: Retake, kind: ChannelKind, *, threads: bool, private_threads: bool
) -> None:
    rights = await rights_in(retake, new_channel(retake, kind).id)
    assert (rights.holds_threads, rights.holds_private_threads) == (threads, private_threads)


async def test_a_post_in_a_forum_is_a_thread_without_a_channel(retake: Retake) -> None:
    forum = new_channel(retake, ChannelKind.FORUM)
    post = retake.standin.places.add_post(forum, TOM, "ideas")
    rights = await rights_in(retake, post.id)
    assert retake.services.generate.asks[-1].thread_id == int(post.id)
    assert (rights.holds_threads, rights.holds_private_threads) == (False, False)


async def test_a_locked_thread_is_reported_also_to_a_button_and_a_reply(retake: Retake) -> None:
    made = await retake.public_thread()
    video = await retake.post_video(FOX, channel=str(made.id))
    channel = retake.standin.world.channels[str(made.id)]
    assert channel.thread is not None
    channel.thread.locked = True
    retake.standin.membership.changed(channel)
    await retake.press("tom", str(video.id), f"rt:again:{FOX.id}")
    rights = (await retake.services.generate.next()).rights
    assert rights is not None
    assert rights.locked
    # A moderator may still write there.
    await retake.standin.people.send("mira", str(made.id), "bluer", reply_to=str(video.id))
    rights = (await retake.services.generate.next()).rights
    assert rights is not None
    assert rights.locked


async def test_a_reply_knows_the_rights_from_the_cache(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    channel = retake.standin.world.channel("videos")
    retake.standin.places.set_permissions(
        channel, allow=Permission(0), deny=Permission.CREATE_PRIVATE_THREADS
    )
    await retake.standin.people.send("tom", VIDEOS, "bluer", reply_to=str(video.id))
    rights = (await retake.services.generate.next()).rights
    assert rights is not None
    assert ALL - rights.may == {Right.CREATE_PRIVATE_THREADS}


async def test_a_direct_message_needs_no_rights(retake: Retake) -> None:
    direct = retake.standin.world.dm(TOM)
    assert direct is not None
    await retake.command("tom", "video", channel=direct.id, prompt="x")
    assert retake.services.generate.asks[-1].rights is None


async def test_a_refusal_names_permissions_as_discord_does(retake: Retake) -> None:
    missing = ["send_messages", "attach_files"]
    retake.services.generate.refusals.append(Refused(Code.PLACE_RIGHTS, missing=missing))
    said = texts(await retake.command("tom", "video", prompt="x"))
    assert "Send Messages and Attach Files" in said
    retake.services.generate.refusals.append(Refused(Code.PLACE_LOCKED))
    assert "locked this thread" in texts(await retake.command("tom", "video", prompt="x"))
