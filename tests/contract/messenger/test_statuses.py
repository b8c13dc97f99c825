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
from tests.contract.messenger.conftest import MessengerHarness
from tests.fakes.services import CATALOGUE
from tests.integration.discord_client import OwnedClock
from tests.messages_view import buttons, words

EDIT = {"method": "PATCH", "route": "/channels/{channel.id}/messages/{message.id}"}


def edits(harness: MessengerHarness, asked: Generation) -> list[str]:
    path = f"/messages/{asked.place.status_message_id}"
    return [words(call["response"]) for call in harness.calls("PATCH", path)]


async def edited(harness: MessengerHarness, asked: Generation, count: int) -> list[str]:
    """All edits, once there are so many."""
    after = 0
    async with asyncio.timeout(10):
        while len(found := edits(harness, asked)) < count:
            event = await harness.standin.wait(
                "MESSAGE_UPDATE", {"id": str(asked.place.status_message_id)}, after=after
            )
            after = event["n"]
            await harness.clock.idle()
    return found


async def settled(harness: MessengerHarness) -> None:
    """Whatever was due has been edited: what is due last is another message, and it was."""
    other = await harness.opened()
    await harness.messenger.update_status(working(other), LiveStatus(progress=77))
    await harness.clock.step(3)
    assert "77 %" in (await edited(harness, other, 1))[0]


def working(asked: Generation, revision: int = 2) -> Generation:
    return replace(asked, state=State.RUNNING, revision=revision)


def ended(asked: Generation, **changes: object) -> Generation:
    given = {"state": State.FAILED, "failure": Failure(code=Code.MODERATED), "revision": 9}
    return replace(asked, **(given | changes))  # type: ignore[arg-type]


