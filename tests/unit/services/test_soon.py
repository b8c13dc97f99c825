"""A request that a process without a worker has taken is looked at soon."""

from bot.domain.generation import State
from bot.services.generate import Generate
from tests.unit.services.conftest import World


async def test_what_nobody_owns_is_taken_up_within_half_a_second(world: World) -> None:
    worker = world.start(alone=False)
    await world.until(lambda: world.clock.seconds > 12)
    worker.generate = Generate(
        ports=world.ports(),
        flights=type(worker.flights)(max_running={}),
        owner=lambda: None,
        wake=lambda _: None,
    )
    receipt = await world.ask(worker)
    asked_at = world.clock.seconds
    await world.until(lambda: receipt.generation.id in worker.flights.live, seconds=2)
    assert world.clock.seconds - asked_at <= 0.5
    await world.until_over()
    assert await world.state(receipt.generation.id) is State.DELIVERED
