"""Edits: the reply, the button, the menu, the extension."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.media import MediaKind
from bot.domain.request import Operation
from bot.ui.inbound import replies
from sandbox.discord.state.seed import ANA, GENERAL, STUDIO, TOM, VIDEOS
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Json, Retake, Starting, texts
from tests.messages_view import buttons

FOX = delivered(7)
OUR_ROLE = int(STUDIO) + 100


async def hint(retake: Retake, after: int) -> Json:
    """The next message of the bot."""
    me = str(retake.client.application_id)
    event = await retake.standin.wait("MESSAGE_CREATE", {"author.id": me}, after=after)
    return event["data"]


async def test_a_reply_is_an_edit_of_that_very_video(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    sent = await retake.standin.people.send(
        "tom", "videos", "  make it night ", reply_to=str(video.id)
    )
    ask = await retake.services.generate.next()
    assert ask.request_key == f"message:{sent['id']}"
    assert ask.parent_id == FOX.id
    assert (ask.requester_id, ask.guild_id, ask.channel_id) == (int(TOM), int(STUDIO), int(VIDEOS))
    assert (ask.request.operation, ask.request.prompt) == (Operation.EDIT, "make it night")


async def test_a_reply_in_a_thread_stays_there(retake: Retake) -> None:
    thread = await retake.public_thread()
    video = await retake.post_video(FOX, channel=str(thread.id))
    await retake.standin.people.send("ana", str(thread.id), "bluer", reply_to=str(video.id))
    ask = await retake.services.generate.next()
    assert (ask.channel_id, ask.thread_id) == (int(GENERAL), thread.id)


async def test_a_reply_in_a_direct_message_needs_no_ping(retake: Retake) -> None:
    direct = retake.standin.world.dm(TOM)
    assert direct is not None
    video = await retake.post_video(FOX, channel=direct.id)
    await retake.standin.people.send("tom", "dm", "bluer", reply_to=str(video.id), ping=False)
    ask = await retake.services.generate.next()
    assert (ask.guild_id, ask.request.prompt) == (0, "bluer")


async def test_attachments_of_a_reply_are_references(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    people = retake.standin.people
    image = await people.upload("hat.png", b"x")
    await people.send("tom", "videos", "this hat", uploads=[image], reply_to=str(video.id))
    ask = await retake.services.generate.next()
    assert [image.name for image in ask.request.images] == ["hat.png"]
    assert [kinds for _, kinds in retake.services.intake.calls.made] == [(MediaKind.IMAGE,)]


async def test_a_mention_is_no_part_of_the_instruction(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    me = retake.client.application_id
    await retake.standin.people.send(
        "tom", "videos", f"<@{me}> make it night", reply_to=str(video.id)
    )
    assert (await retake.services.generate.next()).request.prompt == "make it night"


@pytest.mark.parametrize(
    "text",
    [
        "<@{me}>",
        "<@!{me}> ",
        "\u200b",
        "** **",
        "🔥",
        "<:wow:12345678901234567>",
        "<@{ana}>",
        "https://tenor.com/view/wow-gif-1",
        "<@{me}> <@{ana}> !!",
        "<@&{role}>",
        "@everyone",
        "<@{me}> @here ℹ️",
        "<t:1700000000:R> <id:browse> </video:12345678901234567>",
        "||<a:wow:12345678901234567>|| \u3164",
    ],
)
async def test_a_reply_that_says_nothing_orders_nothing(retake: Retake, text: str) -> None:
    """A bare mention, an emoji, a GIF, another one's name: a reaction, which gets no answer."""
    video = await retake.post_video(FOX)
    filled = text.format(me=retake.client.application_id, ana=ANA, role=OUR_ROLE)
    await retake.standin.people.send("tom", "videos", filled, reply_to=str(video.id))
    # Events arrive in their order, so what the second reply finds is all that there is.
    await retake.standin.people.send("tom", "videos", "make it night", reply_to=str(video.id))
    ask = await retake.services.generate.next()
    assert ask.request.prompt == "make it night"
    assert retake.services.generate.asks == [ask]
    assert retake.said() == []


async def test_a_reply_of_nothing_but_an_image_goes_by_the_image(retake: Retake) -> None:
    """With a reaction beside it, too: whether an image is enough, the model's rules say."""
    video = await retake.post_video(FOX)
    people = retake.standin.people
    for text in ("", "🔥"):
        image = await people.upload("hat.png", b"x")
        await people.send("tom", "videos", text, uploads=[image], reply_to=str(video.id))
        ask = await retake.services.generate.next()
        assert (ask.request.prompt, len(ask.request.images)) == ("", 1)


