"""Making videos with the real bot: what people are told, where the video comes, what is sent."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.discord.state.seed import VIDEOS
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import picture
from tests.e2e.running import AT_ONCE, Running, running_bot
from tests.messages_view import EPHEMERAL, Json, answered_text, buttons, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUTTONS = ["Edit", "Again", "Extend", "Details", "Delete"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    config = "\n[limits]\nvideos = 100\nconcurrent = 0\n" + AT_ONCE
    async with running_bot(tmp_path_factory.mktemp("making"), validator, config=config) as running:
        yield running


def the_body(running: Running, prompt: str) -> tuple[str, Json]:
    (sent,) = running.submitted(prompt)
    return sent


async def test_from_a_command_to_a_video_in_its_thread(running: Running) -> None:
    tom = running.person("tom")
    prompt = "a paper boat in the rain"
    answered = await tom.video(prompt, duration="4")
    receipt = answered_text(answered)
    assert receipt.startswith(
        "### On it\n-# Gemini Omni Flash 1.1 · 4 s · automatic aspect ratio · 720p"
    )
    assert "It will start right away, and your video should be ready at <t:" in receipt
    assert f"I'll post it in a thread in <#{VIDEOS}> and ping you." in receipt
    assert "Estimated price: $0.40 for 4 seconds." in receipt
    assert re.search(r"99 of 100 videos left today; resets <t:\d+:R>\.", receipt)

    opened = await running.status(prompt, "requested by <@")
    assert opened["channel_id"] == VIDEOS
    assert set(buttons(opened)) == {"Cancel", "Details"}
    video = await running.film(prompt)
    done = await running.status(prompt, "🟢 **Done**")
    assert done["id"] == opened["id"]
    assert buttons(done)["Watch"].endswith(f"/{video['channel_id']}/{video['id']}")
    assert "Cancel" not in buttons(done)

    thread = running.sandbox.discord.world.channels[video["channel_id"]]
    assert (thread.id, thread.parent_id, thread.name) == (opened["id"], VIDEOS, prompt)
    assert video["content"].startswith(f"<@{tom.id}> your video is ready: **{prompt}**\n-# v1 · ")
    assert [user["id"] for user in video["mentions"]] == [tom.id]
    assert video["type"] == 0
    assert "interaction_metadata" not in video
    assert list(buttons(video)) == BUTTONS
    (file,) = video["attachments"]
    assert file["filename"] == "a-paper-boat-in-the-rain-v1.mp4"
    assert file["description"] == f"AI-made video, version 1: {prompt}"
    pings = [m for m in running.messages(thread.id) if m["mentions"]]
    assert [m["id"] for m in pings] == [video["id"]]
    assert running.messages(VIDEOS)[-1]["mentions"] == []


async def test_every_option_reaches_the_provider(running: Running) -> None:
    mira = running.person("mira")
    square = await mira.upload("a.png", picture())
    end = await mira.upload("end.webp", picture("WEBP", colour="#0e7490"))
    more = {f"image{n}": await mira.upload(f"{n}.jpg", picture("JPEG")) for n in (2, 3)}
    await asyncio.gather(
        mira.video("tall and long", aspect_ratio="9:16", duration="7"),
        mira.video("as you like", model="omni-flash", aspect_ratio="auto", duration="auto"),
        mira.video("sharp", model="omni-flash-1.1", resolution="1080p", duration="3"),
        mira.video("begin here", image=square, duration="5"),
        mira.video("begin and end", model="omni-flash-1.1", image=square, last_frame=end),
        mira.video("three of them", model="omni-flash-1.1", image=square, **more),
    )
    await asyncio.gather(
        *(
            running.film(prompt)
            for prompt in (
                "tall and long", "as you like", "sharp", "begin here", "begin and end",
                "three of them",
            )
        )
    )  # fmt: skip
    name, body = the_body(running, "tall and long")
    assert name == "evolink"
    assert body == {
        "model": "gemini-omni-1.1-flash-text-to-video",
        "prompt": "tall and long",
        "duration": 7,
        "aspect_ratio": "9:16",
        "quality": "720p",
    }
    _, body = the_body(running, "as you like")
    assert (body["duration"], body["aspect_ratio"]) == ("auto", "auto")
    _, body = the_body(running, "sharp")
    assert body["model"] == "gemini-omni-1.1-flash-text-to-video"
    assert (body["quality"], body["duration"]) == ("1080p", 3)
    _, body = the_body(running, "begin here")
    assert body["model"] == "gemini-omni-1.1-flash-image-to-video"
    assert len(body["image_urls"]) == 1
    _, body = the_body(running, "begin and end")
    assert body["model"] == "gemini-omni-1.1-flash-image-to-video"
    assert len(body["image_urls"]) == 2
    _, body = the_body(running, "three of them")
    assert body["model"] == "gemini-omni-1.1-flash-reference-to-video"
    assert len(body["image_urls"]) == 3


async def test_sixteen_images_go_where_sixteen_are_taken(running: Running) -> None:
    ana = running.person("ana")
    options = {"image": await ana.upload("1.png", picture())}
    for number in range(2, 17):
        options[f"image{number}"] = await ana.upload(f"{number}.png", picture(size=(64, 48)))
    answered = await ana.video("all sixteen", duration="8", **options)
    assert "Changed to fit the model: length 8 s → the model decides" in answered_text(answered)
    status = await running.status("all sixteen", "requested by")
    assert "length 8 s → the model decides" in words(status)
    video = await running.film("all sixteen")
    name, body = the_body(running, "all sixteen")
    assert (name, len(body["image_urls"])) == ("apimart", 16)
    assert "duration" not in body
    details = answered_text(await ana.press(video, "Details"))
    assert "**Model** Gemini Omni Flash 1.0 (APIMart), video from an image" in details
    assert "**Inputs** 16 images" in details
    assert "length 8 s → the model decides" in details


async def test_a_video_to_edit_comes_with_the_command(running: Running) -> None:
    tom = running.person("tom")
    film = (running.folder / "film.mp4").read_bytes()
    clip = await tom.upload("mine.mp4", film)
    await tom.video("make it night", video=clip)
    video = await running.film("make it night")
    assert "Edit of an upload by <@" in video["content"]
    name, body = the_body(running, "make it night")
    assert (name, body["model"]) == ("evolink", "gemini-omni-1.1-flash-video-edit")
    assert len(body["video_urls"]) == 1
    assert "duration" not in body
    assert "aspect_ratio" not in body


async def test_what_no_model_can_do_is_refused_before_anything_is_spent(running: Running) -> None:
    tom = running.person("tom")
    paid = len(running.paid())
    sharp = await tom.video("too sharp", resolution="1080p", model="omni-flash")
    assert answered_text(sharp) == "Gemini Omni Flash 1.0 doesn't support 1080p. Choose 720p."
    unknown = await tom.video("unknown", model="veo-9")
    assert answered_text(unknown) == (
        "There's no model called “veo-9” here. Choose Gemini Omni Flash 1.0 or Gemini Omni Flash"
        " 1.1 from the list that the `model` option offers."
    )
    empty = await tom.command("video")
    assert answered_text(empty) == "I need a prompt: describe what you'd like to see."
    end = await tom.upload("end.png", picture())
    ending = await tom.video("only an end", last_frame=end)
    assert "I also need an image to start from" in answered_text(ending)
    quota = answered_text(await tom.command("quota"))
    await tom.video("a last one, to be sure")
    await running.film("a last one, to be sure")
    assert len(running.paid()) == paid + 1
    assert running.submitted("too sharp") == running.submitted("unknown") == []
    assert "in progress" in quota


async def test_models_and_resolutions_are_offered(running: Running) -> None:
    people = running.sandbox.discord.people
    user = running.user("tom")
    offered = await people.autocomplete(
        user, VIDEOS, "video", options={"prompt": "x", "model": "1.1"}, focused="model"
    )
    assert offered == [{"name": "Gemini Omni Flash 1.1", "value": "omni-flash-1.1"}]
    everything = await people.autocomplete(
        user, VIDEOS, "video", options={"prompt": "x", "model": ""}, focused="model"
    )
    assert [choice["value"] for choice in everything] == ["omni-flash", "omni-flash-1.1"]
    sharp = await people.autocomplete(
        user, VIDEOS, "video", options={"prompt": "x", "resolution": "1"}, focused="resolution"
    )
    assert [choice["value"] for choice in sharp] == ["1080p"]


async def test_in_a_direct_message_it_comes_right_there(running: Running) -> None:
    ana = running.person("ana")
    answered = await ana.video("a letter to myself", channel="dm")
    assert "I'll post it right here." in answered_text(answered)
    video = await running.film("a letter to myself")
    assert video["channel_id"] == answered["channel_id"]
    assert video["content"].startswith("Your video is ready: **a letter to myself**")
    reply = await ana.reply(video, "with a stamp on it")
    second = await running.film("with a stamp on it", version=2)
    assert second["channel_id"] == reply["channel_id"] == video["channel_id"]
    assert f"Edit of v1 by <@{ana.id}>" in second["content"]


async def test_private_is_a_thread_for_two(running: Running) -> None:
    tom = running.person("tom")
    answered = await tom.video("nobody must know", private=True)
    assert "only you and the moderators of this server can see" in answered_text(answered)
    video = await running.film("nobody must know")
    channel = running.sandbox.discord.world.channels[video["channel_id"]]
    assert channel.thread is not None
    assert channel.thread.private
    assert channel.parent_id == VIDEOS
    assert tom.id in channel.thread.members
    assert not running.sandbox.discord.world.sees(running.user("ana"), channel)
    assert all("nobody must know" not in words(m) for m in running.messages(VIDEOS))
    again = await tom.reply(video, "not even this")
    second = await running.film("not even this", version=2)
    assert second["channel_id"] == channel.id == again["channel_id"]


async def test_private_without_a_thread_is_a_direct_message(running: Running) -> None:
    tom = running.person("tom")
    await tom.video("psst", channel="announcements", private=True)
    video = await running.film("psst")
    dm = running.sandbox.discord.world.dm(tom.id)
    assert dm is not None
    assert video["channel_id"] == dm.id
    seen = running.messages(running.channel("announcements"))
    assert [words(message) for message in seen if not message["flags"] & EPHEMERAL] == []


async def test_in_a_thread_it_stays_in_that_thread(running: Running) -> None:
    tom = running.person("tom")
    await tom.video("the first of many")
    first = await running.film("the first of many")
    answered = await running.person("ana").video("beside it", channel=first["channel_id"])
    assert f"<#{first['channel_id']}>" in answered_text(answered)
    second = await running.film("beside it")
    status = await running.status("beside it", "requested by")
    assert second["channel_id"] == status["channel_id"] == first["channel_id"]
