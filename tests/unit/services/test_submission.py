"""Submitting: which provider takes over, what a lost answer means, and what is asked again."""

from datetime import timedelta

import pytest

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.generation import State
from bot.engine.steps.repetition import REPLAYS
from tests.fakes.ports import START
from tests.fakes.providers import APIMART, EVOLINK, refusal, silence
from tests.unit.services.conftest import World


@pytest.mark.parametrize(
    "code",
    [
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_MODEL_ACCESS,
        Code.PROVIDER_RATE_LIMITED,
        Code.PROVIDER_UNAVAILABLE,
    ],
)
async def test_another_provider_takes_over_a_definite_refusal(world: World, code: Code) -> None:
    world.evolink.submit_faults.append(
        ("before", refusal(code, retryable=code is Code.PROVIDER_RATE_LIMITED, retry_after=60))
    )
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.plan.provider == APIMART
    assert (world.evolink.posts, world.apimart.posts) == (1, 1)


async def test_a_moderated_prompt_is_not_tried_elsewhere_and_not_counted(world: World) -> None:
    world.evolink.submit_faults.append(("before", refusal(Code.MODERATED)))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.FAILED
    assert row.failure is not None
    assert row.failure.code is Code.MODERATED
    assert world.apimart.posts == 0
    assert (await world.usage()).videos == 0
    assert [g.id for g in world.messenger.ended] == [receipt.generation.id]


async def test_when_all_are_without_money_the_owner_hears_and_the_user_pays_nothing(
    world: World,
) -> None:
    for provider in (world.evolink, world.apimart):
        provider.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.PROVIDER_BALANCE
    assert world.messenger.alerts == [Code.PROVIDER_BALANCE] * 2
    assert (await world.usage()).videos == 0


async def test_a_busy_provider_is_waited_for_when_there_is_no_other(world: World) -> None:
    world.apimart.submit_faults.append(("before", refusal(Code.PROVIDER_BALANCE)))
    world.evolink.submit_faults.append(
        ("before", refusal(Code.PROVIDER_RATE_LIMITED, retryable=True, retry_after=60))
    )
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.plan.provider == EVOLINK
    assert world.evolink.posts == 2


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(world: World) -> None:
    world.evolink.submit_faults.append(("after", silence()))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.evolink.posts == 2
    assert len(world.evolink.tasks) == 1
    assert world.apimart.posts == 0


async def test_a_replay_refused_before_it_was_accepted_is_tried_again(world: World) -> None:
    world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    world.evolink.submit_faults.extend(
        [
            ("before", refusal(Code.PROVIDER_RATE_LIMITED)),
            ("before", refusal(Code.PROVIDER_BALANCE)),
        ]
    )
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert len(world.evolink.tasks) == 1
    assert world.apimart.posts == 0


@pytest.mark.parametrize(
    "code",
    [
        Code.PROVIDER_REJECTED,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_MODEL_ACCESS,
        Code.MODERATED,
        Code.MEDIA_UNAVAILABLE,
    ],
)
@pytest.mark.parametrize("times", [1, REPLAYS + 2])
async def test_a_refused_replay_proves_nothing_about_the_first_post(
    world: World, code: Code, times: int
) -> None:
    """The first POST was taken: no other provider is paid, and nobody hears "refused"."""
    world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    world.evolink.submit_faults.extend([("before", refusal(code))] * times)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert len(world.evolink.tasks) == 1
    assert world.apimart.posts == 0
    if row.state is not State.DELIVERED:
        assert times > 1
        assert row.failure is not None
        assert row.failure.code is Code.SUBMIT_UNKNOWN
        assert world.clock.seconds >= world.policy.unknown_deadline


async def test_without_keys_a_lost_answer_is_never_guessed_from_the_list(world: World) -> None:
    world.evolink.supports_idempotency_keys = False
    world.evolink.submit_faults.append(("after", silence()))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.SUBMIT_UNKNOWN
    assert world.evolink.posts == 1
    assert len(world.evolink.tasks) == 1
    assert world.messenger.videos == []


async def test_the_one_unexplained_task_of_the_account_is_never_taken_for_ours(
    world: World,
) -> None:
    """Another application made it; ours never arrived."""
    world.evolink.supports_idempotency_keys = False
    world.evolink.submit_faults.append(("before", silence()))
    world.evolink.foreign.append(START + timedelta(seconds=1))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.SUBMIT_UNKNOWN
    assert world.evolink.tasks == {}
    assert world.messenger.videos == []


async def test_a_post_that_never_arrived_is_proven_absent_and_made_again(world: World) -> None:
    world.evolink.supports_idempotency_keys = False
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert len(world.evolink.tasks) == 1


async def test_an_outcome_nobody_can_find_out_ends_released_and_the_owner_hears(
    world: World,
) -> None:
    world.evolink.supports_idempotency_keys = world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.FAILED
    assert row.failure is not None
    assert row.failure.code is Code.SUBMIT_UNKNOWN
    assert Code.SUBMIT_UNKNOWN in world.messenger.alerts
    assert world.evolink.posts == 1
    assert (await world.usage()).videos == 0


async def test_a_submission_still_in_work_is_waited_for_as_long_as_asked(world: World) -> None:
    busy = ProviderError(
        Code.SUBMIT_UNKNOWN, accepted=Accepted.UNKNOWN, retryable=True, retry_after=40.0
    )
    world.evolink.can_list_tasks = False
    world.evolink.submit_faults.append(("after", silence()))
    # More often than a request may be repeated: these answers use no repetition up.
    world.evolink.submit_faults.extend([("before", busy)] * (REPLAYS + 2))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert len(world.evolink.tasks) == 1
    assert world.evolink.posts == REPLAYS + 4
    assert world.clock.seconds >= (REPLAYS + 2) * 40


@pytest.mark.parametrize("first", [True, False])
async def test_where_the_provider_cannot_tell_the_request_is_not_repeated(
    world: World, *, first: bool
) -> None:
    lost = ProviderError(Code.SUBMIT_UNKNOWN, accepted=Accepted.UNKNOWN)
    world.evolink.can_list_tasks = False
    answers = [lost] if first else [silence(), lost]
    world.evolink.submit_faults.extend(("after", answer) for answer in answers)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert world.evolink.posts == len(answers)
    assert world.apimart.posts == 0
    assert row.failure is not None
    assert row.failure.code is Code.SUBMIT_UNKNOWN
