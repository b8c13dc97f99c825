"""New videos: the command with all its options, the menu, the button Again."""

import asyncio

import discord
import pytest

from bot.domain.errors import Code, Refused, StorageUnavailable
from bot.domain.ids import DIRECT
from bot.domain.media import MediaKind
from bot.domain.request import Operation
from sandbox.discord import DiscordStandIn
from sandbox.discord.state.models import Overwrite
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import ANA, GENERAL, MIRA, OTHER_GENERAL, STUDIO, TOM, VIDEOS
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Retake, Starting, texts

EPHEMERAL = 64


async def test_words_become_a_request_and_a_receipt(retake: Retake) -> None:
    answered = await retake.command(
        "tom", "video", prompt="a fox", duration="8", aspect_ratio="9:16", resolution="720p"
    )
    (ask,) = retake.services.generate.asks
    assert ask.request_key == f"interaction:{answered['id']}"
    assert (ask.requester_id, ask.guild_id, ask.channel_id) == (int(TOM), int(STUDIO), int(VIDEOS))
    assert (ask.thread_id, ask.private, ask.parent_id) == (None, False, None)
    request = ask.request
    assert (request.operation, request.prompt) == (Operation.CREATE, "a fox")
    assert (request.duration, request.aspect_ratio, request.resolution) == (8, "9:16", "720p")
    (shown,) = answered["responses"]
    assert shown["flags"] & EPHEMERAL
    text = texts(answered)
    assert "You're number 3 in the queue" in text
    assert "your video should be ready at <t:1795176090:T>." in text
    assert "Estimated price: $0.50 for 5 seconds." in text
    assert "2 of 5 videos left today; resets <t:1795219200:R>." in text
    assert f"<#{VIDEOS}>" in text


async def test_what_is_not_said_is_left_to_the_model(retake: Retake) -> None:
    await retake.command("tom", "video", prompt="a fox")
    (ask,) = retake.services.generate.asks
    request = ask.request
    assert (request.duration, request.aspect_ratio, request.resolution) == (None, None, None)
    assert (request.model, request.images, request.video) == (None, (), None)


async def test_options_and_names_are_understood(retake: Retake) -> None:
    """Labels instead of values, another case, blanks; ids are names before anybody reads them."""
    await retake.command(
        "tom",
        "video",
        prompt=f"<@{ANA}> and <@{TOM}>, <@130000000000000009>\n<#{GENERAL}> <#{OTHER_GENERAL}>",
        resolution=" 720P",
        model="Omni Flash ",
    )
    (ask,) = retake.services.generate.asks
    assert ask.request.prompt == "Ana and Tom, someone\ngeneral a channel"
    assert (ask.request.model, ask.request.resolution) == ("omni-flash", "720p")


async def test_a_channel_is_named_only_to_who_sees_it(
    standin: DiscordStandIn, start: Starting
) -> None:
    """Nobody learns the name of a channel by guessing at its id."""
    overwrites = standin.world.channels[GENERAL].overwrites
    overwrites[STUDIO] = Overwrite(id=STUDIO, of_member=False, deny=Permission.VIEW_CHANNEL)
    for person in (standin.world.bot_id, ANA):
        overwrites[person] = Overwrite(id=person, of_member=True, allow=Permission.VIEW_CHANNEL)
    retake: Retake = await start()
    for person in ("tom", "ana"):
        await retake.command(person, "video", prompt=f"in <#{GENERAL}>")
    prompts = [ask.request.prompt for ask in retake.services.generate.asks]
    assert prompts == ["in a channel", "in general"]


async def test_auto_is_passed_on(retake: Retake) -> None:
    await retake.command("tom", "video", prompt="a fox", duration="auto", aspect_ratio="auto")
    (ask,) = retake.services.generate.asks
    assert (ask.request.duration, ask.request.aspect_ratio) == ("auto", "auto")


async def test_sixteen_images_and_a_last_frame_keep_their_order(retake: Retake) -> None:
    options = {}
    for number in range(1, 17):
        name = "image" if number == 1 else f"image{number}"
        upload = await retake.standin.people.upload(f"{number}.png", b"x")
        options[name] = upload["id"]
    frame = await retake.standin.people.upload("end.png", b"x")
    answered = await retake.command("tom", "video", last_frame=frame["id"], **options)
    (ask,) = retake.services.generate.asks
    names = [image.name for image in ask.request.images]
    assert names == [f"{number}.png" for number in range(1, 17)]
    assert ask.request.last_frame is not None
    assert ask.request.last_frame.name == "end.png"
    assert "On it" in texts(answered)


