"""Second thoughts about a reply: edited, deleted, asked first, or switched off."""

import asyncio

from bot.domain.request import ReplyMode
from bot.ui.inbound.client import ClientOptions
from sandbox.discord.state.seed import GENERAL, TOM
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Json, Retake, Starting
from tests.messages_view import buttons

FOX = delivered(7)


async def reply(retake: Retake, text: str = "make it night", *, ping: bool = True) -> Json:
    video = await retake.post_video(FOX)
    people = retake.standin.people
    return await people.send("tom", "videos", text, reply_to=str(video.id), ping=ping)


async def test_a_reply_can_be_undone_for_a_moment(retake: Retake) -> None:
    await reply(retake)
    asked = await retake.services.generate.next()
    assert asked.grace_seconds == ClientOptions().reply_grace


async def test_an_edited_reply_says_what_counts(retake: Retake) -> None:
    sent = await reply(retake)
    await retake.services.generate.next()
    me, people = retake.client.application_id, retake.standin.people
    await people.edit("tom", sent["id"], f"<@{me}> make it <#{GENERAL}>")
    changed = await retake.services.revise.next()
    assert changed == ("reword", f"message:{sent['id']}", "make it general")


async def test_a_reply_without_words_any_more_orders_nothing(retake: Retake) -> None:
    sent = await reply(retake)
    await retake.services.generate.next()
    await retake.standin.people.edit("tom", sent["id"], "🔥")
    assert await retake.services.revise.next() == ("withdraw", f"message:{sent['id']}")


async def test_a_deleted_reply_orders_nothing(retake: Retake) -> None:
    sent = await reply(retake)
    await retake.services.generate.next()
    await retake.standin.people.delete("tom", sent["id"])
    assert await retake.services.revise.next() == ("withdraw", f"message:{sent['id']}")


async def test_what_happens_while_a_reply_is_read_counts_afterwards(retake: Retake) -> None:
    """Its files may take a while: until then there is nothing that could be changed."""
    generate = retake.services.generate
    for change in ("edit", "delete"):
        generate.gate = asyncio.Event()
        sent = await reply(retake)
        await generate.next()
        people = retake.standin.people
        after = retake.standin.position
        if change == "edit":
            await people.edit("tom", sent["id"], f"<@{retake.client.application_id}> at dawn")
        else:
            await people.delete("tom", sent["id"])
        # The bot has heard of it when it answers what came later.
        await retake.command("ana", "quota")
        assert retake.standin.position > after
        generate.gate.set()
        changed = await retake.services.revise.next()
        key = f"message:{sent['id']}"
        assert changed == (("reword", key, "at dawn") if change == "edit" else ("withdraw", key))


async def test_asked_first_a_reply_starts_with_its_button(start: Starting) -> None:
    retake: Retake = await start(replies=ReplyMode.ASK)
    sent = await reply(retake)
    event = await retake.standin.wait(
        "MESSAGE_CREATE", {"message_reference.message_id": sent["id"]}, after=0
    )
    question = event["data"]
    assert question["content"] == "Shall I edit v1 like this?"
    await retake.press("tom", question["id"], buttons(question)["Make it"])
    asked = await retake.services.generate.next()
    assert (asked.request.prompt, asked.requester_id) == ("make it night", int(TOM))
    assert (asked.request_key, asked.grace_seconds) == (f"message:{sent['id']}", 0)
    pressed = await retake.press("ana", question["id"], buttons(question)["Make it"])
    assert "only for the person who made it" in str(pressed["responses"])


async def test_switched_off_a_reply_points_to_the_button(start: Starting) -> None:
    retake: Retake = await start(replies=ReplyMode.OFF)
    sent = await reply(retake)
    event = await retake.standin.wait(
        "MESSAGE_CREATE", {"message_reference.message_id": sent["id"]}, after=0
    )
    assert buttons(event["data"]) == {"Edit": f"rt:edit:{FOX.id}"}
    assert retake.services.generate.asks == []
