"""Posting finished videos: once, with one ping, and what each refusal means."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import aiohttp
import discord
import pytest

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import Place, Target, TargetKind
from bot.domain.ids import DIRECT, ChannelId, GuildId, MessageId
from bot.domain.media import FitStep
from bot.domain.request import VideoRequest
from bot.ui import discord_errors
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import ANA, ANNOUNCEMENTS, STUDIO, TOM, VIDEOS
from tests.contract.messenger.conftest import MessengerHarness
from tests.messages_view import buttons

SEND = {"method": "POST", "route": "/channels/{channel.id}/messages"}
DIRECTLY = Target(kind=TargetKind.DIRECT, id=int(TOM))


async def test_a_video_is_a_plain_message_with_one_ping_and_its_buttons(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened(version=2, parent_version=1)
    posted = await harness.post(asked)
    assert posted.channel_id == asked.place.thread_id
    message = harness.message(posted.message_id)
    assert [user["id"] for user in message["mentions"]] == [TOM]
    assert message["flags"] & discord.MessageFlags(suppress_embeds=True).value
    assert not message["flags"] & discord.MessageFlags(components_v2=True).value
    assert message["content"].splitlines() == [
        f"<@{TOM}> your video is ready: **a fox in the snow**",
        f"-# v2 · Edit of v1 by <@{TOM}> · Omni Flash · 5 s · 16:9 · 720p",
    ]
    (file,) = message["attachments"]
    assert file["filename"] == "a-fox-in-the-snow-v2.mp4"
    assert file["description"] == "AI-made video, version 2: a fox in the snow"
    assert buttons(message) == {
        "Edit": f"rt:edit:{asked.id}",
        "Again": f"rt:again:{asked.id}",
        "Extend": f"rt:extend:{asked.id}",
        "Details": f"rt:details:{asked.id}",
        "Delete": f"rt:delete:{asked.id}",
    }


async def test_a_posted_file_can_be_fetched_by_its_link(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    assert await harness.messenger.video_link(asked) is None
    made = replace(asked, posting=await harness.post(asked))
    link = await harness.messenger.video_link(made)
    assert link is not None
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        assert answer.status == 200
        assert await answer.read()
    assert made.posting is not None
    lost = replace(made, posting=replace(made.posting, message_id=MessageId(5)))
    assert await harness.messenger.video_link(lost) is None


async def test_a_reply_to_a_video_shows_its_words_to_the_bot(harness: MessengerHarness) -> None:
    """The reason why it is a plain message: its replies ping us."""
    posted = await harness.post(await harness.opened())
    heard = asyncio.ensure_future(
        harness.client.wait_for("message", check=lambda message: not message.author.bot)
    )
    await asyncio.sleep(0)
    await harness.standin.people.send(
        "tom", str(posted.channel_id), "bluer", reply_to=str(posted.message_id)
    )
    async with asyncio.timeout(10):
        assert (await heard).content == "bluer"


async def test_a_hostile_prompt_pings_nobody_else(harness: MessengerHarness) -> None:
    asked = await harness.opened(
        request=VideoRequest(prompt="@everyone <@130000000000000003> [x](https://evil.example)")
    )
    message = harness.message((await harness.post(asked)).message_id)
    assert [user["id"] for user in message["mentions"]] == [TOM]
    assert message["mention_everyone"] is False
    sent = harness.calls("POST", f"/channels/{asked.place.thread_id}/messages")[-1]["request"]
    assert sent["allowed_mentions"] == {"parse": [], "users": [int(TOM)]}


async def test_posting_again_under_the_same_nonce_is_once(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    assert await harness.post(asked, posting) == await harness.post(asked, posting)


async def test_in_a_direct_message_no_ping_is_needed(harness: MessengerHarness) -> None:
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    place = Place(guild_id=DIRECT, channel_id=ChannelId(int(direct.id)))
    posted = await harness.post(await harness.opened(place=place))
    assert harness.message(posted.message_id)["mentions"] == []


async def test_the_last_rung_is_a_direct_message(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posted = await harness.post(asked, harness.posting(asked, DIRECTLY))
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    assert posted.channel_id == int(direct.id)
    assert posted.target == DIRECTLY


@pytest.mark.parametrize(
    ("link", "line"),
    [
        ("https://results.example/1.mp4", "[Get the original](<https://results.example/1.mp4>)"),
        (None, "too large to upload here."),
    ],
)
async def test_a_preview_says_so(harness: MessengerHarness, link: str | None, line: str) -> None:
    asked = await harness.opened()
    posted = await harness.post(asked, step=FitStep.PREVIEW, original_url=link)
    *_, preview, how_to_change_it = harness.message(posted.message_id)["content"].splitlines()
    assert preview.startswith("-# This is a smaller preview")
    assert preview.endswith(line)
    assert how_to_change_it == "-# Reply to this message to change the video."


async def test_only_the_first_version_says_how_to_change_it(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    message = harness.message((await harness.post(replace(asked, version=2))).message_id)
    assert "Reply to this message" not in message["content"]


async def test_no_extend_where_the_model_cannot(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    elsewhere = replace(asked, plan=replace(asked.plan, provider="apimart"))
    message = harness.message((await harness.post(elsewhere)).message_id)
    assert list(buttons(message)) == ["Edit", "Again", "Details", "Delete"]


def fault(**order: Any) -> dict[str, Any]:
    return SEND | order


def body(code: int) -> dict[str, Any]:
    return {"code": code, "message": "no"}


@pytest.mark.parametrize(
    ("order", "code", "accepted"),
    [
        (fault(status=403, body=body(50001)), Code.POST_FORBIDDEN, Accepted.NO),
        (fault(status=403, body=body(50013)), Code.POST_FORBIDDEN, Accepted.NO),
        (fault(status=400, body=body(50083)), Code.POST_LOCKED, Accepted.NO),
        (fault(status=403, body=body(50007)), Code.POST_FORBIDDEN, Accepted.NO),
        (fault(status=404, body=body(10003)), Code.POST_TARGET_GONE, Accepted.NO),
        (fault(status=404, body=body(10008)), Code.POST_TARGET_GONE, Accepted.NO),
        (fault(status=413, body=body(40005)), Code.POST_TOO_LARGE, Accepted.NO),
        (fault(status=400, body=body(50035)), Code.POST_REJECTED, Accepted.NO),
        (fault(status=503), Code.POST_UNKNOWN, Accepted.UNKNOWN),
        (fault(status=429, headers={"Retry-After": "3600"}), Code.POST_LIMITED, Accepted.NO),
        (fault(drop="before"), Code.POST_UNKNOWN, Accepted.UNKNOWN),
        (fault(drop="after"), Code.POST_UNKNOWN, Accepted.UNKNOWN),
    ],
)
async def test_what_a_refusal_means(
    harness: MessengerHarness, order: dict[str, Any], code: Code, *, accepted: Accepted
) -> None:
    asked = await harness.opened()
    harness.client.http.max_ratelimit_timeout = 60.0
    harness.standin.faults.order(order)
    with pytest.raises(PostError) as refused:
        await harness.post(asked)
    assert (refused.value.code, refused.value.accepted) == (code, accepted)
    later = code in {Code.POST_UNKNOWN, Code.POST_LIMITED}
    assert (refused.value.retry_after is not None) == later


async def test_no_answer_in_time_is_unknown(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await harness.opened()
    monkeypatch.setattr("bot.ui.messenger.uplink.MOST_SECONDS", 0.05)
    harness.standin.faults.order(fault(delay=5))
    with pytest.raises(PostError) as refused:
        await harness.post(asked)
    assert (refused.value.code, refused.value.accepted) == (Code.POST_UNKNOWN, Accepted.UNKNOWN)


async def test_where_nobody_listens_nothing_was_posted(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    asked = await harness.opened()
    monkeypatch.setattr("discord.http.Route.BASE", f"http://127.0.0.1:{unused_tcp_port}/api/v10")
    with pytest.raises(PostError) as refused:
        await harness.post(asked)
    assert (refused.value.code, refused.value.accepted) == (Code.POST_UNAVAILABLE, Accepted.NO)
    assert refused.value.retry_after == discord_errors.LATER_SECONDS


async def test_a_lost_answer_and_the_same_nonce_make_one_message(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    harness.standin.faults.order(fault(drop="after"))
    with pytest.raises(PostError):
        await harness.post(asked, posting)
    posted = await harness.post(asked, posting)
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    videos = [m for m in thread.messages.values() if m.attachments]
    assert [video.id for video in videos] == [str(posted.message_id)]


async def test_the_librarys_own_retry_carries_the_same_nonce(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a 500 discord.py sends the request again by itself."""
    asked = await harness.opened()

    async def at_once(delay: float) -> None:
        """The library waits a second before it tries again."""

    impatient = ModuleType("asyncio")
    vars(impatient).update(vars(asyncio), sleep=at_once)
    monkeypatch.setattr("discord.http.asyncio", impatient)
    harness.standin.faults.order(fault(status=500))
    await harness.post(asked, data=b"film" * 1000)
    first, second = harness.calls("POST", f"/channels/{asked.place.thread_id}/messages")
    assert [first["status"], second["status"]] == [500, 200]
    assert first["request"]["nonce"] == second["request"]["nonce"] == harness.posting(asked).nonce
    assert second["request"]["enforce_nonce"] is True


