"""What was kept long enough: nothing is left of it, and it is shown all the same."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.access import Viewer
from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import UserId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.request import VideoRequest
from bot.engine.pruning import AT_MOST, AT_ONCE, Pruning
from bot.services.admission import GenerationRequest
from bot.services.history import History
from bot.services.lookup import VideoLookup
from tests.unit.services.conftest import CHANNEL, GUILD, TOM, World

MONTH = timedelta(days=30)
SECRET = "a red kite over my own house"


def history_of(world: World) -> History:
    return History(storage=world.storage, media=world.media, clock=world.clock)


def viewer() -> Viewer:
    return Viewer(user_id=UserId(TOM), guild_id=GUILD)


def picture(world: World, name: str) -> StoredMedia:
    (world.media.folder / name).write_bytes(b"a picture")
    return StoredMedia(
        kind=MediaKind.IMAGE, path=name, mime="image/png", size=9, sha256="0", width=1, height=1
    )


async def delivered(world: World, **changes: Any) -> Generation:
    worker = world.workers[0] if world.workers else world.start()
    receipt = await world.ask(worker, VideoRequest(prompt=SECRET, **changes))
    await world.until_state(receipt.generation.id, State.DELIVERED)
    await world.until_over()
    return await world.row(receipt.generation.id)


async def test_what_was_kept_long_enough_is_pruned_and_still_shown(world: World) -> None:
    made = await delivered(world)
    pruning = Pruning(storage=world.storage, clock=world.clock, retention=MONTH)
    assert await pruning.look() == 0
    world.clock.ahead = MONTH.total_seconds() + 1
    assert await pruning.look() == 1
    assert await pruning.look() == 0

    row = await world.row(made.id)
    assert row.pruned_at is not None
    assert (row.state, row.posting, row.ended_at) == (made.state, made.posting, made.ended_at)
    assert await world.storage.read(lambda tx: tx.ledger.faults()) == []
    shown = await history_of(world).page(viewer(), of=UserId(TOM))
    assert [item.id for item in shown.items] == [made.id]
    assert await history_of(world).details(made.id, viewer=viewer()) == row


@pytest.mark.parametrize("how", ["again", "edit", "reply", "copy"])
async def test_nothing_can_be_made_of_it_any_more(world: World, how: str) -> None:
    made = await delivered(world)
    world.clock.ahead = MONTH.total_seconds() + 1
    await Pruning(storage=world.storage, clock=world.clock, retention=MONTH).look()
    generate, posts = world.workers[0].generate, world.evolink.posts
    ask = GenerationRequest(
        request_key="interaction:later",
        requester_id=TOM,
        guild_id=GUILD,
        channel_id=CHANNEL,
        thread_id=None,
        private=False,
        locale="en-US",
        request=VideoRequest(prompt="make it night"),
    )
    assert made.posting is not None
    message_id = made.posting.message_id
    assert message_id is not None
    edit = VideoLookup(storage=world.storage)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "again": lambda: generate.request(replace(ask, repeat_of=made.id)),
        "edit": lambda: generate.request(replace(ask, parent_id=made.id)),
        "reply": lambda: edit.by_message(message_id, viewer=viewer()),
        "copy": lambda: history_of(world).copy(made.id, viewer=viewer(), max_bytes=10**9),
    }
    with pytest.raises(Refused) as refused:
        await asked[how]()
    assert refused.value.code is Code.NOT_KEPT
    assert world.evolink.posts == posts


class Backlog:
    """A storage that has more to prune than one look takes."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    async def transact(self, work: Any) -> Any:
        return await work(self)

    @property
    def generations(self) -> "Backlog":
        return self

    @property
    def durations(self) -> "Backlog":
        return self

    async def prune(self, *, limit: int, **_: Any) -> int:
        self.taken.append(limit)
        return limit

    async def forget(self, before: Any) -> None:
        del before


async def test_a_large_backlog_is_worked_off_in_small_pieces(world: World) -> None:
    backlog = Backlog()

    async def pass_by(seconds: float) -> None:
        assert seconds > 0

    world.clock.sleep = pass_by  # pyright: ignore[reportAttributeAccessIssue]
    pruning = Pruning(storage=backlog, clock=world.clock, retention=MONTH)  # pyright: ignore[reportArgumentType]
    assert await pruning.look() == AT_MOST
    assert set(backlog.taken) == {AT_ONCE}
