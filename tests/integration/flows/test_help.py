"""People who do not know how to begin: ``/help``, a mention, a direct message."""

from bot.domain.request import ReplyMode
from sandbox.discord.state.seed import TOM
from tests.integration.flows.conftest import Json, Retake, Starting, texts
from tests.messages_view import buttons


async def greeting(retake: Retake, sent: Json) -> Json:
    event = await retake.standin.wait(
        "MESSAGE_CREATE", {"message_reference.message_id": sent["id"]}, after=0
    )
    return event["data"]


async def test_help_fits_the_reader(retake: Retake) -> None:
    member, admin = await retake.command("tom", "help"), await retake.command("mira", "help")
    assert "`/video`" in texts(member)
    assert "reply to the finished video" in texts(member)
    assert "`/limits" not in texts(member)
    assert "`/limits show`" in texts(admin)


async def test_where_replies_are_off_help_names_the_button(start: Starting) -> None:
    retake: Retake = await start(replies=ReplyMode.OFF)
    assert "press Edit under the finished video" in texts(await retake.command("tom", "help"))


async def test_a_mention_gets_one_answer_with_a_form(retake: Retake) -> None:
    people, me = retake.standin.people, retake.client.application_id
    picture = await people.upload("fox.png", b"x")
    words = f"<@{me}> a fox in the snow"
    sent = await people.send("tom", "videos", words, uploads=[picture])
    answer = await greeting(retake, sent)
    opened = await retake.press("tom", answer["id"], buttons(answer)["Make a video"])
    assert opened["modal"]["components"][0]["component"]["value"] == "a fox in the snow"
    await retake.submit("tom", opened, prompt="a red fox")
    asked = await retake.services.generate.next()
    assert asked.request.prompt == "a red fox"
    assert [image.name for image in asked.request.images] == ["fox.png"]

    await people.send("tom", "videos", f"<@{me}> thanks")
    other = await people.send("ana", "videos", f"<@{me}> hello")
    await greeting(retake, other)
    greeted = [said["message_reference"]["message_id"] for said in retake.said()]
    assert greeted == [sent["id"], other["id"]]


async def test_a_direct_message_is_answered_and_chatter_is_not(retake: Retake) -> None:
    people = retake.standin.people
    await people.send("tom", "videos", "what a day")
    sent = await people.send("tom", "dm", "hi")
    answer = await greeting(retake, sent)
    assert "`/help`" in answer["content"]
    assert len(retake.said()) == 1
    opened = await retake.press("tom", answer["id"], buttons(answer)["Make a video"])
    assert opened["modal"]["components"][0]["component"].get("value") in {None, "hi"}
    assert retake.standin.world.dm(TOM) is not None
