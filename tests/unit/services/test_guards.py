"""What keeps two workers apart, each guard alone: the compare-and-set, and the lease."""

from dataclasses import replace

import pytest

from bot.domain.errors import Superseded
from bot.domain.generation import Generation, State
from bot.domain.ids import WorkerId
from bot.domain.ports.storage import Transaction
from bot.engine.lease import SURE_SECONDS, Lease
from bot.engine.transitions import Transitions
from tests.unit.services.conftest import World

OTHER = WorkerId("other")


async def running(world: World) -> Generation:
    """A generation whose worker is gone."""
    worker = world.start()
    receipt = await world.ask(worker)
    found = await world.until_state(receipt.generation.id, State.RUNNING)
    await world.kill(worker)
    return found


async def taken_over(world: World, generation: Generation) -> None:
    """Another worker has it now, in the same state."""

    async def claim(tx: Transaction) -> None:
        await tx.generations.save(generation, replace(generation, owner_id=OTHER))

    await world.storage.transact(claim)


async def test_what_somebody_else_owns_is_not_changed(world: World) -> None:
    before = await running(world)
    await taken_over(world, before)
    now = await world.row(before.id)
    with pytest.raises(Superseded):
        await Transitions(ports=world.ports()).move(before, lambda g: replace(g, strikes=1))
    with pytest.raises(Superseded):
        await Transitions(ports=world.ports()).record(
            before, lambda g: replace(g, strikes=1), in_any_state=True
        )
    assert await world.row(before.id) == now
    await Transitions(ports=world.ports()).end(now, State.EXPIRED)


async def test_what_has_moved_on_is_not_changed_but_for_mere_facts(world: World) -> None:
    before = await running(world)
    transitions = Transitions(ports=world.ports())
    ended = await transitions.end(before, State.EXPIRED)
    with pytest.raises(Superseded):
        await transitions.move(before, lambda g: replace(g, strikes=1))
    assert await world.row(before.id) == ended
    noted = await transitions.move(before, lambda g: replace(g, strikes=1), in_any_state=True)
    assert (noted.state, noted.strikes) == (State.EXPIRED, 1)


async def test_a_lease_that_ran_out_asks_the_row(world: World) -> None:
    before = await running(world)
    lease = Lease(ports=world.ports())
    lease.keep(lease.now())
    await taken_over(world, before)
    world.clock.seconds += SURE_SECONDS
    with pytest.raises(Superseded):
        await lease.check(before)
    now = await world.row(before.id)
    await lease.check(now)
    await Transitions(ports=world.ports()).end(now, State.EXPIRED)
    with pytest.raises(Superseded):
        await lease.check(now)


async def test_a_lease_that_holds_asks_nobody(world: World) -> None:
    before = await running(world)
    lease = Lease(ports=world.ports())
    lease.keep((before.updated_at, world.clock.monotonic()))
    assert lease.holds()
    reads = world.storage.reads
    await lease.check(await world.row(before.id))
    assert world.storage.reads == reads + 1, "the row of this test"
    world.clock.seconds += SURE_SECONDS
    assert not lease.holds()
    await Transitions(ports=world.ports()).end(before, State.EXPIRED)
