"""What EvoLink alone can do: batches, finding by list, callbacks, videos hosted for others."""

from datetime import datetime, timedelta

import pytest

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import SourceVideo
from tests.contract.providers.adapter_harness import AdapterHarness


def now(harness: AdapterHarness) -> datetime:
    return harness.time.now()


async def test_fifty_tasks_cost_one_call(evolink: AdapterHarness) -> None:
    evolink.standin.balance_usd = 1000
    ids = [(await evolink.submitted(key=f"retake-generation-{n:04}")).task_id for n in range(50)]
    before = evolink.standin.counts["batch"]
    reports = await evolink.provider.query_many(ids)
    assert set(reports) == set(ids)
    assert evolink.standin.counts["batch"] == before + 1


async def test_a_batch_that_fails_says_nothing_about_its_tasks(evolink: AdapterHarness) -> None:
    submission = await evolink.submitted()
    for kind in ("malformed", "html", "drop_after"):
        evolink.fault("batch", kind)
        with pytest.raises(ProviderError) as caught:
            await evolink.provider.query_many([submission.task_id])
        assert caught.value.retryable


async def test_absence_is_proven_only_after_a_while(evolink: AdapterHarness) -> None:
    prepared = await evolink.prepared()
    since = now(evolink)
    assert not await evolink.provider.proves_absent(prepared, since=since)
    evolink.bench.clock.advance(121)
    assert await evolink.provider.proves_absent(prepared, since=since)
    just_sent = now(evolink)
    assert not await evolink.provider.proves_absent(prepared, since=since, sent_at=just_sent)


async def test_an_unknown_task_in_the_list_leaves_it_open(evolink: AdapterHarness) -> None:
    prepared = await evolink.prepared()
    other = await evolink.submitted(key="retake-generation-other")
    since = now(evolink)
    evolink.fault("submit", "drop_after")
    with pytest.raises(ProviderError):
        await evolink.provider.submit(prepared, key="retake-generation-1")
    lost = TaskId(evolink.standin.paid[-1])
    evolink.bench.clock.advance(121)

    async def absent(*known: TaskId) -> bool:
        return await evolink.provider.proves_absent(prepared, since=since, known=known)

    assert not await absent()
    assert not await absent(other.task_id)
    assert not await absent(lost)
    assert await absent(other.task_id, lost)


async def test_a_foreign_task_of_the_account_leaves_it_open(evolink: AdapterHarness) -> None:
    prepared = await evolink.prepared()
    since = now(evolink)
    evolink.standin.make_foreign_task(prepared.model_id)
    evolink.bench.clock.advance(121)
    assert not await evolink.provider.proves_absent(prepared, since=since)


@pytest.mark.parametrize("ahead", [-3600, 3600])
async def test_a_task_is_seen_by_a_clock_that_is_wrong(
    evolink: AdapterHarness, ahead: float
) -> None:
    evolink.time.ahead = ahead
    prepared = await evolink.prepared()
    since = now(evolink)
    evolink.fault("submit", "drop_after")
    with pytest.raises(ProviderError):
        await evolink.provider.submit(prepared, key="retake-generation-1")
    evolink.bench.clock.advance(121)
    assert not await evolink.provider.proves_absent(prepared, since=since)


async def test_older_tasks_and_other_models_do_not_count(evolink: AdapterHarness) -> None:
    await evolink.submitted(key="retake-generation-old")
    evolink.bench.clock.advance(3600)
    since = now(evolink)
    await evolink.submitted(key="retake-generation-new", model="omni-flash-1.1")
    evolink.bench.clock.advance(121)
    assert await evolink.provider.proves_absent(await evolink.prepared(), since=since)


async def test_a_long_list_is_read_page_by_page(evolink: AdapterHarness) -> None:
    evolink.standin.balance_usd = 1000
    since = now(evolink)
    ids = [(await evolink.submitted(key=f"retake-generation-{n:04}")).task_id for n in range(60)]
    evolink.bench.clock.advance(121)
    prepared = await evolink.prepared()
    assert not await evolink.provider.proves_absent(prepared, since=since, known=ids[1:])
    assert await evolink.provider.proves_absent(prepared, since=since, known=ids)
    evolink.fault("list", "status", status=500)
    with pytest.raises(ProviderError) as caught:
        await evolink.provider.proves_absent(prepared, since=since, known=ids)
    assert caught.value.code is Code.PROVIDER_UNAVAILABLE


async def test_the_callback_is_asked_for(evolink: AdapterHarness) -> None:
    url = f"{evolink.bench.url}/callbacks/evolink/g/signature"
    submission = await evolink.submitted(callback_url=url)
    assert evolink.provider.supports_callbacks
    reported = evolink.standin.tasks[submission.task_id].submission
    assert reported.callback_url == url


async def test_a_refused_video_upload_falls_back_to_a_link(evolink: AdapterHarness) -> None:
    source = await evolink.video()
    url = evolink.bench.serve("source.mp4", (evolink.root / source.path).read_bytes())
    evolink.fault("upload", "status", status=415)
    way = SourceVideo(media=source, discord_url=url)
    prepared = await evolink.prepared(Mode.EDIT, source=way)
    assert prepared.body["video_urls"] == [url]
    await evolink.provider.submit(prepared, key="retake-generation-1")


