"""Requests before they start: which may be repeated, and which place in the queue they report."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.access import editable
from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, LiveStatus, Posting, State
from bot.domain.ids import ChannelId, GenerationId, GuildId, UserId
from bot.domain.request import Operation, VideoRequest
from bot.engine.context import Policy
from bot.services.admission import GenerationRequest
from bot.services.delete import Delete, DeletionReason
from bot.services.history import History
from tests.fakes.providers import APIMART, EVOLINK
from tests.unit.services.conftest import CHANNEL, GUILD, NOBODY, TOM, World

ANA = UserId(2)


def a_request(by: int, guild_id: GuildId = GUILD) -> GenerationRequest:
    return GenerationRequest(
        request_key=f"interaction:again-{by}",
        requester_id=UserId(by),
        guild_id=guild_id,
        channel_id=ChannelId(CHANNEL),
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(),
    )


@pytest.mark.parametrize(
    ("private", "guild_id"), [(True, GUILD), (False, GuildId(999)), (False, GuildId(0))]
)
async def test_again_repeats_nothing_that_one_may_not_see(
    world: World, private: bool, guild_id: GuildId
) -> None:
    worker = world.start()
    receipt = await world.ask(worker, private=private)
    with pytest.raises(Refused) as caught:
        await worker.generate.request(
            replace(a_request(ANA, guild_id), repeat_of=receipt.generation.id)
        )
    assert caught.value.code is Code.NOT_FOUND
    await world.until_over()


@pytest.mark.parametrize("thread_id", [None, ChannelId(5)])
async def test_what_is_private_never_becomes_public(
    world: World, thread_id: ChannelId | None
) -> None:
    """Itself, again, its children and its children's children, wherever they are asked for."""
    worker = world.start()
    first = (await world.ask(worker, private=True, thread_id=thread_id)).generation
    await world.until_state(first.id, State.DELIVERED)
    public = replace(a_request(TOM), thread_id=ChannelId(9))
    again = (await worker.generate.request(replace(public, repeat_of=first.id))).generation
    edit = VideoRequest(operation=Operation.EDIT, prompt="bluer")
    child = (await world.ask(worker, edit, parent_id=first.id, thread_id=ChannelId(9))).generation
    await world.until_state(child.id, State.DELIVERED)
    public = replace(public, request_key="interaction:once more")
    grandchild = (await worker.generate.request(replace(public, repeat_of=child.id))).generation
    assert (first.place.thread_id, first.place.private) == (thread_id, True)
    for made in (again, child, grandchild):
        assert (made.place.private, made.place.thread_id, made.place.in_thread) == (
            True,
            None,
            False,
        )
    await world.until_over()


async def test_what_is_public_stays_so(world: World) -> None:
    worker = world.start()
    first = (await world.ask(worker, thread_id=ChannelId(5))).generation
    again = await worker.generate.request(
        replace(a_request(TOM), thread_id=ChannelId(5), repeat_of=first.id)
    )
    assert (first.place.private, first.place.thread_id) == (False, 5)
    assert (again.generation.place.private, again.generation.place.thread_id) == (False, 5)
    await world.until_over()


@pytest.mark.parametrize("prompt", ["", "\u200b", " ** ** ", "\u3164"])
async def test_a_wordless_edit_reaches_nobody(world: World, prompt: str) -> None:
    """What says nothing is handed to the providers' rules as nothing, and kept as nothing."""
    worker = world.start()
    before = await world.usage()
    request = VideoRequest(operation=Operation.EDIT, prompt=prompt)
    with pytest.raises(Refused) as caught:
        await world.ask(worker, request)
    assert caught.value.code is Code.INSTRUCTION_MISSING
    assert await world.usage() == before
    assert (world.evolink.posts, world.apimart.posts) == (0, 0)


async def test_line_breaks_arrive_at_the_provider_as_they_are(world: World) -> None:
    worker = world.start()
    receipt = await world.ask(worker, VideoRequest(prompt="\u200bfirst\r\nsecond\n\nthird "))
    assert receipt.generation.request.prompt == "first\nsecond\n\nthird"
    await world.until_over()
    assert [spec.prompt for spec in world.evolink.specs] == ["first\nsecond\n\nthird"]


