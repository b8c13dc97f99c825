"""Ends are announced when they can be; what cannot be drawn or read is set aside, others go on."""

import pytest

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import State
from bot.engine import ownership
from bot.engine.context import Policy
from bot.engine.steps.announcing import ANNOUNCE_GAP_SECONDS, ANNOUNCE_SECONDS
from bot.engine.worker import SET_ASIDE_SECONDS
from tests.contract.storage.samples import raw
from tests.fakes.providers import EVOLINK, refusal
from tests.unit.services.conftest import NOBODY, World

AWAY = PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=5.0)
UNKNOWN = PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN)
FORBIDDEN = PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO)


@pytest.fixture(autouse=True)
def moderated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is refused at once, so its end must be announced."""
    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 300.0)
    world.evolink.submit_faults.extend([("before", refusal(Code.MODERATED))])


@pytest.mark.parametrize("error", [AWAY, UNKNOWN], ids=str)
@pytest.mark.parametrize("hours", [0.25, 6.0])
async def test_an_end_is_announced_when_discord_is_back(
    world: World, error: PostError, hours: float
) -> None:
    worker = world.start()
    world.messenger.end_away = lambda: world.clock.seconds < hours * 3600 and error
    generation = (await world.ask(worker)).generation
    await world.until_over()
    assert [reported.id for reported in world.messenger.ended] == [generation.id]
    assert world.clock.seconds <= hours * 3600 + ANNOUNCE_GAP_SECONDS + 1
    assert (await world.row(generation.id)).announced


async def test_after_a_day_the_end_is_no_longer_announced(world: World) -> None:
    worker = world.start()
    world.messenger.end_away = lambda: AWAY
    generation = (await world.ask(worker)).generation
    await world.until_over()
    assert ANNOUNCE_SECONDS <= world.clock.seconds <= ANNOUNCE_SECONDS + 2 * ANNOUNCE_GAP_SECONDS
    assert (await world.row(generation.id)).announced


async def test_a_refusal_is_final(world: World) -> None:
    worker = world.start()
    world.messenger.end_away = lambda: FORBIDDEN
    generation = (await world.ask(worker)).generation
    await world.until_over()
    assert world.clock.seconds < 60
    assert (await world.row(generation.id)).announced


async def test_an_end_whose_card_cannot_be_drawn_is_set_aside_with_an_alert(world: World) -> None:
    worker = world.start()
    world.messenger.end_away = lambda: LookupError("no such sentence")
    generation = (await world.ask(worker)).generation
    await world.until(lambda: Code.INTERNAL in world.messenger.alerts)
    await world.until_over()
    assert (await world.row(generation.id)).announced
    # The process goes on, and so does the next one.
    world.messenger.end_away = lambda: None
    second = (await world.ask(worker)).generation
    await world.until_over()
    assert await world.state(second.id) is State.DELIVERED


async def test_a_row_that_cannot_be_read_any_more_stops_nobody_else(world: World) -> None:
    world.policy = Policy(limits=NOBODY, max_running={EVOLINK: 5})
    world.evolink.submit_faults.clear()
    worker = world.start()
    broken = (await world.ask(worker)).generation
    other = (await world.ask(worker, by=2)).generation
    await world.until_state(broken.id, State.RUNNING)
    await world.storage.transact(
        raw("UPDATE generations SET request = '{' WHERE id = :id", id=broken.id)
    )
    await world.until(lambda: len(world.messenger.videos) == 1)
    await world.until(lambda: other.id not in worker.flights.live)
    assert await world.state(other.id) is State.DELIVERED
    await world.until(lambda: world.clock.seconds > SET_ASIDE_SECONDS + 100)
    assert worker.task is not None
    assert not worker.task.done()
    assert Code.INTERNAL in world.messenger.alerts
    await world.storage.transact(
        raw("UPDATE generations SET request = :request WHERE id = :id", id=broken.id,
            request='{"prompt": "a red kite"}')
    )  # fmt: skip
    await world.until_over()
    assert await world.state(broken.id) is State.DELIVERED
