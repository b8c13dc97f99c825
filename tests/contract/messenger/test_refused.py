"""What Discord refuses or loses: each refusal has its own answer, and nothing is called posted
that is not.
"""

from dataclasses import replace

import pytest

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import Failure, Generation, LiveStatus, Place, State, Target, TargetKind
from bot.domain.ids import ChannelId, GuildId
from bot.domain.media import FitStep
from sandbox.discord.state.models import ChannelKind
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import STUDIO, TOM, VIDEOS
from tests.contract.messenger.conftest import WORKING, MessengerHarness
from tests.fakes.services import video_file
from tests.messages_view import buttons, words

SEND = {"method": "POST", "route": "/channels/{channel.id}/messages"}
DIRECTLY = Target(kind=TargetKind.DIRECT, id=int(TOM))


async def refused(
    harness: MessengerHarness, asked: Generation, target: Target | None = None
) -> PostError:
    with pytest.raises(PostError) as caught:
        await harness.post(asked, harness.posting(asked, target))
    return caught.value


def block(harness: MessengerHarness, *blocked: str) -> None:
    harness.standin.restrictions.blocked_words[STUDIO] = blocked


def without_prompt(asked: Generation) -> Generation:
    return replace(asked, place=replace(asked.place, without_prompt=True))


async def test_a_post_that_lost_its_file_is_none_and_is_taken_away(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    harness.standin.restrictions.losing_files = 1
    error = await refused(harness, asked)
    assert (error.code, error.accepted, error.final) == (Code.POST_INCOMPLETE, Accepted.NO, True)
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    assert [m for m in thread.messages.values() if "is ready" in m.content] == []


async def test_one_that_cannot_be_taken_away_is_no_video_and_no_status(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    posting = harness.posting(asked)
    harness.standin.restrictions.losing_files = 1
    harness.standin.faults.order(
        {"method": "DELETE", "route": "/channels/{channel.id}/messages/{message.id}", "status": 403}
    )
    error = await refused(harness, asked)
    assert error.code is Code.POST_INCOMPLETE
    found = await harness.messenger.find_video(asked, posting.target, since=posting.started_at)
    assert found is None
    place = replace(asked.place, status_message_id=None, in_thread=True)
    opened = await harness.messenger.open_status(
        replace(asked, place=place), LiveStatus(), again=True
    )
    assert "is ready" not in words(harness.message(opened.status_message_id))


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
    harness: MessengerHarness, status: int, number: int, code: Code
) -> None:
    asked = await harness.opened()
    harness.standin.faults.order(
        SEND | {"status": status, "body": {"code": number, "message": "no"}}
    )
    error = await refused(harness, asked)
    assert (error.code, error.accepted, error.final) == (code, Accepted.NO, True)


@pytest.mark.parametrize("number", [20016, 20028, 20029])
async def test_too_fast_is_waited_for_in_place(harness: MessengerHarness, number: int) -> None:
    asked = await harness.opened()
    harness.client.http.max_ratelimit_timeout = 30.0
    harness.standin.restrictions.slow(str(asked.place.thread_id), seconds=600, code=number)
    error = await refused(harness, asked)
    assert (error.code, error.accepted, error.final) == (Code.POST_LIMITED, Accepted.NO, False)
    assert error.retry_after == pytest.approx(600, abs=5)
    harness.standin.advance(601)
    assert (await harness.post(asked)).channel_id == asked.place.thread_id


async def test_slow_mode_without_the_headers_of_a_limit(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    for number, reported, wait in ((20016, "90", 90), (40003, "90.25", 90.25), (20028, "soon", 60)):
        body = {"code": number, "message": "slow", "retry_after": 90}
        harness.standin.faults.order(
            SEND | {"status": 400, "body": body, "headers": {"Retry-After": reported}}
        )
        error = await refused(harness, asked)
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
    harness: MessengerHarness, status: int, body: object, kind: str
) -> None:
    """Else a trouble of the network would move a video away from where it was asked for."""
    asked = await harness.opened()
    headers = {"Content-Type": kind} if kind else {}
    harness.standin.faults.order(SEND | {"status": status, "body": body, "headers": headers})
    error = await refused(harness, asked)
    assert (error.code, error.accepted, error.final) == (Code.POST_UNAVAILABLE, Accepted.NO, False)


async def test_where_uploads_are_limited_nothing_passes_in_the_whole_server(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    harness.standin.restrictions.uploads_limited.add(STUDIO)
    assert (await refused(harness, asked)).code is Code.POST_UPLOADS_LIMITED
    posted = await harness.post(asked, harness.posting(asked, DIRECTLY))
    assert posted.target == DIRECTLY


async def test_a_blocked_prompt_is_shown_nowhere_and_the_place_says_so(
    harness: MessengerHarness,
) -> None:
    block(harness, "fox")
    asked = await harness.opened()
    assert asked.place.without_prompt
    assert asked.place.thread_id is not None
    assert "fox" not in words(harness.message(asked.place.status_message_id))
    assert harness.standin.world.channels[str(asked.place.thread_id)].name == "Untitled"
    message = harness.message((await harness.post(asked)).message_id)
    assert message["content"].splitlines()[0] == f"<@{TOM}> your video is ready."
    assert message["attachments"][0]["filename"] == "video-v1.mp4"
    assert "fox" not in message["attachments"][0]["description"]


async def test_a_prompt_blocked_since_is_reported_and_passes_without_it(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    block(harness, "FOX")
    error = await refused(harness, asked)
    assert error.code is Code.POST_FILTERED
    assert (
        "fox"
        not in harness.message((await harness.post(without_prompt(asked))).message_id)["content"]
    )


async def test_a_link_is_left_out_with_the_prompt(harness: MessengerHarness) -> None:
    asked = without_prompt(await harness.opened())
    posted = await harness.post(
        asked, step=FitStep.PREVIEW, original_url="https://results.example/1.mp4"
    )
    content = harness.message(posted.message_id)["content"]
    assert "results.example" not in content
    assert "smaller preview" in content


async def test_a_blocked_title_makes_a_neutral_thread(harness: MessengerHarness) -> None:
    asked = harness.generation()
    route = {"method": "POST", "route": "/channels/{channel.id}/messages/{message.id}/threads"}
    harness.standin.faults.order(route | {"status": 400, "body": {"code": 200001, "message": "no"}})
    place = await harness.messenger.open_status(asked, LiveStatus(), again=False)
    assert harness.standin.world.channels[str(place.thread_id)].name == "Untitled"


async def test_a_blocked_private_thread_stays_private(harness: MessengerHarness) -> None:
    block(harness, "fox")
    asked = await harness.opened(place=replace(harness.generation().place, private=True))
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    assert thread.name == "Untitled"
    assert thread.thread is not None
    assert thread.thread.private


async def test_a_status_whose_prompt_is_blocked_goes_on_without_it(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    block(harness, "fox")
    position = harness.standin.position
    async with harness.running():
        await harness.messenger.update_status(
            replace(asked, state=State.RUNNING, revision=2), WORKING
        )
        await harness.clock.step(4)
        # The edit without the prompt waits for its turn among all edits.
        await harness.clock.idle(2)
        await harness.clock.step(1)
        shown = await harness.standin.wait(
            "MESSAGE_UPDATE", {"id": str(asked.place.status_message_id)}, after=position
        )
    assert "40 %" in words(shown["data"])
    assert "fox" not in words(shown["data"])
    ended = replace(asked, state=State.FAILED, failure=Failure(code=Code.NO_VIDEO), revision=3)
    await harness.clock.step(4)
    await harness.messenger.tell_ended(ended)
    end = words(harness.message(asked.place.status_message_id))
    assert "Failed" in end
    assert "fox" not in end


async def test_an_end_without_a_status_message_passes_the_filter_too(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    block(harness, "fox")
    gone = replace(asked.place, status_message_id=None)
    ended = replace(
        asked, place=gone, state=State.FAILED, failure=Failure(code=Code.NO_VIDEO), revision=3
    )
    await harness.messenger.tell_ended(ended)
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    reported = words(harness.message(int(next(reversed(thread.messages)))))
    assert "Failed" in reported
    assert "fox" not in reported


async def test_a_moderators_lock_holds_even_where_we_could_write(harness: MessengerHarness) -> None:
    channel = harness.standin.world.channel("videos")
    harness.standin.places.set_permissions(
        channel, allow=Permission.MANAGE_THREADS, deny=Permission(0)
    )
    asked = await harness.opened()
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    harness.standin.membership.lock(thread)
    assert (await refused(harness, asked)).code is Code.POST_LOCKED
    assert thread.thread is not None
    assert thread.thread.archived
    inside = replace(asked.place, status_message_id=None, in_thread=True)
    with pytest.raises(PostError) as caught:
        await harness.messenger.open_status(
            harness.generation(place=inside), LiveStatus(), again=False
        )
    assert caught.value.code is Code.POST_LOCKED


async def test_one_rung_down_it_says_why(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    posting = replace(
        harness.posting(asked, Target(kind=TargetKind.CHANNEL, id=int(VIDEOS))),
        tried=(harness.posting(asked).target,),
    )
    moved = replace(asked, failure=Failure(code=Code.POST_LOCKED))
    content = harness.message((await harness.post(moved, posting)).message_id)["content"]
    assert "A moderator has locked the thread" in content
    other = replace(moved, failure=Failure(code=Code.POST_EXPLICIT), id=harness.generation().id)
    posting = replace(posting, nonce="another")
    content = harness.message((await harness.post(other, posting)).message_id)["content"]
    assert "didn't accept the video where you asked" in content


@pytest.mark.parametrize("kind", [ChannelKind.VOICE, ChannelKind.STAGE])
async def test_where_there_are_no_threads_it_stays_in_the_channel(
    harness: MessengerHarness, kind: ChannelKind
) -> None:
    channel = harness.standin.places.add_channel(harness.standin.world.guild(STUDIO), "talk", kind)
    place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(channel.id)))
    asked = await harness.opened(place=place)
    assert asked.place.thread_id is None
    assert (await harness.post(asked)).channel_id == int(channel.id)


async def test_an_announcement_has_its_thread(harness: MessengerHarness) -> None:
    studio = harness.standin.world.guild(STUDIO)
    channel = harness.standin.places.add_channel(studio, "news", ChannelKind.ANNOUNCEMENT)
    place = Place(guild_id=GuildId(int(STUDIO)), channel_id=ChannelId(int(channel.id)))
    asked = await harness.opened(place=place)
    assert (await harness.post(asked)).channel_id == asked.place.thread_id


async def test_a_forum_takes_posts_and_nothing_else(harness: MessengerHarness) -> None:
    studio = harness.standin.world.guild(STUDIO)
    forum = harness.standin.places.add_channel(studio, "ideas", ChannelKind.FORUM)
    post = harness.standin.places.add_post(forum, TOM, "what do you think")
    place = Place(
        guild_id=GuildId(int(STUDIO)),
        channel_id=ChannelId(int(forum.id)),
        thread_id=ChannelId(int(post.id)),
        in_thread=True,
    )
    asked = await harness.opened(place=place)
    assert (await harness.post(asked)).channel_id == int(post.id)
    beside = Target(kind=TargetKind.CHANNEL, id=int(forum.id))
    assert (await refused(harness, asked, beside)).code is Code.POST_NO_PLACE


async def test_made_but_not_posted_offers_the_file_before_another_payment(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    ended = replace(
        asked,
        state=State.UNDELIVERABLE,
        file=video_file(),
        failure=Failure(code=Code.POST_LOCKED),
        revision=3,
    )
    await harness.clock.step(4)
    await harness.messenger.tell_ended(ended)
    shown = harness.message(asked.place.status_message_id)
    assert list(buttons(shown)) == ["Get the file", "Again", "Details"]
    assert "A moderator has locked the thread" in words(shown)