async def test_a_video_to_edit_comes_with_its_link(retake: Retake) -> None:
    clip = await retake.standin.people.upload("clip.mp4", b"x")
    await retake.command("tom", "video", prompt="make it night", video=clip["id"])
    (ask,) = retake.services.generate.asks
    assert ask.request.video is not None
    assert ask.request.video_url is not None
    assert "/clip.mp4?" in ask.request.video_url
    assert [kinds for _, kinds in retake.services.intake.calls.made] == [(MediaKind.VIDEO,)]


async def test_what_a_file_says_of_itself_decides_nothing(retake: Retake) -> None:
    text = await retake.standin.people.upload("notes.txt", b"x")
    await retake.command("tom", "video", prompt="x", image=text["id"])
    assert [(file.name, file.content_type) for file in retake.services.intake.files] == [
        ("notes.txt", "text/plain")
    ]
    assert [kinds for _, kinds in retake.services.intake.calls.made] == [(MediaKind.IMAGE,)]


async def test_a_refused_file_is_reported_after_thinking(retake: Retake) -> None:
    retake.services.intake.calls.refusals.append(Refused(Code.MEDIA_BROKEN, name="a.png"))
    image = await retake.standin.people.upload("a.png", b"x")
    answered = await retake.command("tom", "video", prompt="x", image=image["id"])
    assert "“a.png” looks damaged" in texts(answered)
    assert retake.services.generate.asks == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            Refused(
                Code.QUOTA_VIDEOS,
                limit=5,
                used=5,
                period="day",
                source="server",
                resets_at=9,
                more="server",
            ),
            "That's this server's limit; it resets <t:9:R>. If you need more, ask an admin of this",
        ),
        (
            Refused(
                Code.DURATION_UNSUPPORTED, requested=12, minimum=3, maximum=10, model="omni-flash"
            ),
            "Omni Flash makes videos of 3 to 10 seconds, not 12.",
        ),
        (StorageUnavailable("no disk"), "I can't reach my database right now"),
        (ValueError("a secret detail"), "Something went wrong on my side. Nothing was charged."),
    ],
)
async def test_what_goes_wrong_is_answered_in_private(
    retake: Retake, error: Exception, sentence: str
) -> None:
    retake.services.generate.refusals.append(error)
    answered = await retake.command("tom", "video", prompt="x")
    assert sentence in texts(answered)
    assert "secret detail" not in texts(answered)
    assert answered["responses"][0]["flags"] & EPHEMERAL


async def test_a_slow_database_does_not_cost_the_answer(start: Starting) -> None:
    retake: Retake = await start(patience=0.01)
    retake.services.generate.gate = asyncio.Event()
    people = retake.standin.people
    id_ = await people.command("tom", "videos", "video", options={"prompt": "x"})
    await retake.standin.wait("INTERACTION", {"id": id_, "state": "deferred"})
    retake.services.generate.gate.set()
    assert "On it" in texts(await retake.settled(id_))


async def test_in_a_direct_message(retake: Retake) -> None:
    answered = await retake.command("tom", "video", channel="dm", prompt="a fox")
    (ask,) = retake.services.generate.asks
    assert ask.guild_id == DIRECT
    assert "I'll post it right here." in texts(answered)


async def test_in_a_thread(retake: Retake) -> None:
    thread = await retake.public_thread()
    await retake.command("tom", "video", channel=str(thread.id), prompt="a fox")
    (ask,) = retake.services.generate.asks
    assert (ask.channel_id, ask.thread_id) == (int(GENERAL), thread.id)


async def test_a_private_request_leaves_a_public_thread(retake: Retake) -> None:
    thread = await retake.public_thread()
    answered = await retake.command(
        "tom", "video", channel=str(thread.id), prompt="x", private=True
    )
    (ask,) = retake.services.generate.asks
    assert (ask.channel_id, ask.thread_id, ask.private) == (int(GENERAL), None, True)
    assert "private thread" in texts(answered)


