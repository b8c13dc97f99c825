"""A task that a callback names belongs to one generation only."""

from bot.domain.generation import State
from bot.engine.identity import is_ours
from tests.fakes.providers import silence
from tests.unit.services.conftest import World


async def test_another_generations_task_is_not_ours(world: World) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    worker = world.start()
    other = (await world.ask(worker)).generation
    await world.until_state(other.id, State.RUNNING)
    world.evolink.submit_faults.append(("before", silence()))
    mine = (await world.ask(worker)).generation
    await world.until_state(mine.id, State.SUBMIT_UNKNOWN)
    task_id = next(iter(world.evolink.tasks))
    world.evolink.tasks[task_id].made_at = world.clock.now()
    row = await world.row(mine.id)
    assert not await is_ours(world.storage, world.evolink, row, task_id)
    assert await is_ours(world.storage, world.evolink, await world.row(other.id), task_id)
