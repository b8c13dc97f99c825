"""Files uploaded for a task are deleted when it has ended or its request is thrown away."""

from dataclasses import replace

import pytest

from bot.domain.errors import Code, Refused
from bot.domain.generation import State
from bot.domain.ids import TaskId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.provider import TaskReport, TaskState
from bot.domain.request import VideoRequest
from tests.fakes.providers import refusal, silence
from tests.unit.services.conftest import World


def with_picture(world: World) -> VideoRequest:
    image = StoredMedia(
        kind=MediaKind.IMAGE,
        path="picture.png",
        mime="image/png",
        size=3,
        sha256="1" * 64,
        width=640,
        height=360,
    )
    world.media.path_of(image).write_bytes(b"png")
    return VideoRequest(prompt="a cat", images=(image,))


async def test_files_go_when_the_video_is_delivered(world: World) -> None:
    worker = world.start()
    generation = (await world.ask(worker, request=with_picture(world))).generation
    await world.until_state(generation.id, State.RUNNING)
    assert (world.evolink.uploads, world.evolink.released) == (["file-0"], [])
    await world.until_over()
    assert world.evolink.released == ["file-0"]


async def test_files_go_when_the_task_failed_also_after_a_restart(world: World) -> None:
    world.evolink.outcomes.append(
        TaskReport(task_id=TaskId("later"), state=TaskState.FAILED, error=refusal(Code.MODERATED))
    )
    worker = world.start()
    generation = (await world.ask(worker, request=with_picture(world))).generation
    await world.until_state(generation.id, State.RUNNING)
    await world.kill(worker)
    world.start()
    await world.until_over()
    assert await world.state(generation.id) is State.FAILED
    assert world.evolink.released == ["file-0"]


async def test_files_of_a_refused_request_go_before_it_is_made_again(world: World) -> None:
    world.evolink.submit_faults.append(("before", refusal(Code.PROVIDER_MODEL_ACCESS)))
    worker = world.start()
    generation = (await world.ask(worker, request=with_picture(world))).generation
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED
    assert world.evolink.released == ["file-0"]
    assert world.apimart.released == world.apimart.uploads


async def test_files_of_a_request_proven_absent_go(world: World) -> None:
    world.evolink.supports_idempotency_keys = False
    world.evolink.submit_faults.append(("before", silence()))
    worker = world.start()
    await world.ask(worker, request=with_picture(world))
    await world.until_over()
    assert world.evolink.released == world.evolink.uploads == ["file-0", "file-1"]


async def test_files_stay_while_the_task_may_still_run(world: World) -> None:
    world.policy = replace(world.policy, running_deadline=120)
    world.evolink.seconds = 10_000
    worker = world.start()
    generation = (await world.ask(worker, request=with_picture(world))).generation
    await world.until_over()
    assert await world.state(generation.id) is State.EXPIRED
    assert world.evolink.released == []


async def test_a_full_files_service_is_the_owners_business_and_another_takes_over(
    world: World,
) -> None:
    world.evolink.prepare_faults.append(
        refusal(Code.PROVIDER_FILES_FULL, retryable=True, retry_after=60)
    )
    worker = world.start()
    generation = (await world.ask(worker, request=with_picture(world))).generation
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED
    assert (world.evolink.posts, world.apimart.posts) == (0, 1)
    assert world.messenger.alerts == [Code.PROVIDER_FILES_FULL]


async def test_words_alone_pass_while_the_files_service_is_full(world: World) -> None:
    """Three requests with pictures wait for room; one without is made meanwhile."""
    world.only_evolink = True
    full = refusal(Code.PROVIDER_FILES_FULL, retryable=True, retry_after=60)
    world.evolink.upload_faults = [full] * 20
    worker = world.start()
    waiting = [(await world.ask(worker, request=with_picture(world))).generation for _ in range(3)]
    await world.until(lambda: len(world.evolink.upload_faults) < 18)
    began = world.clock.seconds
    text = (await world.ask(worker)).generation
    await world.until_state(text.id, State.DELIVERED, seconds=200)
    assert world.clock.seconds - began <= 70
    assert {await world.state(each.id) for each in waiting} == {State.QUEUED}
    with pytest.raises(Refused) as caught:
        await world.ask(worker, request=with_picture(world))
    assert caught.value.code is Code.PROVIDER_TROUBLE
    world.evolink.upload_faults.clear()
    await world.until_over()
    assert {await world.state(each.id) for each in waiting} == {State.DELIVERED}