async def test_a_request_in_a_private_thread_says_that_it_is_private(retake: Retake) -> None:
    place = retake.client.get_channel(int(GENERAL))
    assert isinstance(place, discord.TextChannel)
    thread = await place.create_thread(name="ours", type=discord.ChannelType.private_thread)
    await thread.add_user(discord.Object(int(TOM)))
    video = await retake.post_video(delivered(7), channel=str(thread.id))
    await retake.command("tom", "video", channel=str(thread.id), prompt="x")
    await retake.press("tom", str(video.id), f"rt:again:{delivered(7).id}")
    opened = await retake.press("tom", str(video.id), f"rt:edit:{delivered(7).id}")
    await retake.submit("tom", opened, prompt="bluer")
    await retake.standin.people.send("tom", str(thread.id), "redder", reply_to=str(video.id))
    asks = [await retake.services.generate.next() for _ in range(4)]
    assert [(ask.thread_id, ask.private) for ask in asks] == [(thread.id, True)] * 4


async def test_models_and_resolutions_are_offered_while_typing(retake: Retake) -> None:
    people = retake.standin.people
    offered = await people.autocomplete(
        "tom", "videos", "video", options={"prompt": "x", "model": "FLASH"}, focused="model"
    )
    assert offered == [{"name": "Omni Flash", "value": "omni-flash"}]
    sharp = await people.autocomplete(
        "tom", "videos", "video", options={"prompt": "x", "resolution": "10"}, focused="resolution"
    )
    assert [choice["value"] for choice in sharp] == ["1080p"]


async def test_before_the_services_are_there(start: Starting) -> None:
    retake: Retake = await start(attached=False)
    answered = await retake.command("tom", "video", prompt="x")
    assert "I'm restarting" in texts(answered)


async def test_again_asks_for_the_same_from_where_it_was_pressed(retake: Retake) -> None:
    video = delivered(4)
    message = await retake.post_video(video)
    answered = await retake.press("ana", str(message.id), f"rt:again:{video.id}")
    (ask,) = retake.services.generate.asks
    assert ask.repeat_of == video.id
    assert ask.request_key == f"interaction:{answered['id']}"
    assert "On it" in texts(answered)


async def test_the_menu_makes_a_video_of_images(retake: Retake) -> None:
    people = retake.standin.people
    uploads = [await people.upload(f"{n}.png", b"x") for n in "ab"]
    posted = await people.send("ana", "videos", "my cats", uploads=uploads)
    opened = await retake.menu("tom", "Make a video of this", posted["id"])
    assert opened["state"] == "modal"
    assert opened["modal"]["title"] == "Make a video of this"
    await retake.submit("tom", opened, prompt="they dance", aspect=["9:16"], duration=["7"])
    (ask,) = retake.services.generate.asks
    assert [image.name for image in ask.request.images] == ["a.png", "b.png"]
    request = ask.request
    assert (request.prompt, request.aspect_ratio, request.duration) == ("they dance", "9:16", 7)
    assert ask.requester_id == int(TOM)


async def test_the_menu_starts_from_the_words_of_a_message(retake: Retake) -> None:
    posted = await retake.standin.people.send("ana", "videos", "a storm over the sea")
    opened = await retake.menu("tom", "Make a video of this", posted["id"])
    prompt = opened["modal"]["components"][0]["component"]
    assert prompt["value"] == "a storm over the sea"
    await retake.submit("tom", opened, prompt="a storm over the sea")
    (ask,) = retake.services.generate.asks
    assert (ask.request.images, ask.request.duration, ask.request.model) == ((), None, None)


async def test_the_menu_needs_something_to_begin_with(retake: Retake) -> None:
    people = retake.standin.people
    drawing = await people.upload("wave.json", b"{}")
    lottie = people.sharing.add_sticker("Wave", drawing["id"], 3)
    empty = await people.send("ana", "videos", "\u200b.")
    answered = await retake.menu("tom", "Make a video of this", empty["id"])
    assert "no usable image" in texts(answered)
    drawn = await people.send("ana", "videos", stickers=[lottie])
    answered = await retake.menu("tom", "Make a video of this", drawn["id"])
    assert "That sticker is an animation that Discord draws itself" in texts(answered)


