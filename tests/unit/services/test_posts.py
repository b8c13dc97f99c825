"""A post whose outcome nobody knows: looked for before it is repeated, here or anywhere else."""

import logging

import pytest
import structlog
from structlog.testing import capture_logs

from bot.domain.errors import Accepted, Code, PostError
from bot.domain.generation import ParkReason, State, TargetKind
from bot.domain.ids import message_nonce
from bot.engine.context import Policy
from bot.engine.steps.posting import NONCE_SECONDS
from bot.services.generate import Receipt
from tests.unit.services.conftest import NOBODY, World

UNKNOWN = PostError(Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN, retry_after=5)
UNANSWERED_LONG = PostError(
    Code.POST_UNKNOWN, accepted=Accepted.UNKNOWN, retry_after=NONCE_SECONDS + 5
)
FORBIDDEN = PostError(Code.POST_FORBIDDEN, accepted=Accepted.NO)


async def asked(world: World) -> Receipt:
    receipt = await world.ask(world.start())
    await world.until_over()
    return receipt


def targets(world: World) -> list[TargetKind]:
    return [target.kind for _, target, _ in world.messenger.videos]


async def test_a_delivered_video_is_one_line_of_the_log(world: World) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as lines:
        receipt = await asked(world)
    (line,) = [line for line in lines if line["event"] == "delivered"]
    assert line["generation"] == receipt.generation.id
    assert line["provider"] == receipt.generation.plan.provider
    assert line["seconds"] > 0
    assert line["since_request"] >= line["since_ready"] >= 0


async def test_a_refusal_after_an_unknown_post_does_not_make_it_two(world: World) -> None:
    world.messenger.post_faults.extend([("after", UNKNOWN), ("before", FORBIDDEN)])
    receipt = await asked(world)
    assert targets(world) == [TargetKind.THREAD]
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


async def test_a_refusal_after_a_post_that_never_arrived_goes_one_rung_down(world: World) -> None:
    world.messenger.post_faults.extend([("before", UNKNOWN), ("before", FORBIDDEN)])
    receipt = await asked(world)
    assert targets(world) == [TargetKind.CHANNEL]
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


@pytest.mark.parametrize("arrived", ["before", "after"])
async def test_where_nobody_can_look_it_is_not_posted_again(world: World, arrived: str) -> None:
    world.messenger.post_faults.append((arrived, UNANSWERED_LONG))
    world.messenger.find_faults.append(FORBIDDEN)
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert row.failure is not None
    assert row.failure.code is Code.POST_UNKNOWN
    assert row.file is not None
    assert world.media.path_of(row.file).exists()
    assert len(world.messenger.videos) == (1 if arrived == "after" else 0)
    assert [reported.id for reported in world.messenger.ended] == [row.id]
    assert (await world.usage()).videos == 0


async def test_where_nobody_can_look_a_young_post_is_repeated_under_its_nonce(world: World) -> None:
    world.messenger.post_faults.append(("after", UNKNOWN))
    world.messenger.find_faults.append(FORBIDDEN)
    receipt = await asked(world)
    assert targets(world) == [TargetKind.THREAD]
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


async def test_a_look_that_fails_for_a_while_only_delays(world: World) -> None:
    world.messenger.post_faults.append(("after", UNANSWERED_LONG))
    world.messenger.find_faults.extend([UNKNOWN] * 3)
    receipt = await asked(world)
    assert targets(world) == [TargetKind.THREAD]
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.messenger.looks == 4


async def test_unknown_to_the_last_it_is_not_posted_elsewhere(world: World) -> None:
    world.messenger.post_faults.append(("after", UNANSWERED_LONG))
    world.policy = Policy(limits=NOBODY, post_deadline=600)
    world.messenger.find_faults.extend([UNKNOWN] * 1000)
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert targets(world) == [TargetKind.THREAD]


