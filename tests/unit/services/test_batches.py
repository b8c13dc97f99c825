"""When questions about many tasks fail, one at a time is asked; one bad task spoils only itself."""

from dataclasses import replace

import pytest

from bot.domain.errors import Code, ProviderError
from bot.domain.generation import State
from bot.engine.context import Policy
from bot.engine.late_results import LOOK_EVERY_SECONDS
from bot.engine.steps.batches import SINGLE_SECONDS
from tests.fakes.providers import EVOLINK, refusal, silence
from tests.unit.services.conftest import NOBODY, World
from tests.unit.services.test_late import looker, pass_time, until_delivered

MANY = 20


async def many(world: World, count: int = MANY) -> list[State]:
    """What becomes of this many videos at a provider that takes batches."""
    world.policy = replace(world.policy, max_running={EVOLINK: count})
    world.evolink.batch_size = 50
    worker = world.start()
    asked = [(await world.ask(worker, by=number)).generation.id for number in range(count)]
    await world.until_over()
    return [await world.state(generation_id) for generation_id in asked]


@pytest.mark.parametrize(
    "error",
    [
        refusal(Code.PROVIDER_MALFORMED),
        refusal(Code.PROVIDER_REJECTED, status=404),
        refusal(Code.PROVIDER_AUTH),
        refusal(Code.PROVIDER_RATE_LIMITED, retryable=True),
        silence(Code.PROVIDER_UNAVAILABLE),
        silence(),
    ],
    ids=str,
)
async def test_all_are_made_although_no_batch_is_answered(
    world: World, error: ProviderError
) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=300)
    world.evolink.refuses_batches = error
    assert await many(world) == [State.DELIVERED] * MANY
    assert world.clock.seconds < 200


async def test_batches_are_tried_again_after_a_while(world: World) -> None:
    world.evolink.refuses_batches = refusal(Code.PROVIDER_MALFORMED)
    await many(world)
    refused = world.evolink.batches
    assert refused == 1
    world.evolink.refuses_batches = None
    await pass_time(world, SINGLE_SECONDS)
    worker = world.workers[0]
    for _ in range(2):
        await world.ask(worker)
    await world.until_over()
    assert world.evolink.batches > refused


async def test_a_provider_that_does_not_answer_at_all_is_not_asked_about_each_one(
    world: World,
) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=300)
    world.evolink.batch_size = 50
    worker = world.start()
    world.policy = replace(world.policy, max_running={EVOLINK: MANY})
    for number in range(MANY):
        await world.ask(worker, by=number)
    await world.settle()
    world.evolink.query_faults.extend([silence(Code.PROVIDER_UNAVAILABLE)] * 1000)
    await world.until(lambda: world.clock.seconds > 250)
    assert world.evolink.polls < 3 * 30


@pytest.mark.parametrize("kind", ["garbled", "missing"])
async def test_one_bad_task_spoils_only_its_own_place(world: World, kind: str) -> None:
    first = f"{EVOLINK}-1"
    getattr(world.evolink, kind).add(first)
    assert await many(world) == [State.DELIVERED] * MANY
    # All others are still asked about together.
    assert world.evolink.polls < MANY * 10
    assert world.evolink.batches > 1


async def test_one_task_that_can_never_be_read_expires_alone(world: World) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=300)
    broken = f"{EVOLINK}-1"
    world.evolink.unreadable.add(broken)
    states = await many(world)
    assert sorted(states) == sorted([State.DELIVERED] * (MANY - 1) + [State.EXPIRED])


async def test_late_results_are_found_although_no_batch_is_answered(world: World) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=120)
    world.evolink.seconds = 200.0
    assert await many(world, 4) == [State.EXPIRED] * 4
    world.evolink.refuses_batches = refusal(Code.PROVIDER_MALFORMED)
    await pass_time(world, 200)
    world.evolink.garbled.add(f"{EVOLINK}-1")
    assert len(await looker(world).look()) == 4
    await until_delivered(world)


async def test_a_late_one_that_cannot_be_read_is_asked_about_again(world: World) -> None:
    world.policy = Policy(limits=NOBODY, running_deadline=120)
    world.evolink.seconds = 200.0
    await many(world, 3)
    await pass_time(world, 200)
    looking = looker(world)
    world.evolink.unreadable.add(f"{EVOLINK}-1")
    assert len(await looking.look()) == 2
    world.evolink.unreadable.clear()
    await pass_time(world, LOOK_EVERY_SECONDS)
    assert len(await looking.look()) == 1
    await until_delivered(world)
