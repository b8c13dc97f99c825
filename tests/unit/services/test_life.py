"""A generation's life, from the request to the video, and every way it can end."""

from datetime import timedelta

import pytest

from bot.domain.errors import Accepted, Code, MediaError, PostError, ProviderError, Refused
from bot.domain.generation import State, TargetKind
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from bot.domain.quota import Limits
from bot.domain.request import Operation, VideoRequest
from bot.engine.context import Policy
from bot.engine.steps.repetition import REPLAYS
from bot.services.cancel import CancelResult
from tests.fakes.ports import APIMART, EVOLINK, START, refusal, silence
from tests.unit.services.conftest import CHANNEL, NOBODY, World


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
    assert (used.videos, used.seconds, used.open) == (1, 5, 0)


async def test_what_is_made_has_no_expected_end_any_more(world: World) -> None:
    worker = world.start()
    world.messenger.post_faults.append(
        ("before", PostError(Code.POST_UNAVAILABLE, definite=True, retry_after=60))
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


async def test_a_replay_turned_away_at_the_door_is_tried_again(world: World) -> None:
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


async def test_a_post_that_never_arrived_is_proven_absent_and_made_anew(world: World) -> None:
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


def outcome(state: TaskState, code: Code | None = None) -> TaskReport:
    error = None if code is None else refusal(code)
    return TaskReport(task_id=TaskId("later"), state=state, error=error)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (outcome(TaskState.FAILED, Code.MODERATED), Code.MODERATED),
        (outcome(TaskState.FAILED), Code.PROVIDER_FAILED),
        (outcome(TaskState.CANCELLED), Code.PROVIDER_FAILED),
        (outcome(TaskState.COMPLETED), Code.NO_VIDEO),
    ],
)
async def test_a_task_that_ends_badly_is_released_and_told(
    world: World, told: TaskReport, code: Code
) -> None:
    world.evolink.outcomes.append(told)
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


async def test_the_ladder_goes_down_to_a_direct_message(world: World) -> None:
    gone = PostError(Code.POST_TARGET_GONE, definite=True)
    world.messenger.post_faults.extend([("before", gone), ("before", gone)])
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.posting is not None
    assert row.posting.target.kind is TargetKind.DIRECT
    assert (await world.usage()).videos == 1


async def test_a_video_nobody_can_be_given_is_kept_and_not_counted(world: World) -> None:
    gone = PostError(Code.POST_FORBIDDEN, definite=True)
    world.messenger.post_faults.extend([("before", gone)] * 3)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.UNDELIVERABLE
    assert row.file is not None
    assert world.media.path_of(row.file).exists()
    assert (await world.usage()).videos == 0


async def test_a_private_video_never_goes_to_the_channel(world: World) -> None:
    gone = PostError(Code.POST_TARGET_GONE, definite=True)
    world.messenger.post_faults.append(("before", gone))
    worker = world.start()
    await world.ask(worker, private=True)
    await world.until_over()
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.DIRECT]


async def test_too_large_is_fitted_again_to_the_limit_learned(world: World) -> None:
    too_large = PostError(Code.POST_TOO_LARGE, definite=True)
    world.messenger.post_faults.append(("before", too_large))
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    assert len(world.media.sizes) == 2
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.THREAD]


async def test_a_full_disk_only_delays(world: World) -> None:
    world.media.fit_faults.extend([MediaError(Code.INTERNAL, reason="disk_full")] * 5)
    worker = world.start()
    await world.ask(worker)
    await world.until_over()
    assert [target.kind for _, target, _ in world.messenger.videos] == [TargetKind.THREAD]


async def test_a_post_without_an_answer_is_not_posted_twice(world: World) -> None:
    unknown = PostError(Code.POST_UNKNOWN, definite=False)
    world.messenger.post_faults.append(("after", unknown))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert len(world.messenger.videos) == 1


async def test_discord_away_for_an_hour_only_delays(world: World) -> None:
    away = PostError(Code.POST_UNAVAILABLE, definite=True, retry_after=120)
    world.messenger.post_faults.extend([("before", away)] * 30)
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    assert (await world.row(receipt.generation.id)).state is State.DELIVERED
    assert world.clock.seconds > 3600


async def test_an_edit_belongs_to_the_conversation_of_its_parent(world: World) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    request = VideoRequest(operation=Operation.EDIT, prompt="at night")
    edit = (await world.ask(worker, request, parent_id=first.id)).generation
    await world.until_over()
    row = await world.row(edit.id)
    assert (row.version, row.parent_version) == (2, 1)
    assert row.conversation_id == first.conversation_id
    assert row.state is State.DELIVERED
    spec = world.evolink.specs[-1]
    assert spec.source is not None
    assert spec.source.task_id == "evolink-1"
    assert spec.plan.seconds == 5