async def test_a_calendar_set_back_makes_no_old_post_young(world: World) -> None:
    world.messenger.post_faults.append(("after", UNANSWERED_LONG))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_state(receipt.generation.id, State.POSTING)
    world.clock.ahead = -86_400.0
    await world.until_over()
    assert targets(world) == [TargetKind.THREAD]
    assert world.messenger.looks == 1
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


async def test_a_status_taken_over_is_looked_for_once_more_when_its_answer_is_lost(
    world: World,
) -> None:
    worker = world.start()
    receipt = await world.ask(worker)
    await world.kill(worker)
    world.messenger.status_faults.append(UNKNOWN)
    world.start()
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.place.status_message_id is not None


def lost_file() -> PostError:
    return PostError(Code.POST_INCOMPLETE, accepted=Accepted.NO)


async def test_a_post_without_its_file_is_made_once_more_under_another_nonce(world: World) -> None:
    world.messenger.post_faults.append(("before", lost_file()))
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert targets(world) == [TargetKind.THREAD]
    assert row.state is State.DELIVERED
    assert row.posting is not None
    (_, target, nonce) = world.messenger.videos[0]
    assert nonce != message_nonce(row.id, f"video:{target.kind}:{target.id}")


async def test_a_place_that_loses_files_is_left_for_the_next_one(world: World) -> None:
    world.messenger.post_faults.extend([("before", lost_file())] * 2)
    receipt = await asked(world)
    assert targets(world) == [TargetKind.CHANNEL]
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


async def test_files_lost_everywhere_are_not_charged(world: World) -> None:
    world.messenger.post_faults.extend([("before", lost_file())] * 6)
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert row.failure is not None
    assert row.failure.code is Code.POST_INCOMPLETE
    assert row.file is not None
    assert (await world.usage()).videos == 0


@pytest.mark.parametrize("code", [Code.POST_FILTERED, Code.POST_LINK_BLOCKED])
async def test_a_refused_prompt_is_left_out_in_the_same_place(world: World, code: Code) -> None:
    world.messenger.post_faults.append(("before", PostError(code, accepted=Accepted.NO)))
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert targets(world) == [TargetKind.THREAD]
    assert row.place.without_prompt
    assert row.state is State.DELIVERED


async def test_what_is_refused_without_its_prompt_goes_one_rung_down(world: World) -> None:
    filtered = PostError(Code.POST_FILTERED, accepted=Accepted.NO)
    world.messenger.post_faults.extend([("before", filtered)] * 2)
    await asked(world)
    assert targets(world) == [TargetKind.CHANNEL]


async def test_slow_mode_is_waited_for_in_place_and_said(world: World) -> None:
    slow = PostError(Code.POST_LIMITED, accepted=Accepted.NO, retry_after=900)
    world.messenger.post_faults.append(("before", slow))
    receipt = await world.ask(world.start())
    row = await world.until_state(receipt.generation.id, State.POSTING)
    assert row.park is not None
    assert row.park.reason is ParkReason.DISCORD_LIMITS
    assert (row.park.until - row.updated_at).total_seconds() == pytest.approx(900, abs=1)
    await world.until_over()
    assert targets(world) == [TargetKind.THREAD]


async def test_what_a_server_refuses_as_a_whole_goes_to_a_direct_message(world: World) -> None:
    limited = PostError(Code.POST_UPLOADS_LIMITED, accepted=Accepted.NO)
    world.messenger.post_faults.append(("before", limited))
    await asked(world)
    assert targets(world) == [TargetKind.DIRECT]


async def test_the_end_says_why_it_was_not_posted_where_it_was_asked_for(world: World) -> None:
    locked = PostError(Code.POST_LOCKED, accepted=Accepted.NO)
    world.messenger.post_faults.extend([("before", locked), *[("before", FORBIDDEN)] * 2])
    receipt = await asked(world)
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert row.failure is not None
    assert row.failure.code is Code.POST_LOCKED
