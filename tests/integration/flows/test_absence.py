"""Replies that were written while the bot was away become edits when it is back, each once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import Code, Refused
from bot.services.missed import Spot
from bot.ui.inbound import missed_replies
from sandbox.discord.state.seed import ANA, GENERAL, STUDIO, TOM, VIDEOS
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Json, Retake, Starting
from tests.messages_view import buttons

FOX = delivered(7)
LATE = "I was offline when you wrote this"


class Away:
    """The bot is gone, and what it left in Discord stays."""

    def __init__(self, retake: Retake, start: Starting, message_id: int) -> None:
        self.standin, self.people = retake.standin, retake.standin.people
        self.start = start
        self.video = str(message_id)
        self.since = datetime.fromtimestamp(self.standin.clock(), UTC) - timedelta(seconds=1)

    async def reply(self, user: str, text: str, *, ping: bool = True) -> str:
        sent = await self.people.send(user, "videos", text, reply_to=self.video, ping=ping)
        return sent["id"]

    async def back(
        self,
        *,
        answered: set[int] | None = None,
        spots: int = 1,
        refusal: Refused | None = None,
    ) -> Retake:
        """The bot after its start, once it has read what it missed."""
        retake: Retake = await self.start(attached=False)
        services = retake.services
        if refusal is not None:
            services.generate.refusals.append(refusal)
        services.missed.away_since = self.since
        services.missed.places = [
            Spot(channel_id=int(VIDEOS), guild_id=int(STUDIO))  # pyright: ignore[reportArgumentType]
        ] * spots
        services.missed.answered = answered or set()
        services.lookup.videos[int(self.video)] = FOX
        retake.client.attach(services.as_services())
        retake.client.dispatch("ready")
        async with asyncio.timeout(10):
            await services.missed.caught.wait()
        return retake

    def said(self, after: int) -> list[Json]:
        """What the bot wrote since."""
        me = self.standin.world.bot_id
        return [
            self.standin.render.message(message)
            for message in self.standin.world.messages.values()
            if message.author_id == me and int(message.id) > after
        ]


@pytest.fixture
async def away(retake: Retake, start: Starting) -> Away:
    video = await retake.post_video(FOX)
    await retake.client.close()
    return Away(retake, start, video.id)


async def test_a_missed_reply_is_an_edit_and_a_word_says_that_it_is_late(away: Away) -> None:
    first = await away.reply("tom", "make it night")
    second = await away.reply("ana", f"<@{TOM}> in the rain")
    retake = await away.back()
    asks = [await retake.services.generate.next() for _ in range(2)]
    assert [ask.request_key for ask in asks] == [f"message:{first}", f"message:{second}"]
    assert [ask.request.prompt for ask in asks] == ["make it night", "Tom in the rain"]
    assert [ask.requester_id for ask in asks] == [int(TOM), int(ANA)]
    assert {(ask.parent_id, ask.guild_id) for ask in asks} == {(FOX.id, int(STUDIO))}
    reported = away.said(int(first))
    assert [LATE in message["content"] for message in reported] == [True, True]
    assert [message["message_reference"]["message_id"] for message in reported] == [first, second]
    assert [message["mentions"] for message in reported] == [[], []]


async def test_what_was_answered_before_is_not_answered_again(away: Away) -> None:
    known = await away.reply("tom", "make it night")
    fresh = await away.reply("tom", "make it day")
    retake = await away.back(answered={int(known)})
    assert [ask.request_key for ask in retake.services.generate.asks] == [f"message:{fresh}"]
    # A session that follows looks at the same messages again.
    retake.services.missed.answered.add(int(fresh))
    retake.services.missed.caught.clear()
    retake.client.dispatch("ready")
    async with asyncio.timeout(10):
        await retake.services.missed.caught.wait()
    assert len(retake.services.generate.asks) == 1


async def test_what_was_refused_before_is_not_ordered_later(
    retake: Retake, start: Starting
) -> None:
    """A limit that stopped it then may let it pass now: nobody expects that any more."""
    video = await retake.post_video(FOX)
    away = Away(retake, start, video.id)
    after = retake.standin.position
    retake.services.generate.refusals.append(Refused(Code.QUOTA_COOLDOWN, limit=60))
    await away.reply("tom", "make it night")
    me = str(retake.client.application_id)
    await retake.standin.wait("MESSAGE_CREATE", {"author.id": me}, after=after)
    await retake.client.close()
    missed = await away.reply("ana", "make it day")
    again = await away.back()
    assert [ask.request_key for ask in again.services.generate.asks] == [f"message:{missed}"]


async def test_what_was_heard_and_refused_is_not_ordered_when_the_answer_is_gone(
    retake: Retake, start: Starting
) -> None:
    """Such an answer goes away after a few minutes; the next session must not try again."""
    video = await retake.post_video(FOX)
    away = Away(retake, start, video.id)
    after = retake.standin.position
    services = retake.services
    services.generate.refusals.append(Refused(Code.QUOTA_COOLDOWN, limit=60))
    await away.reply("tom", "make it night")
    me = str(retake.client.application_id)
    reported = await retake.standin.wait("MESSAGE_CREATE", {"author.id": me}, after=after)
    answer = retake.client.get_partial_messageable(int(VIDEOS)).get_partial_message(
        int(reported["data"]["id"])
    )
    await answer.delete()
    services.missed.away_since = away.since
    services.missed.places = [
        Spot(channel_id=int(VIDEOS), guild_id=int(STUDIO))  # pyright: ignore[reportArgumentType]
    ]
    services.missed.caught.clear()
    retake.client.dispatch("ready")
    async with asyncio.timeout(10):
        await services.missed.caught.wait()
    assert len(services.generate.asks) == 1


async def test_chatter_bots_and_people_who_left_order_nothing(away: Away) -> None:
    people = away.people
    own = await people.send("tom", "videos", "nice weather")
    await people.send("ana", "videos", "indeed", reply_to=own["id"])
    await away.reply("tom", "wow", ping=False)
    await people.send("tom", "videos", f"<@{away.standin.world.bot_id}> hello there")
    gone = await away.reply("ana", "make it night")
    del away.standin.world.guilds[STUDIO].members[ANA]
    retake = await away.back()
    assert retake.services.generate.asks == []
    assert away.said(int(gone)) == []


async def test_at_most_a_few_of_a_place_the_oldest_first(away: Away) -> None:
    written = [
        await away.reply("tom", f"number {n}") for n in range(missed_replies.MOST_REPLIES + 2)
    ]
    retake = await away.back()
    keys = [ask.request_key for ask in retake.services.generate.asks]
    assert keys == [f"message:{id_}" for id_ in written[: missed_replies.MOST_REPLIES]]


async def test_a_late_refusal_is_reported_as_any_other(away: Away) -> None:
    written = await away.reply("tom", "bluer")
    await away.back(refusal=Refused(Code.NOT_KEPT))
    (reported,) = away.said(int(written))
    assert "I no longer have the prompt" in reported["content"]
    assert buttons(reported) == {"Edit": f"rt:edit:{FOX.id}"}


async def test_a_reply_whose_channel_discord_does_not_show_is_answered_truly(away: Away) -> None:
    """Nothing was posted yet, so the answer must not speak of a video that could not be."""
    away.standin.faults.order(
        {"method": "GET", "route": "/channels/{channel_id}", "status": 403,
         "body": {"code": 50001, "message": "Missing Access"}}
    )  # fmt: skip
    written = await away.reply("tom", "make it night")
    retake = await away.back()
    assert retake.services.generate.asks == []
    (said,) = away.said(int(written))
    assert "I couldn't do that in Discord just now." in said["content"]


async def test_what_cannot_be_read_does_not_stop_the_rest(away: Away) -> None:
    away.standin.faults.order(
        {"method": "GET", "route": "/channels/{channel_id}/messages", "status": 403,
         "body": {"code": 50001, "message": "Missing Access"}}
    )  # fmt: skip
    written = await away.reply("tom", "make it night")
    retake = await away.back(spots=2)
    assert [ask.request_key for ask in retake.services.generate.asks] == [f"message:{written}"]


async def test_a_bot_that_missed_nothing_reads_nothing(retake: Retake) -> None:
    async with asyncio.timeout(10):
        await retake.services.missed.caught.wait()
    place = retake.client.get_partial_messageable(int(GENERAL))
    await place.send("up")
    assert [
        e for e in retake.standin.exchanges if e["method"] == "GET" and "messages" in e["path"]
    ] == []


async def test_a_reply_that_arrives_is_not_read_as_missed(retake: Retake) -> None:
    """The library reconnects by itself: what came before is known, whatever was said to it."""
    video = await retake.post_video(FOX)
    retake.services.generate.refusals.append(Refused(Code.STOPPING))
    after = retake.standin.position
    people = retake.standin.people
    await people.send("tom", "videos", "make it night", reply_to=str(video.id))
    me = str(retake.client.application_id)
    await retake.standin.wait("MESSAGE_CREATE", {"author.id": me}, after=after)
    retake.services.missed.away_since = datetime.fromtimestamp(retake.standin.clock() - 60, UTC)
    retake.services.missed.places = [
        Spot(channel_id=int(VIDEOS), guild_id=int(STUDIO))  # pyright: ignore[reportArgumentType]
    ]
    after = retake.standin.position
    retake.standin.gateway.drop(resumable=False)
    await retake.standin.wait("BOT", {"online": True}, after=after)
    async with asyncio.timeout(10):
        while not retake.services.missed.made[1:]:
            await retake.standin.wait("EXCHANGE", after=after)
            after = retake.standin.position
        await retake.services.missed.caught.wait()
    assert len(retake.services.generate.made) == 1
