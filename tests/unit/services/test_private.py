"""Private begets private: nothing that began where others cannot read comes out where they can."""

from dataclasses import replace

import pytest

from bot.domain.generation import Generation, TargetKind
from bot.domain.ids import ChannelId, UserId
from bot.domain.request import VideoRequest
from bot.services.admission import GenerationRequest
from tests.unit.services.conftest import CHANNEL, GUILD, TOM, World

PUBLIC_THREAD, PRIVATE_THREAD = ChannelId(301), ChannelId(302)


def pressed(*, thread_id: ChannelId | None, private: bool = False) -> GenerationRequest:
    return GenerationRequest(
        request_key=f"interaction:pressed-{thread_id}-{private}",
        requester_id=UserId(TOM),
        guild_id=GUILD,
        channel_id=ChannelId(CHANNEL),
        thread_id=thread_id,
        private=private,
        locale="en-US",
        request=VideoRequest(prompt="bluer"),
    )


async def private_video(world: World) -> Generation:
    receipt = await world.ask(world.start(), private=True)
    await world.until_over()
    return await world.row(receipt.generation.id)


@pytest.mark.parametrize("thread_id", [None, PUBLIC_THREAD])
@pytest.mark.parametrize("how", ["repeat_of", "parent_id"])
async def test_a_private_video_has_private_descendants(
    world: World, how: str, thread_id: ChannelId | None
) -> None:
    first = await private_video(world)
    generate = world.workers[0].generate
    ask = pressed(thread_id=thread_id)
    receipt = await generate.request(replace(ask, **{how: first.id}))
    await world.until_over()
    made = await world.row(receipt.generation.id)
    assert made.place.private
    assert not made.place.in_thread
    assert made.place.thread_id != PUBLIC_THREAD


async def test_in_a_private_thread_it_stays_there(world: World) -> None:
    first = await private_video(world)
    ask = replace(pressed(thread_id=PRIVATE_THREAD, private=True), repeat_of=first.id)
    receipt = await world.workers[0].generate.request(ask)
    await world.until_over()
    place = (await world.row(receipt.generation.id)).place
    assert (place.private, place.in_thread) == (True, True)
    kinds = {target.kind for _, target, _ in world.messenger.videos}
    assert TargetKind.CHANNEL not in kinds
