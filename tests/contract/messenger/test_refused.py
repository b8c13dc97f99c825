"""What Discord refuses or loses: each refusal has its own answer, and nothing is called posted
that is not.
"""

from dataclasses import replace

import pytest

from bot.domain.errors import Code, PostError
from bot.domain.generation import Failure, Generation, LiveStatus, Place, State, Target, TargetKind
from bot.domain.ids import ChannelId, GuildId
from sandbox.discord.state.models import ChannelKind
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import STUDIO, TOM, VIDEOS
from tests.contract.messenger.conftest import WORKING, Desk
from tests.fakes.services import video_file
from tests.messages_view import buttons, words

SEND = {"method": "POST", "route": "/channels/{channel.id}/messages"}
DIRECTLY = Target(kind=TargetKind.DIRECT, id=int(TOM))


async def refused(desk: Desk, asked: Generation, target: Target | None = None) -> PostError:
    with pytest.raises(PostError) as caught:
        await desk.post(asked, desk.posting(asked, target))
    return caught.value


def block(desk: Desk, *blocked: str) -> None:
    desk.standin.restrictions.blocked_words[STUDIO] = blocked


def without_prompt(asked: Generation) -> Generation:
    return replace(asked, place=replace(asked.place, without_prompt=True))


async def test_a_post_that_lost_its_file_is_none_and_is_taken_away(desk: Desk) -> None:
    asked = await desk.opened()
    desk.standin.restrictions.losing_files = 1
    error = await refused(desk, asked)
    assert (error.code, error.definite, error.final) == (Code.POST_INCOMPLETE, True, True)
    thread = desk.standin.world.channels[str(asked.place.thread_id)]
    assert [m for m in thread.messages.values() if "is ready" in m.content] == []


async def test_one_that_cannot_be_taken_away_is_no_video_and_no_status(desk: Desk) -> None:
    asked = await desk.opened()
    posting = desk.posting(asked)
    desk.standin.restrictions.losing_files = 1
    desk.standin.faults.order(
        {"method": "DELETE", "route": "/channels/{channel.id}/messages/{message.id}", "status": 403}
    )
    error = await refused(desk, asked)
    assert error.code is Code.POST_INCOMPLETE
    found = await desk.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert found is None
    place = replace(asked.place, status_message_id=None, in_thread=True)
    opened = await desk.messenger.open_status(replace(asked, place=place), LiveStatus(), again=True)
    assert "is ready" not in words(desk.message(opened.status_message_id))


@pytest.mark.parametrize(
    ("status", "number", "code"),
    [
        (400, 20009, Code.POST_EXPLICIT),
        (400, 20031, Code.POST_FILTERED),
        (403, 20026, Code.POST_FORBIDDEN),
        (403, 40004, Code.POST_DISABLED),
        (400, 40058, Code.POST_NO_PLACE),
        (400, 50008, Code.POST_NO_PLACE),
        (400, 50024, Code.POST_NO_PLACE),
        (400, 50083, Code.POST_LOCKED),
        (403, 50278, Code.POST_FORBIDDEN),
        (403, 160005, Code.POST_LOCKED),
        (400, 160006, Code.POST_NO_PLACE),
        (400, 200000, Code.POST_FILTERED),
        (400, 240000, Code.POST_LINK_BLOCKED),
        (400, 400001, Code.POST_UPLOADS_LIMITED),
    ],
)
async def test_each_refusal_is_a_code_of_its_own(
    desk: Desk, status: int, number: int, code: Code
) -> None:
    asked = await desk.opened()
    desk.standin.faults.order(SEND | {"status": status, "body": {"code": number, "message": "no"}})
    error = await refused(desk, asked)
    assert (error.code, error.definite, error.final) == (code, True, True)


@pytest.mark.parametrize("number", [20016, 20028, 20029])
async def test_too_fast_is_waited_for_in_place(desk: Desk, number: int) -> None:
    asked = await desk.opened()
    desk.client.http.max_ratelimit_timeout = 30.0
    desk.standin.restrictions.slow(str(asked.place.thread_id), seconds=600, code=number)
    error = await refused(desk, asked)
    assert (error.code, error.definite, error.final) == (Code.POST_LIMITED, True, False)
    assert error.retry_after == pytest.approx(600, abs=5)
    desk.standin.advance(601)
    assert (await desk.post(asked)).channel_id == asked.place.thread_id


