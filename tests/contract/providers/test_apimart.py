"""What APIMart alone is like: no duration, no video uploads, edits by the task's name."""

from typing import Any, cast

import pytest

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import PreparedTask, SourceVideo, TaskState
from bot.providers.evolink import EvoLink
from tests.contract.providers.counter import APIMART, EVOLINK, Counter, counter


async def test_an_own_video_is_edited_by_its_task(apimart: Counter) -> None:
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


async def test_the_ways_of_giving_a_video_in_their_order(apimart: Counter) -> None:
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
    async with counter(EVOLINK, directories[0], rendered) as other:
        gateway = cast("EvoLink", other.provider)

        async def host(media: StoredMedia) -> str:
            (other.root / media.path).write_bytes((desk.root / media.path).read_bytes())
            return await gateway.host_video(media)

        async with counter(APIMART, directories[1], rendered, video_host=host) as desk:
            source = await desk.video()
            way = SourceVideo(media=source, discord_url="https://cdn.example/a.mp4")
            submission = await desk.submitted(Mode.EDIT, source=way)
            report = await desk.finished(submission.task_id)
            assert report.state is TaskState.COMPLETED
            assert other.upload_count == 1
            other.fault("upload", "status", status=500)
            other.bench.clock.advance(49 * 3600)
            prepared = await desk.prepared(Mode.EDIT, source=way)
            assert prepared.body["video_urls"] == ["https://cdn.example/a.mp4"]


async def test_media_without_a_prompt(apimart: Counter) -> None:
    prepared = await apimart.prepared(Mode.IMAGE, prompt="", images=(apimart.image(),))
    assert "prompt" not in prepared.body
    await apimart.provider.submit(prepared, key="retake-generation-1")


async def test_sixteen_pictures(apimart: Counter) -> None:
    images = tuple(apimart.image("red", (64 + n, 36)) for n in range(16))
    submission = await apimart.submitted(Mode.IMAGE, images=images)
    assert len(apimart.standin.tasks[submission.task_id].submission.images) == 16


async def test_a_duration_is_never_sent(apimart: Counter) -> None:
    prepared = await apimart.prepared(duration=5)
    assert "duration" not in prepared.body
    assert set(prepared.body) == {"model", "prompt", "aspect_ratio", "resolution"}


async def test_the_shape_follows_what_is_given(apimart: Counter) -> None:
    tall, wide = apimart.image("red", (36, 64)), apimart.image("red", (64, 36))

    async def aspect(**wishes: Any) -> Any:
        return (await apimart.prepared(Mode.IMAGE, **wishes)).body["aspect_ratio"]

    assert await aspect(images=(tall,)) == "9:16"
    assert await aspect(images=(wide,)) == "16:9"
    assert await aspect(images=(tall,), aspect_ratio="16:9") == "16:9"
    video = apimart.keep("tall.mp4", b"x", width=90, height=160)
    source = SourceVideo(media=video, result_url="https://r.example/a.mp4")
    edit = await apimart.prepared(Mode.EDIT, source=source)
    assert edit.body["aspect_ratio"] == "9:16"


async def test_the_older_shape_of_an_accepted_task(apimart: Counter) -> None:
    apimart.standin.settings.url_as_string = True
    submission = await apimart.submitted()
    report = await apimart.finished(submission.task_id)
    assert len(report.urls) == 1


async def test_a_refusal_under_a_good_status(apimart: Counter) -> None:
    apimart.fault("submit", "status", status=200, message="no")
    with pytest.raises(ProviderError) as caught:
        await apimart.submitted()
    assert caught.value.code is Code.PROVIDER_REJECTED
    assert caught.value.accepted is Accepted.NO
    assert isinstance(await apimart.prepared(), PreparedTask)
