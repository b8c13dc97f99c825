"""Editing with the real bot: replies, forms, menus, Again, Extend, Details and Delete."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.films import NumberedClips, film, picture
from tests.e2e.running import Running, running_bot
from tests.messages_view import Json, answered_text, buttons, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

HINT = (
    "I can't see your text: Discord shows me a reply only when its @ mention is on."
    " Reply again with the mention on, or use the button."
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("editing")
    clips = NumberedClips(film(folder / "film.mp4"))
    async with running_bot(folder, validator, clips=clips) as running:
        yield running


@pytest.fixture
def clips(running: Running) -> NumberedClips:
    assert isinstance(running.clips, NumberedClips)
    return running.clips


async def made(running: Running, prompt: str, *, by: str = "tom", **options: str) -> Json:
    await running.person(by).video(prompt, **options)
    return await running.film(prompt)


async def test_replies_grow_a_tree_of_versions(running: Running, clips: NumberedClips) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    first = await made(running, "a fox in the snow")
    await tom.reply(first, "make it dusk")
    second = await running.film("make it dusk", version=2)
    await ana.reply(second, "add a moon")
    third = await running.film("add a moon", version=3)
    await tom.reply(first, "make it spring")
    fourth = await running.film("make it spring", version=4)

    assert f"-# v2 · Edit of v1 by <@{tom.id}>" in second["content"]
    assert f"-# v3 · Edit of v2 by <@{ana.id}>" in third["content"]
    assert f"-# v4 · Edit of v1 by <@{tom.id}>" in fourth["content"]
    assert [user["id"] for user in third["mentions"]] == [ana.id]
    assert {video["channel_id"] for video in (second, third, fourth)} == {first["channel_id"]}
    assert clips.sources["make it dusk"] == clips.made["a fox in the snow"]
    assert clips.sources["add a moon"] == clips.made["make it dusk"]
    assert clips.sources["make it spring"] == clips.made["a fox in the snow"]
    name, body = running.submitted("add a moon")[0]
    assert (name, body["model"]) == ("evolink", "gemini-omni-1.1-flash-video-edit")


async def test_a_picture_in_a_reply_goes_along(running: Running, clips: NumberedClips) -> None:
    tom = running.person("tom")
    first = await made(running, "a plain room", model="omni-flash-1.1")
    hat = await tom.upload("hat.png", picture())
    await tom.reply(first, "with this hat", files=[hat])
    second = await running.film("with this hat", version=2)
    name, body = running.submitted("with this hat")[0]
    assert (name, body["model"]) == ("evolink", "gemini-omni-1.1-flash-video-edit")
    assert len(body["image_urls"]) == 1
    assert clips.sources["with this hat"] == clips.made["a plain room"]
    assert "**Inputs** 1 image" in answered_text(await tom.press(second, "Details"))


async def test_a_file_that_is_no_picture_is_refused_below_the_reply(running: Running) -> None:
    tom = running.person("tom")
    first = await made(running, "a quiet lake")
    notes = await tom.upload("notes.png", b"these are only words")
    reply = await tom.reply(first, "with these words", files=[notes])
    said = await running.says(first["channel_id"], "I can't use “notes.png”. ")
    assert said["message_reference"]["message_id"] == reply["id"]
    assert said["mentions"] == []
    assert running.submitted("with these words") == []


async def test_a_reply_without_its_ping_gets_a_hint_and_a_form(running: Running) -> None:
    tom = running.person("tom")
    first = await made(running, "a loud street")
    reply = await tom.reply(first, "make it silent", ping=False)
    hint = await running.says(first["channel_id"], HINT)
    assert hint["message_reference"]["message_id"] == reply["id"]
    opened = await tom.press(hint, "Edit")
    assert opened["modal"]["title"] == "Edit this video"
    prompt = opened["modal"]["components"][0]["component"]
    assert not prompt.get("value")
    receipt = answered_text(await tom.fill(opened, prompt="make it silent"))
    assert "### On it" in receipt
    second = await running.film("make it silent", version=2)
    assert f"Edit of v1 by <@{tom.id}>" in second["content"]


async def test_the_form_takes_words_and_pictures(running: Running) -> None:
    ana = running.person("ana")
    first = await made(running, "a red door", model="omni-flash-1.1")
    opened = await ana.press(first, "Edit")
    images = [await ana.upload(f"{n}.png", picture()) for n in "ab"]
    await ana.fill(opened, prompt="paint it like these", images=images)
    second = await running.film("paint it like these", version=2)
    assert f"Edit of v1 by <@{ana.id}>" in second["content"]
    assert len(running.submitted("paint it like these")[0][1]["image_urls"]) == 2


async def test_chatting_is_no_instruction(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    first = await made(running, "a small dog")
    thread = first["channel_id"]
    human = await ana.write(thread, "what a nice dog")
    await tom.reply(human, "isn't it")
    before = len(running.paid())
    # Answered in order: whatever the bot said to these two would come before the next video.
    await tom.reply(first, "make it large")
    await running.film("make it large", version=2)
    assert len(running.paid()) == before + 1
    assert running.submitted("isn't it") == []
    spoken = [words(m) for m in running.messages(thread) if m["author"].get("bot")]
    assert not [text for text in spoken if "isn't" in text or "not a video" in text]


async def test_a_reply_to_the_status_message_edits_the_video(running: Running) -> None:
    tom = running.person("tom")
    await made(running, "a tall tower")
    status = await running.status("a tall tower", "🟢 **Done**")
    await tom.reply(status, "taller still")
    second = await running.film("taller still", version=2)
    opened = await running.status("taller still", f"Edit of v1 by <@{tom.id}>")
    assert opened["channel_id"] == status["channel_id"]
    assert second["channel_id"] == opened["id"]


async def test_again_makes_the_same_once_more(running: Running) -> None:
    ana = running.person("ana")
    first = await made(running, "a coin is tossed", aspect_ratio="9:16")
    thread = first["channel_id"]
    receipt = answered_text(await ana.press(first, "Again"))
    assert f"I'll post it in <#{thread}>" in receipt
    position = running.sandbox.discord.position
    found = await running.next_video(after=position) if len(videos(running, thread)) < 2 else None
    second = found["data"] if found else videos(running, thread)[1]
    assert second["mentions"][0]["id"] == ana.id
    bodies = [body for _, body in running.submitted("a coin is tossed")]
    assert bodies[0] == bodies[1]


def videos(running: Running, channel_id: str) -> list[Json]:
    return [m for m in running.messages(channel_id) if m["attachments"]]


async def test_extend_where_the_model_can(running: Running, clips: NumberedClips) -> None:
    tom = running.person("tom")
    plain = await made(running, "a short walk", model="omni-flash")
    assert "Extend" not in buttons(plain)
    first = await made(running, "a long walk")
    assert list(buttons(first)) == ["Edit", "Again", "Extend", "Details", "Delete"]
    opened = await tom.press(first, "Extend")
    assert opened["modal"]["title"] == "Extend this video"
    await tom.fill(opened, prompt="home through the woods", duration=["5"])
    second = await running.film("home through the woods", version=2)
    assert f"Extension of v1 by <@{tom.id}>" in second["content"]
    name, body = running.submitted("home through the woods")[0]
    assert (name, body["model"]) == ("evolink", "gemini-omni-1.1-flash-video-extend")
    assert body["duration"] == 5
    assert clips.sources["home through the woods"] == clips.made["a long walk"]


async def test_edit_video_on_ours_and_on_an_upload(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    first = await made(running, "a grey cat")
    opened = await ana.menu("Edit video", first)
    assert not opened["modal"]["components"][0]["component"].get("value")
    await ana.fill(opened, prompt="a black cat")
    await running.film("a black cat", version=2)

    film = await tom.upload("holiday.mp4", (running.folder / "film.mp4").read_bytes())
    posted = await tom.write("general", "our holiday", files=[film])
    opened = await ana.menu("Edit video", posted)
    await ana.fill(opened, prompt="with dinosaurs")
    video = await running.film("with dinosaurs")
    assert f"Edit of an upload by <@{ana.id}>" in video["content"]
    assert running.sandbox.discord.world.channels[video["channel_id"]].parent_id == (
        running.channel("general")
    )
    assert running.submitted("with dinosaurs")[0][1]["model"] == "gemini-omni-1.1-flash-video-edit"


async def test_make_a_video_of_this(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    files = [await tom.upload("cat.png", picture()), await tom.upload("dog.jpg", picture("JPEG"))]
    posted = await tom.write("general", "my pets", files=files)
    opened = await ana.menu("Make a video of this", posted)
    assert opened["modal"]["components"][0]["component"]["value"] == "my pets"
    await ana.fill(opened, prompt="they dance", aspect=["9:16"], duration=["6"])
    video = await running.film("they dance")
    name, body = running.submitted("they dance")[0]
    assert (name, len(body["image_urls"]), body["aspect_ratio"]) == ("evolink", 2, "9:16")
    assert body["duration"] == 6
    assert "6 s" in answered_text(await ana.press(video, "Details"))


async def test_menus_where_there_is_nothing_to_work_with(running: Running) -> None:
    tom, ana = running.person("tom"), running.person("ana")
    chat = await tom.write("general", "only words")
    said = answered_text(await ana.menu("Edit video", chat))
    assert said == "That message has no video that I can edit."


async def test_delete_is_for_who_asked_and_for_moderators(running: Running) -> None:
    tom, ana, mira = (running.person(name) for name in ("tom", "ana", "mira"))
    first = await made(running, "a secret garden")
    second = await made(running, "a rude gesture")

    asked = await ana.press(first, "Delete")
    assert answered_text(asked) == "Only the member who requested it, or a moderator, can do that."

    asked = await tom.press(first, "Delete")
    assert answered_text(asked) == "Delete this video for everyone? This can't be undone."
    erased = await tom.press(asked["responses"][0], "Delete for good")
    assert answered_text(erased) == "Deleted."
    assert first["id"] not in running.sandbox.discord.world.messages
    status = await running.status("a secret garden", "⚪ **Deleted.**")
    assert "Watch" not in buttons(status)
    assert answered_text(await tom.press(status, "Details"))
    await tom.reply(status, "bring it back")
    await running.says(
        status["channel_id"],
        "That video isn't available: it's still being made, it failed, or it was deleted.",
    )

    asked = await mira.press(second, "Delete")
    assert answered_text(await mira.press(asked["responses"][0], "Delete for good")) == "Deleted."
    assert second["id"] not in running.sandbox.discord.world.messages
    history = answered_text(await tom.command("history"))
    assert "deleted" in history


async def test_a_video_can_be_deleted_the_moment_it_is_seen(running: Running) -> None:
    tom = running.person("tom")
    video = await made(running, "a blink of an eye")
    asked = await tom.press(video, "Delete")
    assert answered_text(await tom.press(asked["responses"][0], "Delete for good")) == "Deleted."