@pytest.mark.parametrize("times", [1, 2])
async def test_an_edit_whose_parents_task_is_gone_is_made_from_the_file_once(
    world: World, times: int
) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    gone = ("before", refusal(Code.PROVIDER_TASK_GONE))
    world.evolink.submit_faults.extend([gone] * times)
    request = VideoRequest(prompt="at night", operation=Operation.EDIT, source_ms=5_000)
    edit = (await world.ask(worker, request, parent_id=first.id)).generation
    await world.until_over()
    row = await world.row(edit.id)
    sources = [spec.source for spec in world.evolink.specs[1:]]
    assert [source.task_id for source in sources if source] == ["evolink-1", None]
    assert sources[1] is not None
    assert sources[1].media is not None
    assert world.evolink.posts == 3
    assert row.state is (State.DELIVERED if times == 1 else State.FAILED)
    assert (await world.usage()).videos == (2 if times == 1 else 1)


@pytest.mark.parametrize("fresh", [True, False])
async def test_discords_link_is_given_where_no_providers_own_names_the_video(
    world: World, *, fresh: bool
) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    await world.until_over()
    world.messenger.links[first.id] = "https://cdn.example/fox-v1.mp4"
    if not fresh:
        world.clock.seconds += 25 * 3600
    world.evolink.submit_faults.append(("before", refusal(Code.PROVIDER_TASK_GONE)))
    request = VideoRequest(prompt="at night", operation=Operation.EDIT, source_ms=5_000)
    await world.ask(worker, request, parent_id=first.id)
    await world.until_over()
    by_task, by_file = (spec.source for spec in world.evolink.specs[1:])
    assert by_task is not None
    assert by_file is not None
    assert (by_task.task_id, by_task.discord_url) == ("evolink-1", None)
    assert by_file.task_id is None
    link = None if fresh else "https://cdn.example/fox-v1.mp4"
    assert (by_file.discord_url, by_file.result_url is None) == (link, not fresh)


async def test_a_submission_still_worked_on_is_waited_for_as_long_as_told(world: World) -> None:
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


async def test_an_unfinished_or_foreign_parent_is_refused(world: World) -> None:
    worker = world.start()
    first = (await world.ask(worker)).generation
    request = VideoRequest(operation=Operation.EDIT, prompt="at night")
    with pytest.raises(Refused) as refused:
        await world.ask(worker, request, parent_id=first.id)
    assert refused.value.code is Code.NOT_FINISHED
    with pytest.raises(Refused) as refused:
        await world.ask(worker, request, parent_id=first.id, guild_id=999)
    assert refused.value.code is Code.NOT_FOUND


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


async def test_cancelling_while_it_waits_ends_and_releases_it_at_once(world: World) -> None:
    world.policy = Policy(
        limits=Limits(videos=0, concurrent=0), max_running={EVOLINK: 1, APIMART: 1}
    )
    worker = world.start()
    first, second, third = [(await world.ask(worker)).generation for _ in range(3)]
    await world.settle()
    assert await world.state(third.id) is State.QUEUED
    result, row = await worker.cancel.request(third.id, viewer=world.viewer())
    assert (result, row.state) == (CancelResult.CANCELLED, State.CANCELLED)
    await world.until_over()
    assert world.evolink.posts + world.apimart.posts == 2
    assert (await world.usage()).videos == 2
    assert {first.id, second.id} == {v[0] for v in world.messenger.videos}


async def test_a_submitted_one_is_dropped_or_kept_as_its_requester_says(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    result, _ = await worker.cancel.request(generation.id, viewer=world.viewer())
    assert result is CancelResult.SUBMITTED
    await worker.cancel.drop(generation.id, viewer=world.viewer())
    await world.until_over()
    assert await world.state(generation.id) is State.CANCELLED
    assert world.messenger.videos == []
    assert (await world.usage()).videos == 1

    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.RUNNING)
    await worker.cancel.drop(generation.id, viewer=world.viewer())
    await worker.cancel.keep(generation.id, viewer=world.viewer())
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED


async def test_nobody_else_may_cancel(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker)).generation
    with pytest.raises(Refused) as refused:
        await worker.cancel.request(generation.id, viewer=world.viewer(2))
    assert refused.value.code is Code.NOT_YOURS
    result, _ = await worker.cancel.request(generation.id, viewer=world.viewer(2, moderator=True))
    assert result is not CancelResult.ENDED


async def test_a_channel_that_cannot_be_written_to_does_not_stop_the_video(world: World) -> None:
    world.messenger.status_faults.append(PostError(Code.POST_FORBIDDEN, definite=True))
    worker = world.start()
    receipt = await world.ask(worker)
    await world.until_over()
    row = await world.row(receipt.generation.id)
    assert row.state is State.DELIVERED
    assert row.place.status_message_id is None
    assert row.place.channel_id == CHANNEL


async def test_a_fault_of_our_own_is_tried_again_and_then_ends_as_poison(world: World) -> None:
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
