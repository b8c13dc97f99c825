"""When Discord, the connection or time is against us: nothing that was asked for is lost."""

import asyncio
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.domain.errors import Code, MediaError, Refused
from bot.ui.cards.buttons import control
from bot.ui.cards.custom_ids import Action
from bot.ui.text.messages import Messages
from bot.ui.text.translation import CatalogueTranslator, said
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import GENERAL, STUDIO, TOM, VIDEOS
from sandbox.discord.state.sessions import Intent
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Json, Retake, Starting, texts
from tests.messages_view import words

FOX = delivered(7)
CALLBACK = {
    "method": "POST",
    "route": "/interactions/{interaction.id}/{interaction.token}/callback",
}


async def still_there(retake: Retake) -> None:
    assert "Your quota" in texts(await retake.command("tom", "quota"))


async def test_an_answer_that_comes_too_late_costs_nothing(start: Starting) -> None:
    retake: Retake = await start(patience=60.0)
    retake.services.generate.gate = asyncio.Event()
    people = retake.standin.people
    id_ = await people.command("tom", "videos", "video", options={"prompt": "x"})
    await retake.services.generate.next()
    retake.standin.advance(4)
    retake.services.generate.gate.set()
    assert (await people.interaction(id_, wait=5))["state"] == "failed"
    await still_there(retake)


async def test_a_lost_acknowledgement_is_not_the_end(start: Starting) -> None:
    """The deferral arrived, its answer did not: the receipt comes as a follow-up."""
    retake: Retake = await start()
    image = await retake.standin.people.upload("a.png", b"x")
    retake.standin.faults.order(CALLBACK | {"drop": "after"})
    people = retake.standin.people
    options = {"prompt": "x", "image": image["id"]}
    id_ = await people.command("tom", "videos", "video", options=options)
    assert "On it" in texts(await retake.settled(id_))


@pytest.mark.parametrize(
    "press", ["rt:details:00000000000000000007", "rt:edit:00000000000000000007"]
)
async def test_an_answer_that_discord_does_not_take_is_let_go(retake: Retake, press: str) -> None:
    video = await retake.post_video(FOX)
    retake.standin.faults.order(CALLBACK | {"status": 503})
    await retake.standin.people.press("tom", str(video.id), press)
    await retake.standin.wait("INTERACTION", {"state": "pending"})
    await still_there(retake)


async def test_a_page_that_cannot_be_turned_is_let_go(retake: Retake) -> None:
    retake.services.history.items = [delivered(n, message_id=n) for n in range(1, 8)]
    shown = await retake.command("tom", "history")
    retake.standin.faults.order(CALLBACK | {"status": 503})
    message = shown["responses"][0]
    await retake.standin.people.press("tom", message["id"], f"rt:history:{TOM}:1")
    await still_there(retake)


async def test_a_slow_page_is_turned_all_the_same(start: Starting) -> None:
    retake: Retake = await start(patience=0.0)
    retake.services.history.items = [delivered(n, message_id=n) for n in range(1, 8)]
    shown = await retake.command("tom", "history")
    message = shown["responses"][0]
    turned = await retake.press("tom", message["id"], f"rt:history:{TOM}:1")
    # Acknowledged without a message of its own: the page takes the place of the one before.
    assert turned["responses"] == []
    await still_there(retake)
    assert "Page 2" in words(
        retake.standin.render.message(retake.standin.world.messages[message["id"]])
    )


