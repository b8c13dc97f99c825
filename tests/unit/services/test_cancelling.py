"""Cancelling: what ends at once, what is discarded or delivered, and who may do it."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import State
from bot.domain.limits import Limits
from bot.engine.context import Policy
from bot.services.cancel import CancelResult
from tests.fakes.providers import APIMART, EVOLINK
from tests.unit.services.conftest import World


async def test_cancelling_while_it_waits_ends_and_releases_it_at_once(world: World) -> None:
    world.policy = Policy(
        limits=Limits(videos=0, concurrent=0), max_running={EVOLINK: 1, APIMART: 1}
    )
    worker = world.start()
    first, second, third = [(await world.ask(worker)).generation for _ in range(3)]
    await world.settle()
    assert await world.state(third.id) is State.QUEUED
    result, row = await worker.cancel.request(third.id, viewer=world.viewer())
    assert (result, row.state) == (CancelResult.CANCELLED, State.CANCELLED)
    await world.until_over()
    assert world.evolink.posts + world.apimart.posts == 2
    assert (await world.usage()).videos == 2
    assert {first.id, second.id} == {v[0] for v in world.messenger.videos}


async def test_a_submitted_one_is_dropped_or_kept_as_its_requester_says(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    result, _ = await worker.cancel.request(generation.id, viewer=world.viewer())
    assert result is CancelResult.SUBMITTED
    await worker.cancel.drop(generation.id, viewer=world.viewer())
    await world.until_over()
    assert await world.state(generation.id) is State.CANCELLED
    assert world.messenger.videos == []
    assert (await world.usage()).videos == 1

    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    await worker.cancel.drop(generation.id, viewer=world.viewer())
    await worker.cancel.keep(generation.id, viewer=world.viewer())
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED


async def test_nobody_else_may_cancel(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    with pytest.raises(Refused) as refused:
        await worker.cancel.request(generation.id, viewer=world.viewer(2))
    assert refused.value.code is Code.NOT_YOURS
    result, _ = await worker.cancel.request(generation.id, viewer=world.viewer(2, moderator=True))
    assert result is not CancelResult.ENDED
