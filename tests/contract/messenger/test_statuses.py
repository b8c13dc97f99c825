"""Status messages over time, ends, and alerts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from discord import ui

from bot.domain.errors import Code, PostError
from bot.domain.generation import (
    Failure,
    Generation,
    LiveStatus,
    Posting,
    State,
    Target,
    TargetKind,
)
from bot.domain.ids import ChannelId, MessageId
from bot.ui.cards.theme import CardContext
from bot.ui.messenger import status_editor
from bot.ui.messenger.messenger import DiscordMessenger
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import MIRA, STUDIO, TOM, VIDEOS
from tests.contract.messenger.conftest import Desk
from tests.fakes.services import CATALOGUE
from tests.integration.discord_client import OwnedClock
from tests.messages_view import buttons, words

EDIT = {"method": "PATCH", "route": "/channels/{channel.id}/messages/{message.id}"}


def edits(desk: Desk, asked: Generation) -> list[str]:
    path = f"/messages/{asked.place.status_message_id}"
    return [words(call["response"]) for call in desk.calls("PATCH", path)]


async def edited(desk: Desk, asked: Generation, count: int) -> list[str]:
    """All edits, once there are so many."""
    after = 0
    async with asyncio.timeout(10):
        while len(found := edits(desk, asked)) < count:
            event = await desk.standin.wait(
                "MESSAGE_UPDATE", {"id": str(asked.place.status_message_id)}, after=after
            )
            after = event["n"]
            await desk.clock.idle()
    return found


async def settled(desk: Desk) -> None:
    """Whatever was due has been edited: what is due last is another message, and it was."""
    other = await desk.opened()
    await desk.messenger.update_status(working(other), LiveStatus(progress=77))
    await desk.clock.step(3)
    assert "77 %" in (await edited(desk, other, 1))[0]


def working(asked: Generation, revision: int = 2) -> Generation:
    return replace(asked, state=State.RUNNING, revision=revision)


def ended(asked: Generation, **changes: object) -> Generation:
    given = {"state": State.FAILED, "failure": Failure(code=Code.MODERATED), "revision": 9}
    return replace(asked, **(given | changes))  # type: ignore[arg-type]


async def test_many_updates_are_one_edit_with_the_last_of_them(desk: Desk) -> None:
    asked = await desk.opened()
    async with desk.running():
        for percent in (10, 20, 30):
            await desk.messenger.update_status(working(asked), LiveStatus(progress=percent))
        await desk.clock.idle()
        assert edits(desk, asked) == []
        await desk.clock.step(3)
        (shown,) = await edited(desk, asked, 1)
        assert "30 %" in shown
        await desk.messenger.update_status(working(asked), LiveStatus(progress=40))
        await desk.clock.step(2.9)
        await desk.messenger.update_status(working(asked), LiveStatus(progress=50))
        assert len(edits(desk, asked)) == 1
        await desk.clock.step(0.1)
        assert "50 %" in (await edited(desk, asked, 2))[-1]


async def test_nothing_new_is_no_edit(desk: Desk) -> None:
    eta_at = desk.clock.now() + timedelta(seconds=60)
    asked = await desk.opened()
    async with desk.running():
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10, eta_at=eta_at))
        await desk.clock.step(3)
        await edited(desk, asked, 1)
        jitter = LiveStatus(progress=10, eta_at=eta_at + timedelta(seconds=4))
        await desk.messenger.update_status(working(asked), jitter)
        await settled(desk)
        moved = LiveStatus(progress=10, eta_at=eta_at + timedelta(seconds=40))
        await desk.messenger.update_status(working(asked), moved)
        await desk.clock.step(3)
        shown = await edited(desk, asked, 2)
    assert len(shown) == 2
    assert f"<t:{int((eta_at + timedelta(seconds=40)).timestamp())}:R>" in shown[-1]


async def test_older_news_does_not_undo_newer(desk: Desk) -> None:
    asked = await desk.opened()
    async with desk.running():
        await desk.messenger.update_status(working(asked, revision=5), LiveStatus(progress=60))
        await desk.messenger.update_status(working(asked, revision=4), LiveStatus(progress=10))
        await desk.clock.step(3)
        (shown,) = await edited(desk, asked, 1)
    assert "60 %" in shown


async def test_the_end_is_shown_before_the_call_returns_and_never_undone(desk: Desk) -> None:
    asked = await desk.opened()
    async with desk.running():
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10))
        await desk.clock.step(3)
        await edited(desk, asked, 1)
        await desk.messenger.update_status(working(asked), LiveStatus(progress=99))
        telling = asyncio.ensure_future(desk.messenger.tell_ended(ended(asked)))
        await desk.clock.idle(2)
        await desk.clock.step(3)
        await telling
        before = len(edits(desk, asked))
        assert "Failed" in edits(desk, asked)[-1]
        assert "under its content rules" in edits(desk, asked)[-1]
        assert "This didn't count against your limit." in edits(desk, asked)[-1]
        await desk.messenger.update_status(working(asked, revision=99), LiveStatus(progress=99))
        await settled(desk)
    assert len(edits(desk, asked)) == before


async def test_a_delivered_video_is_linked(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    thread = asked.place.thread_id
    assert thread is not None
    posting = Posting(
        target=Target(kind=TargetKind.THREAD, id=thread),
        nonce="n",
        started_at=desk.clock.now(),
        message_id=MessageId(5),
        channel_id=ChannelId(thread),
    )
    done = replace(asked, state=State.DELIVERED, posting=posting, revision=8)
    await desk.messenger.update_status(done, LiveStatus())
    shown = desk.message(asked.place.status_message_id)
    assert "**Done**" in words(shown)
    guild = asked.place.guild_id
    assert buttons(shown)["Watch"] == f"https://discord.com/channels/{guild}/{thread}/5"


async def test_an_end_waits_for_the_gap(desk: Desk) -> None:
    asked = await desk.opened()
    telling = asyncio.ensure_future(desk.messenger.tell_ended(ended(asked)))
    await desk.clock.idle()
    assert edits(desk, asked) == []
    await desk.clock.step(3)
    await telling
    assert len(edits(desk, asked)) == 1


async def test_an_edit_that_fails_is_made_later(desk: Desk) -> None:
    asked = await desk.opened()
    async with desk.running():
        desk.standin.faults.order(EDIT | {"status": 503})
        after = desk.standin.position
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10))
        path = f"/{asked.place.status_message_id}"
        update = asyncio.ensure_future(
            desk.standin.wait("MESSAGE_UPDATE", {"id": path.strip("/")}, after=after)
        )
        while not update.done():
            await desk.clock.step(5)
            await asyncio.sleep(0)
        assert [call["status"] for call in desk.calls("PATCH", path)] == [503, 200]
        assert "10 %" in words(desk.message(asked.place.status_message_id))


async def test_a_card_that_cannot_be_drawn_stops_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await desk.opened()
    drawn = status_editor.status_card

    def status_card(
        generation: Generation, live_status: LiveStatus, card_context: CardContext
    ) -> ui.LayoutView:
        if generation.id == asked.id:
            raise LookupError("no such sentence")
        return drawn(generation, live_status, card_context)

    monkeypatch.setattr(status_editor, "status_card", status_card)
    async with desk.running():
        for revision in range(2, 8):
            await desk.messenger.update_status(working(asked, revision), LiveStatus(progress=30))
            await desk.clock.step(3)
        await settled(desk)
    assert edits(desk, asked) == []


async def test_an_edit_mentions_nobody(desk: Desk) -> None:
    asked = await desk.opened()
    async with desk.running():
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10))
        await desk.clock.step(3)
        await edited(desk, asked, 1)
    await desk.messenger.tell_ended(ended(asked), again=False)
    shown = desk.calls("PATCH", f"/messages/{asked.place.status_message_id}")
    assert [call["response"]["mentions"] for call in shown] == [[]] * len(shown)
    assert len(shown) > 1


async def test_a_deleted_status_message_is_no_error(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.standin.people.delete("mira", str(asked.place.status_message_id))
    async with desk.running():
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10))
        await desk.clock.step(3)
        await desk.clock.idle()
        done = replace(asked, state=State.DELIVERED, revision=8)
        await desk.messenger.update_status(done, LiveStatus())


async def test_an_end_without_a_status_message_is_posted(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    await desk.standin.people.delete("mira", str(asked.place.status_message_id))
    after = desk.standin.position
    await desk.messenger.tell_ended(ended(asked))
    event = await desk.standin.wait("MESSAGE_CREATE", after=after)
    assert event["data"]["channel_id"] == str(asked.place.thread_id)
    assert "Failed" in words(event["data"])
    assert event["data"]["mentions"] == []


async def test_an_end_posted_before_is_not_posted_again(desk: Desk, clock: OwnedClock) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    await desk.standin.people.delete("mira", str(asked.place.status_message_id))
    await desk.messenger.tell_ended(ended(asked))
    # Long after, by a process that knows nothing of it: Discord has forgotten the nonce.
    later = DiscordMessenger(client=desk.client, clock=desk.clock, catalogue=CATALOGUE)
    clock.now += 3600
    await later.tell_ended(ended(asked), again=True)
    thread = desk.standin.world.channels[str(asked.place.thread_id)]
    said = [words(desk.message(int(message_id))) for message_id in thread.messages]
    assert len([text for text in said if "Failed" in text]) == 1


async def test_a_status_message_whose_id_was_lost_shows_the_end(desk: Desk) -> None:
    asked = await desk.opened()
    lost = replace(asked, place=desk.generation().place)
    later = DiscordMessenger(client=desk.client, clock=desk.clock, catalogue=CATALOGUE)
    await later.tell_ended(ended(lost), again=True)
    assert "Failed" in words(desk.message(asked.place.status_message_id))


async def test_an_end_reaches_the_person_directly_where_nothing_is_left(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    desk.standin.places.delete_channel(desk.standin.world.channel("videos"))
    after = desk.standin.position
    await desk.messenger.tell_ended(ended(asked))
    event = await desk.standin.wait("MESSAGE_CREATE", after=after)
    direct = desk.standin.world.dm(TOM)
    assert direct is not None
    assert event["data"]["channel_id"] == direct.id


async def test_a_private_end_is_not_told_in_the_channel(desk: Desk) -> None:
    place = replace(desk.generation().place, private=True)
    asked = await desk.opened(place=place)
    await desk.clock.step(3)
    desk.standin.threads.delete(desk.standin.world.channels[str(asked.place.thread_id)])
    await desk.messenger.tell_ended(ended(asked))
    assert desk.standin.world.channels[VIDEOS].messages == {}
    direct = desk.standin.world.dm(TOM)
    assert direct is not None
    assert len(direct.messages) == 1


async def test_an_end_that_nobody_can_hear_is_let_go(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    desk.standin.places.kick_bot(desk.standin.world.guild(STUDIO))
    desk.standin.faults.order(
        {"method": "POST", "route": "/users/@me/channels", "status": 403, "times": 9}
    )
    await desk.messenger.tell_ended(ended(asked))
    assert {call["status"] for call in desk.calls("POST", "/users/@me/channels")} == {403}


async def test_an_end_that_discord_does_not_take_now_is_told_later(desk: Desk) -> None:
    asked = await desk.opened()
    await desk.clock.step(3)
    desk.standin.faults.order(EDIT | {"status": 503})
    with pytest.raises(PostError) as refused:
        await desk.messenger.tell_ended(ended(asked))
    assert refused.value.retry_after is not None
    await desk.messenger.tell_ended(ended(asked))
    assert "Failed" in words(desk.message(asked.place.status_message_id))


async def test_the_owner_is_told_once_an_hour_per_trouble(desk: Desk) -> None:
    alert = desk.messenger.alert_owner
    for _ in range(3):
        await alert(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    await alert(Code.PROVIDER_BALANCE, {"provider": "apimart"})
    await desk.clock.step(3601)
    await alert(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    direct = desk.standin.world.dm(MIRA)
    assert direct is not None
    said = [message.content for message in direct.messages.values()]
    assert ["EvoLink" in text for text in said] == [True, False, True]
    assert all("out of credit" in text for text in said)


async def test_an_owner_who_cannot_be_reached_stops_nothing(desk: Desk) -> None:
    desk.standin.faults.order({"method": "POST", "route": "/users/@me/channels", "status": 403})
    await desk.messenger.alert_owner(Code.PROVIDER_AUTH, {"provider": "elsewhere"})


async def test_without_the_right_to_see_the_channel_the_status_is_let_go(desk: Desk) -> None:
    asked = await desk.opened()
    desk.standin.places.set_permissions(
        desk.standin.world.channel("videos"), allow=Permission(0), deny=Permission.VIEW_CHANNEL
    )
    path = f"/{asked.place.status_message_id}"
    async with desk.running():
        await desk.messenger.update_status(working(asked), LiveStatus(progress=10))
        await desk.clock.step(3)
        async with asyncio.timeout(10):
            while not (refused := desk.calls("PATCH", path)):
                await asyncio.sleep(0)
                await desk.clock.idle()
        await desk.clock.step(3)
        await desk.messenger.update_status(working(asked), LiveStatus(progress=20))
        await desk.clock.step(60)
        await desk.clock.idle()
    assert [call["status"] for call in refused] == [403]
    assert desk.calls("PATCH", path) == refused


async def test_an_alert_that_did_not_go_out_is_tried_the_next_time(desk: Desk) -> None:
    desk.standin.faults.order(
        {"method": "POST", "route": "/channels/{channel.id}/messages", "status": 503}
    )
    for _ in range(2):
        await desk.messenger.alert_owner(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    direct = desk.standin.world.dm(MIRA)
    assert direct is not None
    assert len(direct.messages) == 1
