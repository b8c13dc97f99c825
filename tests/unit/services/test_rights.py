"""Asked first: a request is refused before it is paid for where its video could not be posted."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.ids import ChannelId
from bot.domain.rights import PlaceRights, Right
from tests.unit.services.conftest import World

ALL = frozenset(Right)
THREAD = ChannelId(301)


def lacking(*rights: Right) -> PlaceRights:
    return PlaceRights(may=ALL - set(rights))


@pytest.mark.parametrize(
    ("rights", "thread_id", "missing"),
    [
        (lacking(Right.VIEW_CHANNEL), None, ["view_channel"]),
        (lacking(Right.SEND_MESSAGES), None, ["send_messages"]),
        (lacking(Right.ATTACH_FILES), None, ["attach_files"]),
        (
            lacking(Right.SEND_MESSAGES, Right.ATTACH_FILES),
            None,
            ["send_messages", "attach_files"],
        ),
        (lacking(Right.SEND_MESSAGES_IN_THREADS), THREAD, ["send_messages_in_threads"]),
        (lacking(Right.ATTACH_FILES), THREAD, ["attach_files"]),
    ],
)
async def test_without_the_rights_nothing_is_held(
    world: World, rights: PlaceRights, thread_id: ChannelId | None, missing: list[str]
) -> None:
    with pytest.raises(Refused) as caught:
        await world.ask(world.start(), rights=rights, thread_id=thread_id)
    assert caught.value.code is Code.PLACE_RIGHTS
    assert caught.value.facts == {"missing": missing}
    assert (await world.usage()).videos == 0
    assert world.evolink.posts == 0


async def test_a_locked_thread_is_a_no(world: World) -> None:
    locked = PlaceRights(may=ALL, locked=True)
    with pytest.raises(Refused) as caught:
        await world.ask(world.start(), rights=locked, thread_id=THREAD)
    assert caught.value.code is Code.PLACE_LOCKED
    assert (await world.usage()).videos == 0


@pytest.mark.parametrize(
    ("rights", "private", "threadless"),
    [
        (PlaceRights(may=ALL), False, False),
        (PlaceRights(may=ALL), True, False),
        (PlaceRights(may=ALL, holds_threads=False), False, True),
        (PlaceRights(may=ALL, holds_private_threads=False), True, True),
        (lacking(Right.CREATE_PUBLIC_THREADS), False, True),
        (lacking(Right.SEND_MESSAGES_IN_THREADS), False, True),
        (lacking(Right.CREATE_PUBLIC_THREADS), True, False),
        (lacking(Right.CREATE_PRIVATE_THREADS), True, True),
        (lacking(Right.ATTACH_FILES), True, True),
    ],
)
async def test_where_there_can_be_no_thread_the_place_knows(
    world: World, rights: PlaceRights, *, private: bool, threadless: bool
) -> None:
    receipt = await world.ask(world.start(), rights=rights, private=private)
    assert receipt.generation.place.threadless is threadless
    await world.until_over()


async def test_a_private_request_in_a_locked_thread_gets_a_new_thread(world: World) -> None:
    locked = PlaceRights(may=ALL, locked=True)
    receipt = await world.ask(world.start(), rights=locked, private=True)
    assert receipt.generation.place.private
    assert not receipt.generation.place.in_thread
    await world.until_over()