async def test_the_first_news_is_shown_within_a_second(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    async with harness.running():
        await harness.messenger.update_status(working(asked), LiveStatus())
        await harness.clock.step(1)
        (shown,) = await edited(harness, asked, 1)
        assert "Working" in shown


async def test_many_updates_are_one_edit_with_the_last_of_them(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    async with harness.running():
        for percent in (10, 20, 30):
            await harness.messenger.update_status(working(asked), LiveStatus(progress=percent))
        await harness.clock.idle()
        assert edits(harness, asked) == []
        await harness.clock.step(3)
        (shown,) = await edited(harness, asked, 1)
        assert "30 %" in shown
        await harness.messenger.update_status(working(asked), LiveStatus(progress=40))
        await harness.clock.step(2.9)
        await harness.messenger.update_status(working(asked), LiveStatus(progress=50))
        assert len(edits(harness, asked)) == 1
        await harness.clock.step(0.1)
        assert "50 %" in (await edited(harness, asked, 2))[-1]


async def test_nothing_new_is_no_edit(harness: MessengerHarness) -> None:
    eta_at = harness.clock.now() + timedelta(seconds=60)
    asked = await harness.opened()
    async with harness.running():
        await harness.messenger.update_status(
            working(asked), LiveStatus(progress=10, eta_at=eta_at)
        )
        await harness.clock.step(3)
        await edited(harness, asked, 1)
        jitter = LiveStatus(progress=10, eta_at=eta_at + timedelta(seconds=4))
        await harness.messenger.update_status(working(asked), jitter)
        await settled(harness)
        moved = LiveStatus(progress=10, eta_at=eta_at + timedelta(seconds=40))
        await harness.messenger.update_status(working(asked), moved)
        await harness.clock.step(3)
        shown = await edited(harness, asked, 2)
    assert len(shown) == 2
    assert f"<t:{int((eta_at + timedelta(seconds=40)).timestamp())}:R>" in shown[-1]


async def test_older_news_does_not_undo_newer(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    async with harness.running():
        await harness.messenger.update_status(working(asked, revision=5), LiveStatus(progress=60))
        await harness.messenger.update_status(working(asked, revision=4), LiveStatus(progress=10))
        await harness.clock.step(3)
        (shown,) = await edited(harness, asked, 1)
    assert "60 %" in shown


async def test_the_end_is_shown_before_the_call_returns_and_never_undone(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    async with harness.running():
        await harness.messenger.update_status(working(asked), LiveStatus(progress=10))
        await harness.clock.step(3)
        await edited(harness, asked, 1)
        await harness.messenger.update_status(working(asked), LiveStatus(progress=99))
        telling = asyncio.ensure_future(harness.messenger.tell_ended(ended(asked)))
        await harness.clock.idle(2)
        await harness.clock.step(3)
        await telling
        before = len(edits(harness, asked))
        assert "Failed" in edits(harness, asked)[-1]
        assert "under its content rules" in edits(harness, asked)[-1]
        assert "This didn't count against your limit." in edits(harness, asked)[-1]
        await harness.messenger.update_status(working(asked, revision=99), LiveStatus(progress=99))
        await settled(harness)
    assert len(edits(harness, asked)) == before


async def test_a_delivered_video_is_linked(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    thread = asked.place.thread_id
    assert thread is not None
    posting = Posting(
        target=Target(kind=TargetKind.THREAD, id=thread),
        nonce="n",
        started_at=harness.clock.now(),
        message_id=MessageId(5),
        channel_id=ChannelId(thread),
    )
    done = replace(asked, state=State.DELIVERED, posting=posting, revision=8)
    await harness.messenger.update_status(done, LiveStatus())
    shown = harness.message(asked.place.status_message_id)
    assert "**Done**" in words(shown)
    guild = asked.place.guild_id
    assert buttons(shown)["Watch"] == f"https://discord.com/channels/{guild}/{thread}/5"


async def test_an_end_waits_for_the_gap(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    telling = asyncio.ensure_future(harness.messenger.tell_ended(ended(asked)))
    await harness.clock.idle()
    assert edits(harness, asked) == []
    await harness.clock.step(3)
    await telling
    assert len(edits(harness, asked)) == 1


async def test_an_edit_that_fails_is_made_later(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    async with harness.running():
        harness.standin.faults.order(EDIT | {"status": 503})
        after = harness.standin.position
        await harness.messenger.update_status(working(asked), LiveStatus(progress=10))
        path = f"/{asked.place.status_message_id}"
        update = asyncio.ensure_future(
            harness.standin.wait("MESSAGE_UPDATE", {"id": path.strip("/")}, after=after)
        )
        while not update.done():
            await harness.clock.step(5)
            await asyncio.sleep(0)
        assert [call["status"] for call in harness.calls("PATCH", path)] == [503, 200]
        assert "10 %" in words(harness.message(asked.place.status_message_id))


async def test_a_card_that_cannot_be_drawn_stops_no_other(
    harness: MessengerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await harness.opened()
    drawn = status_editor.status_card

    def status_card(
        generation: Generation, live_status: LiveStatus, card_context: CardContext
    ) -> ui.LayoutView:
        if generation.id == asked.id:
            raise LookupError("no such sentence")
        return drawn(generation, live_status, card_context)

    monkeypatch.setattr(status_editor, "status_card", status_card)
    async with harness.running():
        for revision in range(2, 8):
            await harness.messenger.update_status(working(asked, revision), LiveStatus(progress=30))
            await harness.clock.step(3)
        await settled(harness)
    assert edits(harness, asked) == []


async def test_an_edit_mentions_nobody(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    async with harness.running():
        await harness.messenger.update_status(working(asked), LiveStatus(progress=10))
        await harness.clock.step(3)
        await edited(harness, asked, 1)
    await harness.messenger.tell_ended(ended(asked), again=False)
    shown = harness.calls("PATCH", f"/messages/{asked.place.status_message_id}")
    assert [call["response"]["mentions"] for call in shown] == [[]] * len(shown)
    assert len(shown) > 1


async def test_a_deleted_status_message_is_no_error(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    await harness.standin.people.delete("mira", str(asked.place.status_message_id))
    async with harness.running():
        await harness.messenger.update_status(working(asked), LiveStatus(progress=10))
        await harness.clock.step(3)
        await harness.clock.idle()
        done = replace(asked, state=State.DELIVERED, revision=8)
        await harness.messenger.update_status(done, LiveStatus())


async def test_an_end_without_a_status_message_is_posted(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    await harness.standin.people.delete("mira", str(asked.place.status_message_id))
    after = harness.standin.position
    await harness.messenger.tell_ended(ended(asked))
    event = await harness.standin.wait("MESSAGE_CREATE", after=after)
    assert event["data"]["channel_id"] == str(asked.place.thread_id)
    assert "Failed" in words(event["data"])
    assert event["data"]["mentions"] == []


async def test_an_end_posted_before_is_not_posted_again(
    harness: MessengerHarness, clock: OwnedClock
) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    await harness.standin.people.delete("mira", str(asked.place.status_message_id))
    await harness.messenger.tell_ended(ended(asked))
    # Long after, by a process that knows nothing of it: Discord has forgotten the nonce.
    later = DiscordMessenger(client=harness.client, clock=harness.clock, catalogue=CATALOGUE)
    clock.now += 3600
    await later.tell_ended(ended(asked), again=True)
    thread = harness.standin.world.channels[str(asked.place.thread_id)]
    said = [words(harness.message(int(message_id))) for message_id in thread.messages]
    assert len([text for text in said if "Failed" in text]) == 1


async def test_a_status_message_whose_id_was_lost_shows_the_end(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    lost = replace(asked, place=harness.generation().place)
    later = DiscordMessenger(client=harness.client, clock=harness.clock, catalogue=CATALOGUE)
    await later.tell_ended(ended(lost), again=True)
    assert "Failed" in words(harness.message(asked.place.status_message_id))


async def test_an_end_reaches_the_person_directly_where_nothing_is_left(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    harness.standin.places.delete_channel(harness.standin.world.channel("videos"))
    after = harness.standin.position
    await harness.messenger.tell_ended(ended(asked))
    event = await harness.standin.wait("MESSAGE_CREATE", after=after)
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    assert event["data"]["channel_id"] == direct.id


async def test_a_private_end_is_not_shown_in_the_channel(harness: MessengerHarness) -> None:
    place = replace(harness.generation().place, private=True)
    asked = await harness.opened(place=place)
    await harness.clock.step(3)
    harness.standin.threads.delete(harness.standin.world.channels[str(asked.place.thread_id)])
    await harness.messenger.tell_ended(ended(asked))
    assert harness.standin.world.channels[VIDEOS].messages == {}
    direct = harness.standin.world.dm(TOM)
    assert direct is not None
    assert len(direct.messages) == 1


async def test_an_end_that_nobody_can_hear_is_let_go(harness: MessengerHarness) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    harness.standin.places.kick_bot(harness.standin.world.guild(STUDIO))
    harness.standin.faults.order(
        {"method": "POST", "route": "/users/@me/channels", "status": 403, "times": 9}
    )
    await harness.messenger.tell_ended(ended(asked))
    assert {call["status"] for call in harness.calls("POST", "/users/@me/channels")} == {403}


async def test_an_end_that_discord_does_not_take_now_is_announced_later(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    await harness.clock.step(3)
    harness.standin.faults.order(EDIT | {"status": 503})
    with pytest.raises(PostError) as refused:
        await harness.messenger.tell_ended(ended(asked))
    assert refused.value.retry_after is not None
    await harness.messenger.tell_ended(ended(asked))
    assert "Failed" in words(harness.message(asked.place.status_message_id))


async def test_the_owner_is_alerted_once_an_hour_per_trouble(harness: MessengerHarness) -> None:
    alert = harness.messenger.alert_owner
    for _ in range(3):
        await alert(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    await alert(Code.PROVIDER_BALANCE, {"provider": "apimart"})
    await harness.clock.step(3601)
    await alert(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    direct = harness.standin.world.dm(MIRA)
    assert direct is not None
    said = [message.content for message in direct.messages.values()]
    assert ["EvoLink" in text for text in said] == [True, False, True]
    assert all("out of credit" in text for text in said)


async def test_an_owner_who_cannot_be_reached_stops_nothing(harness: MessengerHarness) -> None:
    harness.standin.faults.order({"method": "POST", "route": "/users/@me/channels", "status": 403})
    await harness.messenger.alert_owner(Code.PROVIDER_AUTH, {"provider": "elsewhere"})


async def test_without_the_right_to_see_the_channel_the_status_is_let_go(
    harness: MessengerHarness,
) -> None:
    asked = await harness.opened()
    harness.standin.places.set_permissions(
        harness.standin.world.channel("videos"), allow=Permission(0), deny=Permission.VIEW_CHANNEL
    )
    path = f"/{asked.place.status_message_id}"
    async with harness.running():
        await harness.messenger.update_status(working(asked), LiveStatus(progress=10))
        await harness.clock.step(3)
        async with asyncio.timeout(10):
            while not (refused := harness.calls("PATCH", path)):
                await asyncio.sleep(0)
                await harness.clock.idle()
        await harness.clock.step(3)
        await harness.messenger.update_status(working(asked), LiveStatus(progress=20))
        await harness.clock.step(60)
        await harness.clock.idle()
    assert [call["status"] for call in refused] == [403]
    assert harness.calls("PATCH", path) == refused


async def test_an_alert_that_did_not_go_out_is_tried_the_next_time(
    harness: MessengerHarness,
) -> None:
    harness.standin.faults.order(
        {"method": "POST", "route": "/channels/{channel.id}/messages", "status": 503}
    )
    for _ in range(2):
        await harness.messenger.alert_owner(Code.PROVIDER_BALANCE, {"provider": "evolink"})
    direct = harness.standin.world.dm(MIRA)
    assert direct is not None
    assert len(direct.messages) == 1
