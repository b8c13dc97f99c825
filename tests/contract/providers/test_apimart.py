"""What APIMart alone is like: no duration, no video uploads, edits by task, words of its own."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError, Refused
from bot.domain.ids import TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import PreparedTask, SourceVideo, TaskState
from bot.providers.evolink import EvoLink
from bot.providers.uploads import HostedFile
from tests.contract.providers.adapter_harness import APIMART, EVOLINK, AdapterHarness, open_harness


async def test_an_own_video_is_edited_by_its_task(apimart: AdapterHarness) -> None:
    first = await apimart.submitted()
    await apimart.finished(first.task_id)
    prepared = await apimart.prepared(
        Mode.EDIT,
        source=SourceVideo(task_id=first.task_id, result_url="https://cdn.example.com/x.mp4"),
    )
    assert prepared.body["extend_from_task_id"] == first.task_id
    assert "video_urls" not in prepared.body
    second = await apimart.provider.submit(prepared, key="retake-generation-2")
    report = await apimart.finished(second.task_id)
    assert report.state is TaskState.COMPLETED
    assert apimart.standin.tasks[second.task_id].submission.mode.value == "edit"


async def test_the_ways_of_giving_a_video_in_their_order(apimart: AdapterHarness) -> None:
    source = await apimart.video()
    result, discord = "https://r.example/a.mp4", "https://cdn.example/a.mp4"

    async def urls(way: SourceVideo) -> Any:
        return (await apimart.prepared(Mode.EDIT, source=way)).body["video_urls"]

    everything = SourceVideo(result_url=result, media=source, discord_url=discord)
    assert await urls(everything) == [result]
    assert await urls(SourceVideo(media=source, discord_url=discord)) == [discord]
    with pytest.raises(ProviderError) as caught:
        await urls(SourceVideo(media=source))
    assert caught.value.accepted is Accepted.NO
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE


async def test_evolink_hosts_a_video_for_apimart(tmp_path: Any, rendered: Any) -> None:
    directories = [tmp_path / name for name in ("evolink", "apimart")]
    for directory in directories:
        directory.mkdir()
    async with open_harness(EVOLINK, directories[0], rendered) as other:
        provider = cast("EvoLink", other.provider)

        class Host:
            async def host_video(self, media: StoredMedia) -> HostedFile:
                (other.root / media.path).write_bytes((harness.root / media.path).read_bytes())
                return await provider.host_video(media)

            async def release(self, uploads: Sequence[str]) -> None:
                await provider.release(uploads)

        async with open_harness(APIMART, directories[1], rendered, video_host=Host()) as harness:
            source = await harness.video()
            way = SourceVideo(media=source, discord_url="https://cdn.example/a.mp4")
            prepared = await harness.prepared(Mode.EDIT, source=way)
            submission = await harness.provider.submit(prepared, key="retake-generation-1")
            report = await harness.finished(submission.task_id)
            assert report.state is TaskState.COMPLETED
            assert other.files_held() == 1
            await harness.provider.release(prepared.uploads)
            assert other.files_held() == 0
            other.fault("upload", "status", status=500)
            prepared = await harness.prepared(Mode.EDIT, source=way)
            assert prepared.body["video_urls"] == ["https://cdn.example/a.mp4"]
            assert prepared.uploads == ()


async def test_media_without_a_prompt(apimart: AdapterHarness) -> None:
    prepared = await apimart.prepared(Mode.IMAGE, prompt="", images=(apimart.image(),))
    assert "prompt" not in prepared.body
    await apimart.provider.submit(prepared, key="retake-generation-1")


async def test_sixteen_pictures(apimart: AdapterHarness) -> None:
    images = tuple(apimart.image("red", (64 + n, 36)) for n in range(16))
    submission = await apimart.submitted(Mode.IMAGE, images=images)
    assert len(apimart.standin.tasks[submission.task_id].submission.images) == 16


async def test_a_duration_is_never_sent(apimart: AdapterHarness) -> None:
    prepared = await apimart.prepared(duration=5)
    assert "duration" not in prepared.body
    assert set(prepared.body) == {"model", "prompt", "aspect_ratio", "resolution"}


async def test_the_shape_follows_what_is_given(apimart: AdapterHarness) -> None:
    tall, wide = apimart.image("red", (36, 64)), apimart.image("red", (64, 36))

    async def aspect(**options: Any) -> Any:
        return (await apimart.prepared(Mode.IMAGE, **options)).body["aspect_ratio"]

    assert await aspect(images=(tall,)) == "9:16"
    assert await aspect(images=(wide,)) == "16:9"
    assert await aspect(images=(tall,), aspect_ratio="16:9") == "16:9"
    video = apimart.keep("tall.mp4", b"x", width=90, height=160)
    source = SourceVideo(media=video, result_url="https://r.example/a.mp4")
    edit = await apimart.prepared(Mode.EDIT, source=source)
    assert edit.body["aspect_ratio"] == "9:16"


async def test_the_older_shape_of_an_accepted_task(apimart: AdapterHarness) -> None:
    apimart.standin.settings.url_as_string = True
    submission = await apimart.submitted()
    report = await apimart.finished(submission.task_id)
    assert len(report.urls) == 1


NEWER = "omni-flash-1.1"


@pytest.mark.parametrize(
    ("mode", "task"),
    [
        (Mode.TEXT, "text_to_video"),
        (Mode.IMAGE, "image_to_video"),
        (Mode.REFERENCE, "reference_to_video"),
        (Mode.EDIT, "edit"),
        (Mode.EXTEND, "extend"),
    ],
)
async def test_the_newer_model_gets_the_meaning_of_the_inputs(
    apimart: AdapterHarness, mode: Mode, task: str
) -> None:
    parent = await apimart.submitted(model=NEWER, key="retake-generation-parent")
    await apimart.finished(parent.task_id)
    pictures = (apimart.image(),) if mode in {Mode.IMAGE, Mode.REFERENCE} else ()
    source = SourceVideo(task_id=parent.task_id) if mode in {Mode.EDIT, Mode.EXTEND} else None
    prepared = await apimart.prepared(mode, model=NEWER, images=pictures, source=source)
    assert prepared.body["metadata"] == {"task": task}
    taken = await apimart.provider.submit(prepared, key="retake-generation-1")
    assert apimart.standin.tasks[taken.task_id].submission.mode.value == mode.value
    report = await apimart.finished(taken.task_id)
    assert report.state is TaskState.COMPLETED


async def test_the_first_generation_gets_no_option_that_it_does_not_know(
    apimart: AdapterHarness,
) -> None:
    pictures = (apimart.image(),)
    prepared = await apimart.prepared(Mode.IMAGE, images=pictures)
    assert set(prepared.body) == {"model", "prompt", "image_urls", "aspect_ratio", "resolution"}


async def test_frames_and_references_are_ten_at_most(apimart: AdapterHarness) -> None:
    pictures = tuple(apimart.image("red", (64 + n, 36)) for n in range(10))
    prepared = await apimart.prepared(
        Mode.IMAGE, model=NEWER, images=pictures[:9], last_frame=pictures[9]
    )
    assert len(prepared.body["image_urls"]) == 8
    taken = await apimart.provider.submit(prepared, key="retake-generation-1")
    given = apimart.standin.tasks[taken.task_id].submission
    assert given.first_frame == prepared.body["first_frame_image"]
    assert given.last_frame == prepared.body["last_frame_image"]
    with pytest.raises(Refused) as caught:
        apimart.spec(Mode.IMAGE, model=NEWER, images=pictures, last_frame=pictures[0])
    assert caught.value.code is Code.TOO_MANY_IMAGES


async def test_a_length_that_was_asked_for_is_said_in_the_prompt(apimart: AdapterHarness) -> None:
    asked = apimart.spec(model=NEWER, duration=7)
    assert [(c.applied, c.spoken) for c in asked.plan.adjustments] == [("7", True)]
    prepared = await apimart.provider.prepare(asked)
    assert prepared.body["prompt"] == "a red apple\n\nThe video is 7 seconds long."
    assert "duration" not in prepared.body
    for requested in (None, "auto"):
        left = apimart.spec(model=NEWER, duration=requested)
        assert not left.plan.adjustments
        assert (await apimart.provider.prepare(left)).body["prompt"] == "a red apple"
    alone = await apimart.prepared(
        Mode.IMAGE, model=NEWER, prompt="", images=(apimart.image(),), duration=3
    )
    assert alone.body["prompt"] == "The video is 3 seconds long."
    source = SourceVideo(result_url="https://r.example/a.mp4")
    longer = await apimart.prepared(Mode.EXTEND, model=NEWER, source=source, duration=4)
    assert longer.body["prompt"] == "a red apple\n\nExtend the video by 4 seconds."


async def test_an_edit_keeps_the_shape_of_its_source(apimart: AdapterHarness) -> None:
    tall = apimart.keep("tall.mp4", b"x", width=90, height=160)
    by_task = SourceVideo(task_id=TaskId("task_1"), media=tall)
    by_link = SourceVideo(result_url="https://r.example/a.mp4", media=tall)
    asked = apimart.spec(Mode.EDIT, model=NEWER, source=by_task, aspect_ratio="16:9")
    assert [(c.option, c.applied) for c in asked.plan.adjustments] == [("aspect_ratio", None)]
    prepared = await apimart.provider.prepare(asked)
    assert prepared.body["aspect_ratio"] == "9:16"
    linked = await apimart.prepared(Mode.EDIT, model=NEWER, source=by_link)
    assert "aspect_ratio" not in linked.body


@pytest.mark.parametrize(
    ("fault", "code", "accepted", "retryable"),
    [
        (
            {"status": 409, "code": "idempotency_in_progress", "retry_after": 7},
            Code.SUBMIT_UNKNOWN,
            Accepted.UNKNOWN,
            True,
        ),
        (
            {"status": 409, "code": "idempotency_result_indeterminate"},
            Code.SUBMIT_UNKNOWN,
            Accepted.UNKNOWN,
            False,
        ),
        (
            {"status": 409, "code": "idempotency_key_reused"},
            Code.SUBMIT_UNKNOWN,
            Accepted.UNKNOWN,
            False,
        ),
        (
            {"status": 503, "code": "idempotency_unavailable"},
            Code.PROVIDER_UNAVAILABLE,
            Accepted.NO,
            True,
        ),
        ({"status": 503}, Code.PROVIDER_UNAVAILABLE, Accepted.UNKNOWN, True),
        (
            {"status": 500, "message": "build_request_failed: invalid aspect_ratio: 3:5"},
            Code.PROVIDER_REJECTED,
            Accepted.NO,
            False,
        ),
        ({"status": 500}, Code.PROVIDER_UNAVAILABLE, Accepted.UNKNOWN, True),
    ],
)
async def test_what_a_refusal_says_of_the_money(
    apimart: AdapterHarness, fault: dict[str, Any], code: Code, accepted: Accepted, retryable: bool
) -> None:
    apimart.fault("submit", "status", **fault)
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted()
    reported = caught.value
    assert (reported.code, reported.accepted, reported.retryable) == (code, accepted, retryable)
    assert reported.retry_after == fault.get("retry_after")


async def test_a_key_with_another_body_reveals_nothing_of_the_first(
    apimart: AdapterHarness,
) -> None:
    await apimart.submitted(key="retake-generation-1")
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted(key="retake-generation-1", prompt="a green apple")
    assert caught.value.facts["provider_code"] == "idempotency_key_reused"
    assert (caught.value.accepted, caught.value.retryable) == (Accepted.UNKNOWN, False)


async def test_a_source_that_is_gone_is_not_any_refusal(apimart: AdapterHarness) -> None:
    lost = SourceVideo(task_id=TaskId("task_01KS1H7ZYSJWH1N779S2FSHTKA"))
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted(Mode.EDIT, model=NEWER, source=lost)
    assert caught.value.code is Code.PROVIDER_TASK_GONE
    assert caught.value.accepted is Accepted.NO
    apimart.fault("submit", "status", status=400, message="the prompt is too long")
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted(Mode.EDIT, model=NEWER, source=lost)
    assert caught.value.code is Code.PROVIDER_REJECTED


async def test_a_failed_task_is_given_back(apimart: AdapterHarness) -> None:
    apimart.fault("task", "fail")
    taken = await apimart.submitted()
    report = await apimart.finished(taken.task_id)
    assert report.state is TaskState.FAILED
    assert report.error is not None
    assert not report.error.charged


async def test_what_was_spent_is_what_was_delivered(apimart: AdapterHarness) -> None:
    await apimart.finished((await apimart.submitted(model=NEWER, duration=5)).task_id)
    apimart.fault("task", "fail")
    lost = await apimart.submitted(model=NEWER, key="retake-generation-2")
    await apimart.finished(lost.task_id)
    now = apimart.time.now()
    assert await apimart.provider.spent(since=now - timedelta(days=30)) == 5 * 88_000
    assert await apimart.provider.spent(since=now - timedelta(seconds=1)) == 0


async def test_what_was_spent_is_unknown_rather_than_nothing(apimart: AdapterHarness) -> None:
    apimart.fault("usage", "status", status=503, code="usage_unavailable")
    with pytest.raises(ProviderError):
        await apimart.provider.spent(since=apimart.time.now() - timedelta(days=30))


async def test_the_models_it_lists(apimart: AdapterHarness) -> None:
    listed = await apimart.provider.listed_models()
    assert listed == {"gemini-omni-flash-preview", "gemini-omni-1.1-flash"}
    for status in (404, 405):
        apimart.fault("models", "status", status=status)
        assert await apimart.provider.listed_models() is None


async def test_a_refusal_under_a_good_status(apimart: AdapterHarness) -> None:
    apimart.fault("submit", "status", status=200, message="no")
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted()
    assert caught.value.code is Code.PROVIDER_REJECTED
    assert caught.value.accepted is Accepted.NO
    assert isinstance(await apimart.prepared(), PreparedTask)


async def test_one_picture_is_handed_over_once(apimart: AdapterHarness) -> None:
    image = apimart.image()
    first = await apimart.prepared(Mode.IMAGE, images=(image,))
    second = await apimart.prepared(Mode.IMAGE, images=(image,))
    assert first.body == second.body
    assert apimart.upload_count == 1
    apimart.bench.clock.advance(timedelta(hours=49).total_seconds())
    third = await apimart.prepared(Mode.IMAGE, images=(image,))
    assert apimart.upload_count == 2
    assert third.body != first.body


async def test_a_refused_picture_is_uploaded_again(apimart: AdapterHarness) -> None:
    prepared = await apimart.prepared(Mode.IMAGE, images=(apimart.image(),))
    apimart.fault("submit", "status", status=400)
    with pytest.raises(ProviderError):
        await apimart.provider.submit(prepared, key="retake-generation-1")
    await apimart.prepared(Mode.IMAGE, images=(apimart.image(),))
    assert apimart.upload_count == 2
