"""What keeps two workers apart, each guard alone: the compare-and-set, and the lease."""

from dataclasses import replace

import pytest

from bot.domain.errors import Superseded
from bot.domain.generation import Generation, ParkReason, State
from bot.domain.ids import WorkerId
from bot.domain.ports.storage import Transaction
from bot.engine.lease import SURE_SECONDS, Lease
from bot.engine.transitions import Settle, Transitions, Unchanged
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


async def test_what_another_worker_owns_is_not_changed(world: World) -> None:
    before = await running(world)
    await taken_over(world, before)
    now = await world.row(before.id)
    with pytest.raises(Superseded):
        await Transitions(ports=world.ports()).move(before, strikes=1)
    with pytest.raises(Superseded):
        await Transitions(ports=world.ports()).record(before, strikes=1, unchanged=Unchanged.OWNER)
    assert await world.row(before.id) == now
    await Transitions(ports=world.ports()).record(now, state=State.EXPIRED)


async def test_what_has_moved_on_is_not_changed_but_for_mere_facts(world: World) -> None:
    before = await running(world)
    transitions = Transitions(ports=world.ports())
    ended = await transitions.record(before, state=State.EXPIRED)
    with pytest.raises(Superseded):
        await transitions.move(before, strikes=1)
    assert await world.row(before.id) == ended
    noted = await transitions.move(before, strikes=1, unchanged=Unchanged.OWNER)
    assert (noted.state, noted.strikes) == (State.EXPIRED, 1)


async def test_a_change_of_an_unchanged_row_minds_every_save_since(world: World) -> None:
    before = await running(world)
    transitions = Transitions(ports=world.ports())
    noted = await transitions.move(before, strikes=1)
    with pytest.raises(Superseded):
        await transitions.move(before, strikes=2, unchanged=Unchanged.ROW)
    again = await transitions.move(noted, strikes=2, unchanged=Unchanged.ROW)
    assert again.strikes == 2


async def test_a_change_leaves_what_it_does_not_name(world: World) -> None:
    before = await running(world)
    transitions = Transitions(ports=world.ports())
    dropped = await transitions.move(before, abandoned=True)
    parked = await transitions.park(before, ParkReason.PROVIDER_DOWN, 5.0)
    assert parked.abandoned
    assert replace(parked, park=None, revision=0, updated_at=before.updated_at) == replace(
        dropped, revision=0, updated_at=before.updated_at
    )


@pytest.mark.parametrize(("close", "spent"), [(None, 0), (Settle(seconds=3), 3)])
async def test_an_end_closes_the_hold(world: World, close: Settle | None, spent: int) -> None:
    before = await running(world)
    held = await world.usage()
    assert (held.seconds, held.videos) == (before.plan.seconds, 1)
    await Transitions(ports=world.ports()).record(before, state=State.EXPIRED, close=close)
    assert (await world.usage()).seconds == spent


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
    await Transitions(ports=world.ports()).record(now, state=State.EXPIRED)
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
    await Transitions(ports=world.ports()).record(before, state=State.EXPIRED)