async def test_an_unwritable_place_gets_no_reply_and_no_crash(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    channel = retake.standin.world.channel("videos")
    retake.standin.places.set_permissions(
        channel, allow=Permission(0), deny=Permission.SEND_MESSAGES
    )
    retake.services.generate.refusals.append(Refused(Code.STOPPING))
    await retake.standin.people.send("tom", "videos", "x", reply_to=str(video.id))
    await still_there(retake)


def bare_reply(retake: Retake, sent: Json, **changes: Any) -> None:
    """The same message as Discord sends it when it leaves out what it refers to."""
    given = {name: value for name, value in sent.items() if name != "referenced_message"}
    given |= {"id": str(int(sent["id"]) + 1), "guild_id": STUDIO} | changes
    retake.standin.sessions.send("MESSAGE_CREATE", given, intent=Intent.GUILD_MESSAGES)


async def test_a_reply_without_its_reference_is_looked_up(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    sent = await retake.standin.people.send("tom", "videos", "bluer", reply_to=str(video.id))
    await retake.services.generate.next()
    bare_reply(retake, sent, content="redder")
    assert (await retake.services.generate.next()).request.prompt == "redder"


async def test_a_reference_that_cannot_be_looked_up_is_left_alone(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    sent = await retake.standin.people.send("tom", "videos", "bluer", reply_to=str(video.id))
    await retake.services.generate.next()
    await video.delete()
    bare_reply(retake, sent, content="redder")
    bare_reply(retake, sent, content="gone", referenced_message=None)
    await still_there(retake)
    assert len(retake.services.generate.asks) == 1


async def test_a_reply_in_a_thread_the_library_has_forgotten(
    retake: Retake, start: Starting
) -> None:
    thread = await retake.public_thread()
    video = await retake.post_video(FOX, channel=str(thread.id))
    sent = await retake.standin.people.send("tom", str(thread.id), "red", reply_to=str(video.id))
    await retake.services.generate.next()
    retake.standin.membership.archive(retake.standin.world.channels[str(thread.id)])
    await retake.client.close()
    restarted: Retake = await start()
    restarted.services.lookup.videos[video.id] = FOX
    assert restarted.client.get_channel(thread.id) is None
    bare_reply(restarted, sent, content="bluer")
    ask = await restarted.services.generate.next()
    assert (ask.channel_id, ask.thread_id) == (int(GENERAL), thread.id)


async def test_a_reply_to_a_status_message_is_about_its_video(retake: Retake) -> None:
    """Found by its buttons: the status message holds no video."""
    video = await retake.post_video(FOX)
    retake.services.lookup.videos = {1: FOX}
    await retake.standin.people.send("tom", "videos", "bluer", reply_to=str(video.id))
    assert (await retake.services.generate.next()).parent_id == FOX.id


async def test_a_reply_to_another_message_of_the_bot_is_left_alone(retake: Retake) -> None:
    channel = retake.client.get_partial_messageable(int(VIDEOS))
    message = await channel.send("hello")
    await retake.standin.people.send("tom", "videos", "hi", reply_to=str(message.id))
    await still_there(retake)
    assert retake.services.generate.asks == []


async def test_the_menu_on_the_bots_own_message_needs_a_video(retake: Retake) -> None:
    channel = retake.client.get_partial_messageable(int(VIDEOS))
    message = await channel.send("hello")
    answered = await retake.menu("tom", "Edit video", str(message.id))
    assert "That message has no video" in texts(answered)


async def test_our_own_trouble_with_a_file_is_not_blamed_on_it(retake: Retake) -> None:
    retake.services.intake.calls.refusals.append(MediaError(Code.INTERNAL))
    image = await retake.standin.people.upload("a.png", b"x")
    answered = await retake.command("tom", "video", prompt="x", image=image["id"])
    assert "Something went wrong on my side." in texts(answered)


async def test_a_command_of_an_older_version_says_so(retake: Retake) -> None:
    retake.client.tree.remove_command("quota")
    answered = await retake.command("tom", "quota")
    assert "That command has just changed." in texts(answered)


async def test_a_server_the_bot_is_not_in(retake: Retake) -> None:
    retake.client._connection._guilds.clear()
    answered = await retake.command("tom", "video", prompt="x")
    assert "I'm not a member of this server" in texts(answered)
    assert retake.services.generate.asks == []


async def test_the_words_of_commands_are_given_in_every_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    translator = CatalogueTranslator()
    context: Any = None
    text = said("command.quota.about")
    assert await translator.translate(text, discord.Locale.german, context) is None
    monkeypatch.setattr("bot.ui.text.translation.languages", lambda: frozenset({"en", "de"}))
    german = Messages.for_locale("de").template("command.quota.about")
    assert await translator.translate(text, discord.Locale.german, context) == german
    bare = app_commands.locale_str("quota")
    assert await translator.translate(bare, discord.Locale.german, context) is None


async def test_another_bot_with_the_same_token_is_noticed(retake: Retake) -> None:
    for _ in range(3):
        retake.standin.faults.order(
            CALLBACK | {"status": 400, "body": {"code": 40060, "message": "acknowledged"}}
        )
        await retake.standin.people.command("tom", "videos", "quota")
        await retake.standin.wait("EXCHANGE", {"status": 400}, after=retake.standin.position - 1)
    retake.standin.faults.clear()
    await still_there(retake)
    assert retake.client.rivals.suspected_at is not None


@pytest.mark.parametrize("how", ["lost", "limited"])
async def test_a_file_that_discord_does_not_take_is_not_waited_for(
    retake: Retake, tmp_path: Path, how: str
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    retake.services.history.items.append(FOX)
    retake.services.history.file = film
    restrictions = retake.standin.restrictions
    if how == "lost":
        restrictions.losing_files = 1
    else:
        restrictions.uploads_limited.add(STUDIO)
    people = retake.standin.people
    view = discord.ui.View(timeout=None)
    view.add_item(control(Action.FETCH, FOX, "Get the file"))
    place = retake.client.get_partial_messageable(int(VIDEOS))
    offered = await place.send("made", view=view)
    await people.press("tom", str(offered.id), f"rt:fetch:{FOX.id}")
    await retake.standin.wait("MESSAGE_CREATE", lambda m: "get it with `/history`" in m["content"])