async def test_only_a_request_that_waits_for_every_provider_has_a_position(world: World) -> None:
    world.policy = Policy(limits=NOBODY, max_running={EVOLINK: 1, APIMART: 1})
    worker = world.start()
    reported = []
    for _ in range(4):
        receipt = await world.ask(worker)
        reported.append(receipt.live_status.position)
        await world.settle()
    assert reported == [None, None, 1, 2]
    await world.until_over()


async def posted(world: World) -> Generation:
    """A video that people see, while its delivery is not written down yet."""
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.DELIVERED)
    await world.kill(worker)
    delivered = await world.row(receipt.generation.id)
    return replace(delivered, state=State.POSTING, ended_at=None)


async def test_a_video_can_be_edited_as_soon_as_it_is_seen(world: World) -> None:
    seen = await posted(world)
    assert editable(seen, world.viewer()) is seen


async def test_a_video_can_be_deleted_as_soon_as_it_is_seen(world: World) -> None:
    seen = await posted(world)
    delete = Delete(
        storage=world.storage, media=world.media, clock=world.clock, messenger=world.messenger
    )
    first = [seen]
    read = world.storage.read

    async def late(work: object) -> object:
        return first.pop() if first else await read(work)  # pyright: ignore[reportArgumentType]

    world.storage.read = late  # pyright: ignore[reportAttributeAccessIssue]
    deleting = asyncio.ensure_future(
        delete.video(seen.id, viewer=world.viewer(), reason=DeletionReason.BUTTON)
    )
    await world.until(deleting.done)
    assert await deleting
    assert (await world.row(seen.id)).deleted_at is not None


def held_back(world: World) -> asyncio.Event:
    """Posting takes until the event is set."""
    gate, post = asyncio.Event(), world.messenger.post_video

    async def slowly(*args: Any, **kwargs: Any) -> Posting:
        await gate.wait()
        return await post(*args, **kwargs)

    world.messenger.post_video = slowly  # pyright: ignore[reportAttributeAccessIssue]
    return gate


async def test_the_history_waits_a_moment_for_what_is_just_being_posted(world: World) -> None:
    worker = world.start()
    gate = held_back(world)
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.POSTING)
    history = History(storage=world.storage, media=world.media, clock=world.clock)
    looking = asyncio.ensure_future(history.page(world.viewer(), of=UserId(TOM)))
    await world.settle()
    assert not looking.done()
    gate.set()
    await world.until(looking.done)
    assert [item.id for item in (await looking).items] == [receipt.generation.id]
    await world.until_over()


async def test_the_history_does_not_wait_for_a_long_upload(world: World) -> None:
    worker = world.start()
    gate = held_back(world)
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.POSTING)
    history = History(storage=world.storage, media=world.media, clock=world.clock)
    looking = asyncio.ensure_future(history.page(world.viewer(), of=UserId(TOM)))
    await world.until(looking.done, seconds=2)
    assert (await looking).items == []
    gate.set()
    await world.until_over()


async def test_everyone_behind_sees_their_new_position(world: World) -> None:
    world.policy = Policy(limits=NOBODY, max_running={EVOLINK: 1, APIMART: 1})
    reported: dict[GenerationId, list[int | None]] = {}
    show = world.messenger.update_status

    async def noting(generation: Generation, live_status: LiveStatus) -> None:
        reported.setdefault(generation.id, []).append(live_status.position)
        await show(generation, live_status)

    world.messenger.update_status = noting  # pyright: ignore[reportAttributeAccessIssue]
    worker = world.start()
    asked = []
    for _ in range(5):
        asked.append((await world.ask(worker)).generation.id)
        await world.settle()
    assert [reported[one][-1] for one in asked[2:]] == [1, 2, 3]
    # Neither a cancelled place nor a freed slot waits for anything else to happen.
    await worker.cancel.request(asked[2], viewer=world.viewer())
    await world.settle()
    assert [reported[one][-1] for one in asked[3:]] == [1, 2]
    await world.until_state(asked[3], State.RUNNING)
    await world.settle()
    assert reported[asked[4]][-1] == 1 or State.QUEUED is not await world.state(asked[4])
    await world.until_over()
