"""A generation's life, from the request to the video, and every way it can end."""

from itertools import pairwise

import pytest

from bot.domain.errors import Accepted, Code, PostError, Refused
from bot.domain.generation import Generation, LiveStatus, State, TargetKind
from bot.domain.ids import TaskId
from bot.domain.limits import Limits
from bot.domain.ports.provider import TaskReport, TaskState
from bot.engine.context import Policy
from bot.engine.status_news import STATUS_SECONDS
from tests.fakes.providers import refusal, silence
from tests.unit.services.conftest import NOBODY, World


async def test_a_request_becomes_a_video_in_its_thread(world: World) -> None:
    worker = world.start()
    receipt = await world.ask(worker)
    assert receipt.quota.usage.videos == 1
    await world.until_over()

    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.announced
    assert world.evolink.posts == 1
    assert row.posting is not None
    assert row.posting.target.kind is TargetKind.THREAD
    assert [v[1].kind for v in world.messenger.videos] == [TargetKind.THREAD]
    assert world.messenger.shown[-1][1] == "delivered"
    used = await world.usage()
    assert (used.videos, used.seconds, used.concurrent) == (1, 5, 0)


async def test_what_is_made_has_no_expected_end_any_more(world: World) -> None:
    worker = world.start()
    world.messenger.post_faults.append(
        ("before", PostError(Code.POST_UNAVAILABLE, accepted=Accepted.NO, retry_after=60))
    )
    generation = (await world.ask(worker)).generation
    running = await world.until_state(generation.id, State.RUNNING)
    assert worker.flights.live_status(running, now=world.clock.now()).eta_at is not None
    posting = await world.until_state(generation.id, State.POSTING)
    assert worker.flights.live_status(posting, now=world.clock.now()).eta_at is None


async def test_few_polls_find_the_end_soon(world: World) -> None:
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    assert world.evolink.polls <= 12
    assert 0 <= world.clock.seconds - 60 < 3


async def test_the_same_interaction_twice_is_one_generation(world: World) -> None:
    worker = world.start()
    first = await world.ask(worker, request_key="interaction:7")
    again = await world.ask(worker, request_key="interaction:7")
    assert again.repeated
    assert again.generation.id == first.generation.id
    await world.until_over()
    assert world.evolink.posts == 1


def outcome(state: TaskState, code: Code | None = None) -> TaskReport:
    error = None if code is None else refusal(code)
    return TaskReport(task_id=TaskId("later"), state=state, error=error)


@pytest.mark.parametrize(
    ("reported", "code"),
    [
        (outcome(TaskState.FAILED, Code.MODERATED), Code.MODERATED),
        (outcome(TaskState.FAILED), Code.PROVIDER_FAILED),
        (outcome(TaskState.CANCELLED), Code.PROVIDER_FAILED),
        (outcome(TaskState.COMPLETED), Code.NO_VIDEO),
    ],
)
async def test_a_task_that_fails_is_released_and_announced(
    world: World, reported: TaskReport, code: Code
) -> None:
    world.evolink.outcomes.append(reported)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.FAILED
    assert row.failure is not None
    assert row.failure.code is code
    assert (await world.usage()).videos == 0
    assert len(world.messenger.ended) == 1


async def test_failed_polls_never_fail_a_generation(world: World) -> None:
    world.evolink.query_faults.extend([silence(Code.PROVIDER_UNAVAILABLE)] * 30)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED


async def test_a_task_that_never_ends_expires_and_is_released(world: World) -> None:
    world.evolink.seconds = 10_000_000
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.EXPIRED
    assert (await world.usage()).videos == 0
    assert world.evolink.polls < 300


async def test_a_dead_link_is_asked_for_again_and_then_given_up(world: World) -> None:
    world.policy = Policy(limits=NOBODY, fetch_deadline=60)
    world.evolink.download_faults.append(refusal(Code.RESULT_GONE))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED

    world.evolink.keeps = 600.0
    world.evolink.refuses_links = lambda _: refusal(Code.RESULT_GONE)
    receipt = await world.ask(worker)
    await world.until_over(seconds=1800)
    row = await world.row(receipt.generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.RESULT_GONE
    assert (await world.usage()).videos == 1


async def test_parallel_requests_cannot_exceed_the_limit(world: World) -> None:
    world.policy = Policy(limits=Limits(videos=3, concurrent=0))
    worker = world.start()
    taken = 0
    for request in [world.ask(worker) for _ in range(10)]:
        try:
            await request
            taken += 1
        except Refused as refused:
            assert refused.code is Code.QUOTA_VIDEOS  # noqa: PT017 - some of them pass
    assert taken == 3


async def test_a_bug_is_tried_again_and_then_ends_as_poison(world: World) -> None:
    world.media.adopt_faults.append(RuntimeError("bug"))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED

    world.media.adopt_faults.extend([RuntimeError("bug")] * 3)
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.failure is not None
    assert (row.state, row.failure.code) == (State.FAILED, Code.INTERNAL)
    assert world.messenger.alerts == [Code.INTERNAL]


async def test_the_first_progress_is_shown_at_once_and_further_progress_every_few_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.policy = Policy(limits=NOBODY, poll_lambda=0.01)
    world.evolink.seconds = 8
    seen: list[tuple[float, int | None]] = []

    async def timed(generation: Generation, live_status: LiveStatus) -> None:
        if generation.state is State.RUNNING:
            seen.append((world.clock.seconds, live_status.progress))

    monkeypatch.setattr(world.messenger, "update_status", timed)
    await world.ask(world.start())
    await world.until_over()
    (begun, _), *progress = seen
    assert progress[0][0] < begun + STATUS_SECONDS
    moments = [moment for moment, _ in progress]
    assert all(later - earlier >= STATUS_SECONDS for earlier, later in pairwise(moments))