async def test_a_video_is_found_by_its_marks(harness: MessengerHarness) -> None:
    asked, other = await harness.opened(), await harness.opened()
    posting = harness.posting(asked)
    harness.standin.advance(120)
    posted = await harness.post(asked, posting)
    await harness.post(other)
    harness.standin.advance(3600)
    find = harness.messenger.find_video
    found = await find(asked, posting.target, since=posting.started_at)
    assert found is not None
    assert (found.message_id, found.channel_id) == (posted.message_id, posted.channel_id)
    assert await find(await harness.opened(), posting.target, since=posting.started_at) is None


async def test_a_clock_ahead_of_discords_finds_its_video(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    posted = await harness.post(asked, posting)
    ahead = posting.started_at + timedelta(hours=6)
    found = await harness.messenger.find_video(asked, posting.target, since=ahead)
    assert found is not None
    assert found.message_id == posted.message_id


async def test_what_stands_above_all_that_was_read_is_not_absent(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    await harness.post(asked, posting)
    monkeypatch.setattr("bot.ui.messenger.search.LOOK_BACK", 2)
    for _ in range(2):
        other = await harness.opened()
        await harness.post(other, harness.posting(other, posting.target))
    with pytest.raises(PostError) as unknown:
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert (unknown.value.code, unknown.value.accepted) == (Code.POST_UNKNOWN, Accepted.UNKNOWN)
    assert unknown.value.retry_after is not None


async def test_what_may_not_be_read_is_not_absent(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    harness.standin.faults.order(
        {
            "method": "GET",
            "route": "/channels/{channel.id}/messages",
            "status": 403,
            "body": {"code": 50001, "message": "Missing Access"},
        }
    )
    with pytest.raises(PostError) as unreadable:
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert (unreadable.value.code, unreadable.value.accepted) == (Code.POST_FORBIDDEN, Accepted.NO)


async def test_another_bots_copy_is_not_our_video(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    world = harness.standin.world
    thread = world.channels[str(asked.place.thread_id)]
    posted = await harness.post(asked, posting)
    world.messages[str(posted.message_id)].author_id = ANA
    assert thread.messages
    assert (
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at) is None
    )


async def test_where_the_place_is_gone_nothing_is_found(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    harness.standin.places.delete_channel(
        harness.standin.world.channels[str(asked.place.thread_id)]
    )
    assert (
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at) is None
    )


async def test_not_knowing_is_not_absence(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    harness.standin.faults.order(
        {"method": "GET", "route": "/channels/{channel.id}/messages", "status": 503}
    )
    with pytest.raises(PostError):
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at)


async def test_where_nothing_can_be_read_nothing_is_proven(harness: MessengerHarness) -> None:
    """Without the right to read, Discord answers an empty list and not a refusal."""
    asked = await harness.opened()
    posting = harness.posting(asked)
    await harness.post(asked, posting)
    channel = harness.standin.world.channel("videos")
    harness.standin.places.set_permissions(
        channel, allow=Permission(0), deny=Permission.READ_MESSAGE_HISTORY
    )
    with pytest.raises(PostError) as unproven:
        await harness.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert unproven.value.code is Code.POST_FORBIDDEN


async def test_in_an_empty_direct_message_there_is_none(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    found = await harness.messenger.find_video(asked, DIRECTLY, since=asked.created_at)
    assert found is None


async def test_real_permissions_are_what_the_ladder_stands_on(harness: MessengerHarness) -> None:
    place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(ANNOUNCEMENTS)))
    asked = harness.generation(place=place)
    with pytest.raises(PostError) as refused:
        await harness.post(asked)
    assert refused.value.code is Code.POST_FORBIDDEN
    locked = await harness.opened()
    thread = harness.standin.world.channels[str(locked.place.thread_id)]
    harness.standin.membership.lock(thread)
    with pytest.raises(PostError) as refused:
        await harness.post(locked)
    assert refused.value.code is Code.POST_LOCKED
    harness.standin.places.kick_bot(harness.standin.world.guild(STUDIO))
    with pytest.raises(PostError) as refused:
        await harness.post(harness.generation())
    assert refused.value.accepted is Accepted.NO


async def test_at_most_eight_uploads_at_once(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [harness.generation() for _ in range(12)]
    under_way, most, full, go = 0, 0, asyncio.Event(), asyncio.Event()

    async def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 8:
            full.set()
        await go.wait()
        under_way -= 1
        raise PostError(Code.POST_REJECTED, accepted=Accepted.NO)

    monkeypatch.setattr(harness.messenger._uploads, "send", counted)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [group.create_task(_refused(harness, each)) for each in asked]
        await full.wait()
        go.set()
    assert most == 8
    assert all(task.done() for task in tasks)


async def _refused(harness: MessengerHarness, asked: Any) -> None:
    with pytest.raises(PostError):
        await harness.post(asked)


async def test_the_limit_of_a_server_is_learned(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    target = harness.posting(asked).target
    limit = harness.messenger.upload_limit
    harness.standin.world.guild(STUDIO).upload_limit = 12 * 2**20
    assert limit(asked, target) == 20_000_000
    with pytest.raises(PostError) as refused:
        await harness.post(asked, data=bytes(15 * 2**20))
    assert refused.value.code is Code.POST_TOO_LARGE
    assert limit(asked, target) == 10 * 2**20
    assert limit(asked, DIRECTLY) == 20_000_000
    await harness.post(asked, data=bytes(10 * 2**20))
    assert limit(asked, target) == 10 * 2**20


async def test_a_slow_connection_makes_the_next_file_smaller_and_never_two(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was cut off is of unknown outcome: looked for, then sent smaller, under its nonce."""
    asked = await harness.opened()
    posting = harness.posting(asked)
    monkeypatch.setattr("bot.ui.messenger.uplink.MOST_SECONDS", 0.5)
    monkeypatch.setattr("bot.ui.messenger.uplink.PASSING_SECONDS", 0.1)
    harness.standin.restrictions.upload_rate = 2 * 2**20
    before = harness.messenger.upload_limit(asked, posting.target)
    with pytest.raises(PostError) as cut:
        await harness.post(asked, posting, data=bytes(9 * 2**20))
    assert (cut.value.code, cut.value.accepted) == (Code.POST_UNKNOWN, Accepted.UNKNOWN)
    limit = harness.messenger.upload_limit(asked, posting.target)
    assert limit < min(before, 9 * 2**20 // 2)
    found = await harness.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert found is None
    monkeypatch.setattr("bot.ui.messenger.uplink.MOST_SECONDS", 10)
    posted = await harness.post(asked, posting, data=bytes(min(limit, 2**20)))
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    videos = [m.id for m in thread.messages.values() if m.attachments]
    assert videos == [str(posted.message_id)]


async def test_videos_is_the_channel(harness: MessengerHarness) -> None:
    """The sample place is the channel the stand-in opens with."""
    assert harness.generation().place.channel_id == int(VIDEOS)