async def test_the_menu_takes_images_by_their_content(retake: Retake) -> None:
    """No name and no declared type decides; what is no image is left out."""
    people = retake.standin.people
    uploads = [await people.upload(name, b"x") for name in ("notes.txt", "scan", "a.png", "b.mp4")]
    posted = await people.send("ana", "videos", uploads=uploads)
    retake.services.intake.other_kinds = {"notes.txt"}
    opened = await retake.menu("tom", "Make a video of this", posted["id"])
    await retake.submit("tom", opened, prompt="they dance")
    (ask,) = retake.services.generate.asks
    assert [image.name for image in ask.request.images] == ["a.png", "scan", "b.mp4"]


async def test_words_are_enough_where_no_file_is_an_image(retake: Retake) -> None:
    people = retake.standin.people
    upload = await people.upload("notes.txt", b"x")
    posted = await people.send("ana", "videos", f"a storm for <@{TOM}>", uploads=[upload])
    answers = []
    for prompt in ("a storm", ""):
        retake.services.intake.calls.refusals.append(Refused(Code.MEDIA_TYPE, name="notes.txt"))
        opened = await retake.menu("tom", "Make a video of this", posted["id"])
        assert opened["modal"]["components"][0]["component"]["value"] == "a storm for Tom"
        answers.append(texts(await retake.submit("tom", opened, prompt=prompt)))
    (ask,) = retake.services.generate.asks
    assert (ask.request.prompt, ask.request.images) == ("a storm", ())
    assert "I can't use" in answers[1]


async def test_the_menu_takes_stickers_links_and_forwarded_images(retake: Retake) -> None:
    people = retake.standin.people
    upload = await people.upload("cat.png", b"x")
    gif = await people.upload("cat.gif", b"x")
    first = await people.send("ana", "general", "my cat", uploads=[upload])
    forwarded = await people.forward("ana", first["id"], "videos")
    sticker = people.sharing.add_sticker("Wave", gif["id"], 4)
    waved = await people.send("ana", "videos", stickers=[sticker])
    link = "https://example.com/cat.png"
    previews = [{"type": "image", "url": link, "upload": upload["id"]}]
    linked = await people.send("ana", "videos", link, previews=previews)
    for posted in (forwarded, waved, linked):
        opened = await retake.menu("tom", "Make a video of this", posted["id"])
        await retake.submit("tom", opened, prompt="it dances")
    own = retake.standin.base_url
    assert [file.name for file in retake.services.intake.files] == [
        "cat.png",
        "Wave.gif",
        "cat.png",
    ]
    assert retake.services.intake.files[1].url == f"{own}/cdn/stickers/{sticker}.gif"
    # Another site is never asked: it could answer anything, or learn who asks.
    assert all(file.url.startswith(own) for file in retake.services.intake.files)
    assert opened["modal"]["components"][0]["component"]["value"] == link
    assert len(retake.services.generate.asks) == 3


async def test_a_players_link_has_no_file(retake: Retake) -> None:
    link = "https://example.com/embed/1"
    people = retake.standin.people
    posted = await people.send("ana", "videos", link, previews=[{"type": "video", "url": link}])
    answered = await retake.menu("tom", "Edit video", posted["id"])
    assert "That message has no video" in texts(answered)


async def test_a_form_opened_before_a_restart_asks_to_be_opened_again(
    retake: Retake, start: Starting
) -> None:
    people = retake.standin.people
    image = await people.upload("a.png", b"x")
    posted = await people.send("ana", "videos", uploads=[image])
    opened = await retake.menu("tom", "Make a video of this", posted["id"])
    await retake.client.close()
    restarted: Retake = await start()
    answered = await restarted.submit("tom", opened, prompt="x")
    assert "Please start again." in texts(answered)


async def test_every_command_is_offered_to_those_who_may_use_it(retake: Retake) -> None:
    commands = retake.standin.commands
    everybody = {
        *("video", "jobs", "history", "quota", "help"),
        *("Edit video", "Make a video of this"),
    }
    assert {command["name"] for command in commands.offered(TOM)} == everybody
    assert {command["name"] for command in commands.offered(MIRA)} == everybody | {"limits"}


async def test_commands_of_one_server_appear_only_there(start: Starting) -> None:
    retake: Retake = await start(sync_guild=int(STUDIO))
    assert retake.standin.commands.registered(None) == []
    assert len(retake.standin.commands.registered(STUDIO)) == 8


async def test_a_bot_without_a_place_for_its_commands_still_runs(start: Starting) -> None:
    retake: Retake = await start(sync_guild=1)
    assert retake.client.is_ready()