async def test_a_valid_link_of_a_provider_needs_no_upload(evolink: AdapterHarness) -> None:
    source = await evolink.video()
    url = evolink.bench.serve("source.mp4", (evolink.root / source.path).read_bytes())
    prepared = await evolink.prepared(
        Mode.EDIT, source=SourceVideo(media=source, result_url=url, discord_url="https://d.ex/a")
    )
    assert (prepared.body["video_urls"], prepared.uploads) == ([url], ())
    assert evolink.files_held() == 0


async def test_every_request_has_files_of_its_own_until_they_are_released(
    evolink: AdapterHarness,
) -> None:
    images = (evolink.image("red"), evolink.image("blue"), evolink.image("red"))
    first = await evolink.prepared(Mode.REFERENCE, model="omni-flash-1.1", images=images)
    second = await evolink.prepared(Mode.REFERENCE, model="omni-flash-1.1", images=images)
    assert len(first.uploads) == len(second.uploads) == 2
    assert not set(first.uploads) & set(second.uploads)
    assert evolink.files_held() == 4
    await evolink.provider.release(first.uploads)
    assert evolink.files_held() == 2
    await evolink.provider.release(first.uploads)
    assert evolink.files_held() == 2
    await evolink.provider.submit(second, key="retake-generation-1")


@pytest.mark.parametrize("kind", ["status", "html", "drop_before"])
async def test_a_release_never_fails(evolink: AdapterHarness, kind: str) -> None:
    image = evolink.image()
    prepared = await evolink.prepared(Mode.IMAGE, model="omni-flash-1.1", images=(image,))
    evolink.fault("upload", kind)
    await evolink.provider.release([*prepared.uploads, "file/../odd id"])


async def test_a_request_that_cannot_be_prepared_leaves_no_file(evolink: AdapterHarness) -> None:
    images = (evolink.image("red"), evolink.image("blue"))
    evolink.standin.faults.add(on="upload", kind="delay", seconds=0)
    evolink.fault("upload", "status", status=500)
    with pytest.raises(ProviderError):
        await evolink.prepared(Mode.REFERENCE, model="omni-flash-1.1", images=images)
    assert evolink.files_held() == 0


async def fill(evolink: AdapterHarness) -> list[str]:
    """Use up the quota of 100 files."""
    files: list[str] = []
    for number in range(100):
        image = evolink.image("red", (64 + number, 36))
        prepared = await evolink.prepared(Mode.IMAGE, model="omni-flash-1.1", images=(image,))
        files += prepared.uploads
    return files


async def test_a_full_files_service_is_reported_and_stops_no_texts(evolink: AdapterHarness) -> None:
    files = await fill(evolink)
    image = evolink.image("blue")
    for fault in (None, {"status": 403, "code": "forbidden"}, {"status": 400, "code": 400}):
        if fault is not None:
            evolink.fault("upload", "status", **fault)
        with pytest.raises(ProviderError) as caught:
            await evolink.prepared(Mode.IMAGE, model="omni-flash-1.1", images=(image,))
        error = caught.value
        assert (error.code, error.accepted) == (Code.PROVIDER_FILES_FULL, Accepted.NO)
        assert error.retryable
    await evolink.submitted(model="omni-flash-1.1")
    small = await evolink.prepared(Mode.IMAGE, images=(image,))
    await evolink.provider.submit(small, key="retake-generation-2")
    await evolink.provider.release(files[:1])
    await evolink.prepared(Mode.IMAGE, model="omni-flash-1.1", images=(image,))


async def test_a_small_picture_goes_inside_the_request_where_the_page_allows_it(
    evolink: AdapterHarness,
) -> None:
    image = evolink.image()
    prepared = await evolink.prepared(Mode.IMAGE, images=(image,))
    assert (len(str(prepared.body)) < 500, prepared.uploads) == (True, ())
    submission = await evolink.provider.submit(prepared, key="retake-generation-1")
    again = await evolink.provider.submit(prepared, key="retake-generation-1")
    assert submission.task_id == again.task_id
    sent = evolink.standin.tasks[submission.task_id].submission.images
    assert sent[0].startswith("data:image/png;base64,")
    (evolink.root / image.path).unlink()
    with pytest.raises(ProviderError) as caught:
        await evolink.provider.submit(prepared, key="retake-generation-2")
    assert caught.value.code is Code.MEDIA_UNAVAILABLE


async def test_an_upload_that_may_work_later_is_no_reason_for_a_worse_way(
    evolink: AdapterHarness,
) -> None:
    source = await evolink.video()
    evolink.fault("upload", "status", status=503)
    with pytest.raises(ProviderError) as caught:
        await evolink.prepared(
            Mode.EDIT, source=SourceVideo(media=source, discord_url="https://cdn.example/x")
        )
    assert caught.value.retryable


async def test_the_reservation_is_reported(evolink: AdapterHarness) -> None:
    submission = await evolink.submitted()
    task = evolink.standin.tasks[submission.task_id]
    assert submission.reserved_micro_usd == pytest.approx(task.reserved_micro, rel=0.01)


async def test_auto_duration_is_sent_as_the_word(evolink: AdapterHarness) -> None:
    prepared = await evolink.prepared(duration="auto")
    assert prepared.body["duration"] == "auto"
    assert "quality" not in prepared.body
    await evolink.provider.submit(prepared, key="retake-generation-1")


async def test_an_expiry_counts_from_the_making(evolink: AdapterHarness) -> None:
    made_at = now(evolink)
    submission = await evolink.submitted()
    report = await evolink.finished(submission.task_id)
    assert report.urls_expire_at == made_at + timedelta(hours=24)
