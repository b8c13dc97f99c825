"""Providers down or out of money are left alone, gone round, and tried again by one probe."""

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import State
from tests.outside import APIMART, EVOLINK, refusal
from tests.unit.services.conftest import World


async def test_a_provider_without_money_is_asked_once_not_by_everybody(world: World) -> None:
    world.evolink.submit_faults.extend([("before", refusal(Code.PROVIDER_BALANCE))] * 9)
    worker = world.start()
    for _ in range(4):
        await world.ask(worker)
    await world.until_over(seconds=300)
    assert world.evolink.posts <= 2
    assert world.apimart.posts == 4
    assert len(world.messenger.videos) == 4


async def test_when_nobody_has_money_new_wishes_are_refused_at_once(world: World) -> None:
    for provider in (world.evolink, world.apimart):
        provider.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    with pytest.raises(Refused) as refused:
        await world.ask(worker)
    assert refused.value.code is Code.PROVIDER_BALANCE


async def test_after_the_pause_a_probe_finds_the_money_again(world: World) -> None:
    world.evolink.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    worker = world.start()
    first = await world.ask(worker)
    await world.until_over()
    assert (await world.row(first.generation.id)).plan.provider == APIMART
    assert world.clock.seconds > 15
    second = await world.ask(worker)
    await world.until_over()
    assert (await world.row(second.generation.id)).plan.provider == EVOLINK
    assert not worker.board.breaker(EVOLINK).is_open


async def test_everything_down_for_an_hour_only_delays(world: World) -> None:
    down = refusal(Code.PROVIDER_UNAVAILABLE, retryable=True)
    for provider in (world.evolink, world.apimart):
        provider.submit_faults.extend([("before", down)] * 12)
    worker = world.start()
    receipts = [await world.ask(worker) for _ in range(2)]
    await world.until_over()
    for receipt in receipts:
        assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.clock.seconds > 600
