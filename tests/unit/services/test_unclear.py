"""Commits without an answer: what they left is found, and nothing else is looked for."""

import asyncio
from typing import Any

import pytest

from bot.domain.errors import Accepted, StorageUnavailable
from bot.domain.generation import State
from bot.domain.ids import GenerationId
from bot.services.generate import Generate
from tests.unit.services.conftest import GUILD, TOM, World

UNCLEAR = StorageUnavailable("no answer within 30 seconds", accepted=Accepted.UNKNOWN)
UNDONE = StorageUnavailable("no answer within 30 seconds")


async def stored(world: World) -> list[GenerationId]:
    """The ids of all that the database holds."""
    counts = await world.storage.read(lambda tx: tx.generations.open_of(GUILD, TOM))
    return [generation.id for generation in counts]


@pytest.mark.parametrize("fault", [UNCLEAR, asyncio.CancelledError()])
@pytest.mark.parametrize("alone", [True, False])
async def test_an_insert_without_an_answer_is_looked_after(
    world: World, fault: BaseException, alone: bool
) -> None:
    worker = world.start(alone=alone)
    await world.settle()
    world.storage.faults = [("after", fault)]
    with pytest.raises(type(fault)):
        await world.ask(worker)
    (made,) = await stored(world)
    await world.until(lambda: made in worker.flights.live, seconds=10)
    assert not worker.flights.unconfirmed
    await world.until_state(made, State.DELIVERED)


@pytest.mark.parametrize("fault", [UNCLEAR, asyncio.CancelledError()])
async def test_an_insert_that_did_not_come_about_is_looked_for_once(
    world: World, fault: BaseException
) -> None:
    worker = world.start()
    await world.settle()
    world.storage.faults = [("before", fault)]
    with pytest.raises(type(fault)):
        await world.ask(worker)
    assert worker.flights.unconfirmed
    await world.until(lambda: not worker.flights.unconfirmed, seconds=10)
    assert not worker.flights.live


async def test_what_is_known_to_be_undone_is_not_looked_for(world: World) -> None:
    worker = world.start()
    await world.settle()
    world.storage.faults = [("before", UNDONE)]
    with pytest.raises(StorageUnavailable):
        await world.ask(worker)
    assert not worker.flights.unconfirmed


async def test_the_look_is_repeated_until_the_database_answers(world: World) -> None:
    worker = world.start()
    await world.settle()
    world.storage.faults = [("after", UNCLEAR)]
    with pytest.raises(StorageUnavailable):
        await world.ask(worker)
    # Heartbeats, claims and looks: none of them gets an answer for a while.
    world.storage.faults = [("before", UNDONE)] * 20
    await world.until(lambda: not world.storage.faults, seconds=600)
    (made,) = await stored(world)
    await world.until(lambda: made in worker.flights.live, seconds=20)
    await world.until_state(made, State.DELIVERED)


async def test_a_claim_without_an_answer_is_looked_after(world: World) -> None:
    worker = world.start(alone=False)
    await world.settle()
    made = await _by_a_process_without_a_worker(world)
    # The next transaction is a heartbeat's or a claim's; whichever claims gets no answer.
    seen: list[str] = []
    real = world.storage.transact

    async def transact(work: Any) -> Any:
        seen.append(work.__qualname__)
        if "_claim_once" in work.__qualname__ and "lost" not in seen:
            seen.append("lost")
            await real(work)
            raise UNCLEAR
        return await real(work)

    world.storage.transact = transact
    await world.until(lambda: made in worker.flights.live, seconds=20)
    assert "lost" in seen
    await world.until_state(made, State.DELIVERED)


async def test_what_is_inserted_while_the_heartbeat_is_late_has_no_owner(world: World) -> None:
    worker = world.start(alone=False)
    await world.settle()
    held = await world.ask(worker)
    assert held.generation.owner_id == worker.scheduler.worker_id
    world.storage.faults = [("before", UNDONE)] * 100
    await world.until(lambda: world.clock.seconds > 16)
    assert world.storage.faults
    world.storage.faults = []
    late = await world.ask(worker)
    assert late.generation.owner_id is None
    await world.until_state(late.generation.id, State.DELIVERED)


async def test_what_is_inserted_before_the_first_heartbeat_has_no_owner(world: World) -> None:
    worker = world.start(alone=False)
    early = await world.ask(worker)
    await world.settle()
    assert early.generation.owner_id is None
    await world.until_state(early.generation.id, State.DELIVERED)


async def _by_a_process_without_a_worker(world: World) -> GenerationId:
    worker = world.workers[0]
    own, worker.generate = (
        worker.generate,
        Generate(
            ports=world.ports(),
            flights=type(worker.flights)(max_running={}),
            owner=lambda: None,
            wake=lambda _: None,
        ),
    )
    receipt = await world.ask(worker)
    worker.generate = own
    return receipt.generation.id