async def test_names_stand_for_mentions_in_a_reply(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    me = retake.client.application_id
    await retake.standin.people.send(
        "tom",
        "videos",
        f"<@{me}> let <@{ANA}> of <#{GENERAL}> and <@&150000000000000002>"
        " wave <:hello:12345678901234567>\n# now",
        reply_to=str(video.id),
    )
    ask = await retake.services.generate.next()
    assert ask.request.prompt == "let Ana of general and Editors wave hello\n# now"


async def test_a_reply_without_ping_gets_a_hint_and_the_button(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    after = retake.standin.position
    await retake.standin.people.send(
        "tom", "videos", "make it night", reply_to=str(video.id), ping=False
    )
    # The hint is the second message after: the person's own comes first.
    said = await hint(retake, after)
    assert "Discord shows me a reply only when its @ mention is on" in said["content"]
    assert said["mentions"] == []
    assert buttons(said) == {"Edit": f"rt:edit:{FOX.id}"}
    opened = await retake.press("tom", said["id"], f"rt:edit:{FOX.id}")
    assert opened["state"] == "modal"
    assert retake.services.generate.asks == []


async def test_what_was_said_below_a_reply_goes_away_again(
    retake: Retake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "SHOWN_SECONDS", 0.0)
    video = await retake.post_video(FOX)
    after = retake.standin.position
    await retake.standin.people.send("tom", "videos", "x", reply_to=str(video.id), ping=False)
    said = await hint(retake, after)
    await retake.standin.wait("MESSAGE_DELETE", {"id": said["id"]}, after=after)


async def test_an_open_form_is_not_kept_in_memory(retake: Retake) -> None:
    """People close forms without a word: each would stay for ever."""
    video = await retake.post_video(FOX)
    await retake.press("ana", str(video.id), f"rt:edit:{FOX.id}")
    # The library keeps a form after Discord's answer to it: a later answer is behind that.
    await retake.command("ana", "quota")
    assert retake.client._connection._view_store._modals == {}


async def test_a_refused_reply_is_reported_without_a_ping(retake: Retake) -> None:
    retake.services.generate.refusals.append(
        Refused(Code.QUOTA_CONCURRENT, limit=3, used=3, source="default")
    )
    video = await retake.post_video(FOX)
    after = retake.standin.position
    await retake.standin.people.send("tom", "videos", "bluer", reply_to=str(video.id))
    said = await hint(retake, after)
    assert "You already have 3 videos in progress" in said["content"]
    assert said["mentions"] == []
    sent = [e for e in retake.standin.exchanges if e["path"].endswith(f"{VIDEOS}/messages")]
    assert sent[-1]["request"]["allowed_mentions"] == {"parse": [], "replied_user": False}


async def test_a_reply_to_something_unfinished_says_so(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    retake.services.lookup.refusals.append(Refused(Code.NOT_FINISHED))
    after = retake.standin.position
    await retake.standin.people.send("tom", "videos", "bluer", reply_to=str(video.id))
    assert "still being made" in (await hint(retake, after))["content"]


async def test_people_chat_without_being_answered(retake: Retake) -> None:
    """To each other, below a video without a ping on something unfinished, and bots anyway."""
    people = retake.standin.people
    first = await people.send("ana", "videos", "nice weather")
    await people.send("tom", "videos", "indeed", reply_to=first["id"])
    video = await retake.post_video(FOX)
    retake.services.lookup.refusals.append(Refused(Code.NOT_FINISHED))
    await people.send("ana", "videos", "wow", reply_to=str(video.id), ping=False)
    after = retake.standin.position
    await retake.client.get_partial_messageable(int(VIDEOS)).send(
        "to myself", reference=video, mention_author=True
    )
    # What is answered comes in order: the one real edit shows that nothing else was taken.
    await people.send("tom", "videos", "make it night", reply_to=str(video.id))
    assert (await retake.services.generate.next()).request.prompt == "make it night"
    me = str(retake.client.application_id)
    said = [
        message.content
        for message in retake.standin.world.messages.values()
        if message.author_id == me
    ]
    assert said == ["Your video is ready", "to myself"]
    assert after < retake.standin.position


async def test_a_reply_to_a_deleted_video_is_left_alone(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    people = retake.standin.people
    sent = await people.send("ana", "videos", "look", reply_to=str(video.id), ping=False)
    assert sent["message_reference"]["message_id"] == str(video.id)
    await video.delete()
    await retake.command("tom", "quota")
    assert retake.services.generate.asks == []


async def test_the_button_opens_an_empty_form(retake: Retake) -> None:
    """What was asked before is not what should change: it stands as the placeholder of an edit."""
    video = await retake.post_video(FOX)
    opened = await retake.press("ana", str(video.id), f"rt:edit:{FOX.id}")
    prompt, images = opened["modal"]["components"]
    assert not prompt["component"].get("value")
    assert "in your own words" in prompt["component"]["placeholder"]
    assert images["component"]["max_values"] == 3
    upload = await retake.standin.people.upload("hat.png", b"x")
    answered = await retake.submit("ana", opened, prompt="with this hat", images=[upload["id"]])
    ask = await retake.services.generate.next()
    assert (ask.parent_id, ask.request.prompt) == (FOX.id, "with this hat")
    assert ask.request.operation is Operation.EDIT
    assert [image.name for image in ask.request.images] == ["hat.png"]
    assert "On it" in texts(answered)


async def test_buttons_and_forms_survive_a_restart(retake: Retake, start: Starting) -> None:
    video = await retake.post_video(FOX)
    opened = await retake.press("ana", str(video.id), f"rt:edit:{FOX.id}")
    await retake.client.close()
    restarted: Retake = await start()
    restarted.services.lookup.videos[video.id] = FOX
    answered = await restarted.submit("ana", opened, prompt="bluer")
    assert "On it" in texts(answered)
    assert (await restarted.press("ana", str(video.id), f"rt:edit:{FOX.id}"))["state"] == "modal"


async def test_the_menu_edits_our_video(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    opened = await retake.menu("tom", "Edit video", str(video.id))
    await retake.submit("tom", opened, prompt="bluer")
    assert (await retake.services.generate.next()).parent_id == FOX.id


async def test_the_menu_edits_what_a_member_uploaded(retake: Retake) -> None:
    people = retake.standin.people
    clip = await people.upload("cat.mp4", b"x")
    posted = await people.send("ana", "videos", "my cat", uploads=[clip])
    opened = await retake.menu("tom", "Edit video", posted["id"])
    assert opened["modal"]["components"][0]["component"].get("value") is None
    await retake.submit("tom", opened, prompt="as a lion")
    ask = await retake.services.generate.next()
    assert (ask.parent_id, ask.request.operation) == (None, Operation.EDIT)
    assert ask.request.video is not None
    assert ask.request.video.name == "cat.mp4"
    assert ask.request.video_url is not None


async def test_the_menu_finds_the_video_by_its_content(retake: Retake) -> None:
    people = retake.standin.people
    uploads = [await people.upload(name, b"x") for name in ("a.png", "clip", "b.txt")]
    posted = await people.send("ana", "videos", uploads=uploads)
    retake.services.intake.other_kinds = {"a.png"}
    opened = await retake.menu("tom", "Edit video", posted["id"])
    await retake.submit("tom", opened, prompt="as a lion")
    ask = await retake.services.generate.next()
    assert ask.request.video is not None
    assert ask.request.video.name == "clip"
    assert ask.request.video_url is not None
    assert "/clip?" in ask.request.video_url


async def test_the_menu_edits_forwarded_and_linked_videos(retake: Retake) -> None:
    people = retake.standin.people
    clip = await people.upload("cat.mp4", b"x")
    first = await people.send("ana", "general", "my cat", uploads=[clip])
    forwarded = await people.forward("ana", first["id"], "videos")
    link = "https://example.com/cat.mp4"
    previews = [{"type": "video", "url": link, "upload": clip["id"]}]
    linked = await people.send("ana", "videos", link, previews=previews)
    picture = await people.upload("a.png", b"x")
    beside = await people.send("ana", "videos", link, uploads=[picture], previews=previews)
    retake.services.intake.other_kinds = {"a.png"}
    for posted in (forwarded, linked, beside):
        opened = await retake.menu("tom", "Edit video", posted["id"])
        await retake.submit("tom", opened, prompt="as a lion")
        ask = await retake.services.generate.next()
        assert ask.request.operation is Operation.EDIT
        assert ask.request.video_url is not None
        assert ask.request.video_url.startswith(retake.standin.base_url)


async def test_a_sticker_in_reply_is_a_reaction(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    people = retake.standin.people
    picture = await people.upload("wave.png", b"x")
    sticker = people.sharing.add_sticker("Wave", picture["id"], 1)
    for ping in (False, True):
        await people.send("ana", "videos", stickers=[sticker], reply_to=str(video.id), ping=ping)
    await people.send("ana", "videos", "bluer", reply_to=str(video.id))
    ask = await retake.services.generate.next()
    assert (retake.services.generate.asks, retake.said()) == ([ask], [])


async def test_the_menu_needs_a_video(retake: Retake) -> None:
    posted = await retake.standin.people.send("ana", "videos", "just words")
    answered = await retake.menu("tom", "Edit video", posted["id"])
    assert "That message has no video" in texts(answered)


async def test_a_form_about_an_upload_is_for_the_one_who_opened_it(retake: Retake) -> None:
    people = retake.standin.people
    clip = await people.upload("cat.mp4", b"x")
    posted = await people.send("ana", "videos", uploads=[clip])
    await retake.menu("tom", "Edit video", posted["id"])
    with pytest.raises(Refused):
        retake.client.sources.recall(130000000000000003, int(posted["id"]))


async def test_an_extension_asks_what_happens_next(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    opened = await retake.press("tom", str(video.id), f"rt:extend:{FOX.id}")
    assert opened["modal"]["title"] == "Extend this video"
    await retake.submit("tom", opened, prompt="it runs off", duration=["4"])
    ask = await retake.services.generate.next()
    assert (ask.parent_id, ask.request.operation) == (FOX.id, Operation.EXTEND)
    assert (ask.request.prompt, ask.request.duration) == ("it runs off", 4)