async def test_slow_mode_without_the_headers_of_a_limit(desk: Desk) -> None:
    asked = await desk.opened()
    for number, told, wait in ((20016, "90", 90), (40003, "90.25", 90.25), (20028, "soon", 60)):
        body = {"code": number, "message": "slow", "retry_after": 90}
        desk.standin.faults.order(
            SEND | {"status": 400, "body": body, "headers": {"Retry-After": told}}
        )
        error = await refused(desk, asked)
        assert (error.code, error.retry_after, error.final) == (Code.POST_LIMITED, wait, False)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, "<html>Sorry, you have been blocked</html>", "text/html"),
        (404, "", "text/plain"),
        (403, {"code": 40333, "message": "internal network error"}, ""),
    ],
)
async def test_a_page_in_between_forbids_nothing(
    desk: Desk, status: int, body: object, kind: str
) -> None:
    """Else a trouble of the network would move a video away from where it was asked for."""
    asked = await desk.opened()
    headers = {"Content-Type": kind} if kind else {}
    desk.standin.faults.order(SEND | {"status": status, "body": body, "headers": headers})
    error = await refused(desk, asked)
    assert (error.code, error.definite, error.final) == (Code.POST_UNAVAILABLE, True, False)


async def test_where_uploads_are_limited_nothing_passes_in_the_whole_server(desk: Desk) -> None:
    asked = await desk.opened()
    desk.standin.restrictions.uploads_limited.add(STUDIO)
    assert (await refused(desk, asked)).code is Code.POST_UPLOADS_LIMITED
    posted = await desk.post(asked, desk.posting(asked, DIRECTLY))
    assert posted.target == DIRECTLY


async def test_a_blocked_prompt_is_shown_nowhere_and_the_place_says_so(desk: Desk) -> None:
    block(desk, "fox")
    asked = await desk.opened()
    assert asked.place.without_prompt
    assert asked.place.thread_id is not None
    assert "fox" not in words(desk.message(asked.place.status_message_id))
    assert desk.standin.world.channels[str(asked.place.thread_id)].name == "Untitled"
    message = desk.message((await desk.post(asked)).message_id)
    assert message["content"].splitlines()[0] == f"<@{TOM}> your video is ready."
    assert message["attachments"][0]["filename"] == "video-v1.mp4"
    assert "fox" not in message["attachments"][0]["description"]


async def test_a_prompt_blocked_since_is_told_and_passes_without_it(desk: Desk) -> None:
    asked = await desk.opened()
    block(desk, "FOX")
    error = await refused(desk, asked)
    assert error.code is Code.POST_FILTERED
    assert "fox" not in desk.message((await desk.post(without_prompt(asked))).message_id)["content"]


async def test_a_link_is_left_out_with_the_prompt(desk: Desk) -> None:
    asked = without_prompt(await desk.opened())
    posted = await desk.post(asked, how="preview", original_url="https://results.example/1.mp4")
    content = desk.message(posted.message_id)["content"]
    assert "results.example" not in content
    assert "smaller preview" in content


async def test_a_blocked_title_makes_a_neutral_thread(desk: Desk) -> None:
    asked = desk.generation()
    route = {"method": "POST", "route": "/channels/{channel.id}/messages/{message.id}/threads"}
    desk.standin.faults.order(route | {"status": 400, "body": {"code": 200001, "message": "no"}})
    place = await desk.messenger.open_status(asked, LiveStatus(), again=False)
    assert desk.standin.world.channels[str(place.thread_id)].name == "Untitled"


async def test_a_blocked_private_thread_stays_private(desk: Desk) -> None:
    block(desk, "fox")
    asked = await desk.opened(place=replace(desk.generation().place, private=True))
    thread = desk.standin.world.channels[str(asked.place.thread_id)]
    assert thread.name == "Untitled"
    assert thread.thread is not None
    assert thread.thread.private


async def test_a_status_whose_prompt_is_blocked_goes_on_without_it(desk: Desk) -> None:
    asked = await desk.opened()
    block(desk, "fox")
    position = desk.standin.position
    async with desk.running():
        await desk.messenger.update_status(replace(asked, state=State.RUNNING, revision=2), WORKING)
        await desk.clock.step(4)
        # The edit without the prompt waits for its turn among all edits.
        await desk.clock.idle(2)
        await desk.clock.step(1)
        shown = await desk.standin.wait(
            "MESSAGE_UPDATE", {"id": str(asked.place.status_message_id)}, after=position
        )
    assert "40 %" in words(shown["data"])
    assert "fox" not in words(shown["data"])
    ended = replace(asked, state=State.FAILED, failure=Failure(code=Code.NO_VIDEO), revision=3)
    await desk.clock.step(4)
    await desk.messenger.tell_ended(ended)
    end = words(desk.message(asked.place.status_message_id))
    assert "Failed" in end
    assert "fox" not in end


async def test_an_end_without_a_status_message_passes_the_filter_too(desk: Desk) -> None:
    asked = await desk.opened()
    block(desk, "fox")
    gone = replace(asked.place, status_message_id=None)
    ended = replace(
        asked, place=gone, state=State.FAILED, failure=Failure(code=Code.NO_VIDEO), revision=3
    )
    await desk.messenger.tell_ended(ended)
    thread = desk.standin.world.channels[str(asked.place.thread_id)]
    told = words(desk.message(int(next(reversed(thread.messages)))))
    assert "Failed" in told
    assert "fox" not in told


async def test_a_moderators_lock_holds_even_where_we_could_write(desk: Desk) -> None:
    channel = desk.standin.world.channel("videos")
    desk.standin.places.set_permissions(
        channel, allow=Permission.MANAGE_THREADS, deny=Permission(0)
    )
    asked = await desk.opened()
    thread = desk.standin.world.channels[str(asked.place.thread_id)]
    desk.standin.membership.lock(thread)
    assert (await refused(desk, asked)).code is Code.POST_LOCKED
    assert thread.thread is not None
    assert thread.thread.archived
    inside = replace(asked.place, status_message_id=None, in_thread=True)
    with pytest.raises(PostError) as caught:
        await desk.messenger.open_status(desk.generation(place=inside), LiveStatus(), again=False)
    assert caught.value.code is Code.POST_LOCKED


async def test_one_rung_down_it_says_why(desk: Desk) -> None:
    asked = await desk.opened()
    posting = replace(
        desk.posting(asked, Target(kind=TargetKind.CHANNEL, id=int(VIDEOS))),
        tried=(desk.posting(asked).target,),
    )
    moved = replace(asked, failure=Failure(code=Code.POST_LOCKED))
    content = desk.message((await desk.post(moved, posting)).message_id)["content"]
    assert "A moderator has locked the thread" in content
    other = replace(moved, failure=Failure(code=Code.POST_EXPLICIT), id=desk.generation().id)
    posting = replace(posting, nonce="another")
    content = desk.message((await desk.post(other, posting)).message_id)["content"]
    assert "didn't accept the video where you asked" in content


@pytest.mark.parametrize("kind", [ChannelKind.VOICE, ChannelKind.STAGE])
async def test_where_there_are_no_threads_it_stays_in_the_channel(
    desk: Desk, kind: ChannelKind
) -> None:
    channel = desk.standin.places.add_channel(desk.standin.world.guild(STUDIO), "talk", kind)
    place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(channel.id)))
    asked = await desk.opened(place=place)
    assert asked.place.thread_id is None
    assert (await desk.post(asked)).channel_id == int(channel.id)


async def test_an_announcement_has_its_thread(desk: Desk) -> None:
    studio = desk.standin.world.guild(STUDIO)
    channel = desk.standin.places.add_channel(studio, "news", ChannelKind.ANNOUNCEMENT)
    place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(channel.id)))
    asked = await desk.opened(place=place)
    assert (await desk.post(asked)).channel_id == asked.place.thread_id


async def test_a_forum_takes_posts_and_nothing_else(desk: Desk) -> None:
    studio = desk.standin.world.guild(STUDIO)
    forum = desk.standin.places.add_channel(studio, "ideas", ChannelKind.FORUM)
    post = desk.standin.places.add_post(forum, TOM, "what do you think")
    place = Place(
        guild_id=GuildId(int(STUDIO)),
        channel_id=ChannelId(int(forum.id)),
        thread_id=ChannelId(int(post.id)),
        in_thread=True,
    )
    asked = await desk.opened(place=place)
    assert (await desk.post(asked)).channel_id == int(post.id)
    beside = Target(kind=TargetKind.CHANNEL, id=int(forum.id))
    assert (await refused(desk, asked, beside)).code is Code.POST_NO_PLACE


async def test_made_but_not_posted_offers_the_file_before_another_payment(desk: Desk) -> None:
    asked = await desk.opened()
    ended = replace(
        asked,
        state=State.UNDELIVERABLE,
        file=video_file(),
        failure=Failure(code=Code.POST_LOCKED),
        revision=3,
    )
    await desk.clock.step(4)
    await desk.messenger.tell_ended(ended)
    shown = desk.message(asked.place.status_message_id)
    assert list(buttons(shown)) == ["Get the file", "Again", "Details"]
    assert "A moderator has locked the thread" in words(shown)
