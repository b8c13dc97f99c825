"""What every adapter must do, the same tests over each of them."""

import hashlib
import traceback
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.catalogue import Mode
from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.media import StoredMedia
from bot.domain.ports.provider import SourceVideo, TaskReport, TaskState
from bot.providers.uploads import HostedFile
from tests.contract.providers.adapter_harness import (
    APIMART,
    CATALOGUE,
    EVOLINK,
    AdapterHarness,
    open_harness,
    with_prompt,
)

GONE_ID = TaskId("task-unified-1757169743-00000000")
PAIRS = [(offer.provider, offer.model, offer.mode) for offer in CATALOGUE.offers]


def options_for(harness: AdapterHarness, mode: Mode, source: Any) -> dict[str, Any]:
    if mode is Mode.TEXT:
        return {"aspect_ratio": "9:16"}
    if mode is Mode.IMAGE:
        return {"images": (harness.image(),)}
    if mode is Mode.REFERENCE:
        return {"images": (harness.image("red"), harness.image("blue"), harness.image("green"))}
    return {"source": SourceVideo(media=source, discord_url=None), "source_ms": 1000}


@pytest.mark.parametrize(("name", "model", "mode"), PAIRS)
async def test_every_offer_is_taken_and_made(
    name: Any, model: str, mode: Mode, tmp_path: Path, rendered: Path
) -> None:
    class Elsewhere:
        async def host_video(self, media: StoredMedia) -> HostedFile:
            return HostedFile(url=f"{harness.bench.url}/elsewhere/source.mp4")

        async def release(self, uploads: Sequence[str]) -> None:
            assert uploads == []

    async with open_harness(name, tmp_path, rendered, video_host=Elsewhere()) as harness:
        source = await harness.video() if mode in {Mode.EDIT, Mode.EXTEND} else None
        if source is not None:
            harness.bench.serve("source.mp4", (harness.root / source.path).read_bytes())
        options = options_for(harness, mode, source)
        submission = await harness.submitted(mode, model=model, **options)
        task = harness.standin.tasks[submission.task_id]
        assert task.submission.mode.value == mode.value
        assert task.submission.prompt == "a red apple"
        assert submission.estimated_seconds or harness.name == APIMART
        report = await harness.finished(submission.task_id)
        assert report.state is TaskState.COMPLETED
        assert report.progress == 100
        assert report.cost_micro_usd == pytest.approx(task.charged_micro, abs=2)
        assert report.urls_expire_at is not None
        target = harness.root / "made.part"
        got = await harness.provider.download(report.urls[0], target, max_bytes=10**8)
        body = target.read_bytes()
        assert (got.size, got.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert body[4:8] == b"ftyp"


@pytest.mark.parametrize("name", [EVOLINK, APIMART])
async def test_every_parameter_reaches_the_provider(
    name: Any, tmp_path: Path, rendered: Path
) -> None:
    async with open_harness(name, tmp_path, rendered) as harness:
        submission = await harness.submitted(
            model="omni-flash-1.1", duration=7, aspect_ratio="9:16", resolution="1080p"
        )
        reported = harness.standin.tasks[submission.task_id].submission
        assert (reported.aspect, reported.quality) == ("9:16", "1080p")
        assert reported.seconds == (7 if name == EVOLINK else None)
        last = await harness.submitted(
            Mode.IMAGE,
            key="retake-generation-2",
            model="omni-flash-1.1",
            images=(harness.image("red"),),
            last_frame=harness.image("blue"),
        )
        task = harness.standin.tasks[last.task_id].submission
        assert task.last_frame is not None
        assert task.mode.value == "image"


async def test_progress_is_reported_and_estimates_are_seconds(harness: AdapterHarness) -> None:
    submission = await harness.submitted()
    harness.bench.clock.advance(4)
    report = await harness.provider.query(submission.task_id)
    assert report.state is TaskState.ACTIVE
    assert report.progress == 50
    assert report.estimated_seconds == 8
    assert report.urls == ()


async def test_the_same_key_gives_the_same_task_and_pays_once(harness: AdapterHarness) -> None:
    prepared = await harness.prepared()
    assert harness.provider.supports_idempotency_keys
    first = await harness.provider.submit(prepared, key="retake-generation-1")
    again = await harness.provider.submit(prepared, key="retake-generation-1")
    other = await harness.provider.submit(prepared, key="retake-generation-2")
    assert first.task_id == again.task_id != other.task_id
    assert len(harness.standin.paid) == 2


async def test_the_same_key_with_another_request_leaves_it_open_what_was_taken(
    harness: AdapterHarness,
) -> None:
    prepared = await harness.prepared()
    await harness.provider.submit(prepared, key="retake-generation-1")
    with pytest.raises(ProviderError) as caught:
        await harness.provider.submit(with_prompt(prepared, "other"), key="retake-generation-1")
    assert caught.value.accepted is Accepted.UNKNOWN


CLEAR = {
    400: Code.PROVIDER_REJECTED,
    401: Code.PROVIDER_AUTH,
    402: Code.PROVIDER_BALANCE,
    403: Code.PROVIDER_MODEL_ACCESS,
    404: Code.PROVIDER_REJECTED,
    413: Code.PROVIDER_REJECTED,
    429: Code.PROVIDER_RATE_LIMITED,
}


@pytest.mark.parametrize(("status", "code"), CLEAR.items())
async def test_a_refused_submission_took_nothing(
    harness: AdapterHarness, status: int, code: Code
) -> None:
    harness.fault("submit", "status", status=status, retry_after=12)
    with pytest.raises(ProviderError) as caught:
        await harness.submitted()
    assert caught.value.code is code
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable is (status == 429)
    assert caught.value.retry_after == 12
    assert harness.standin.paid == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("kind", ["status", "html"])
async def test_a_broken_provider_may_have_taken_it(
    harness: AdapterHarness, status: int, kind: str
) -> None:
    harness.fault("submit", kind, status=status, effect=True)
    with pytest.raises(ProviderError) as caught:
        await harness.submitted()
    assert caught.value.accepted is Accepted.UNKNOWN
    assert caught.value.retryable
    assert len(harness.standin.paid) == 1
    assert (await harness.submitted()).task_id == harness.standin.paid[0]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "malformed", "huge", "html"])
async def test_an_answer_that_never_came_whole_leaves_it_open(
    harness: AdapterHarness, kind: str
) -> None:
    more = {"status": 200} if kind == "html" else {}
    harness.fault("submit", kind, **more)
    with pytest.raises(ProviderError) as caught:
        await harness.submitted()
    assert caught.value.accepted is Accepted.UNKNOWN
    assert len([call for call in harness.standin.calls if call.op == "submit"]) == 1


async def test_a_silent_provider_may_have_taken_it(hasty: AdapterHarness) -> None:
    hasty.fault("submit", "delay", seconds=30)
    with pytest.raises(ProviderError) as caught:
        await hasty.submitted()
    assert caught.value.code is Code.PROVIDER_TIMEOUT
    assert caught.value.accepted is Accepted.UNKNOWN


async def test_no_balance_is_no_balance(harness: AdapterHarness) -> None:
    harness.standin.balance_usd = 0.01
    with pytest.raises(ProviderError) as caught:
        await harness.submitted()
    assert caught.value.code is Code.PROVIDER_BALANCE
    balance = await harness.provider.balance()
    assert balance.micro_usd == pytest.approx(10_000, abs=100)


async def test_the_balance_is_reported_in_dollars(harness: AdapterHarness) -> None:
    harness.standin.balance_usd = 12.5
    balance = await harness.provider.balance()
    assert balance.micro_usd == pytest.approx(12_500_000, abs=10_000)
    assert not balance.unlimited


async def test_a_wrong_key_is_reported_without_the_key(
    harness: AdapterHarness, tmp_path: Path, rendered: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    key = "sk-secret-key-that-nobody-may-see"
    directory = tmp_path / "other"
    directory.mkdir()
    async with open_harness(harness.name, directory, rendered, api_key=key) as stranger:
        calls = [
            stranger.submitted(),
            stranger.provider.query(GONE_ID),
            stranger.provider.query_many([GONE_ID]),
            stranger.provider.balance(),
            stranger.submitted(Mode.IMAGE, images=(stranger.image(),)),
        ]
        for call in calls:
            with pytest.raises(ProviderError) as caught:
                await call
            assert caught.value.code is Code.PROVIDER_AUTH
            reported = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
            assert key not in reported + str(caught.value.__dict__)
        assert key not in repr(stranger.provider) + repr(vars(stranger.provider))
    assert key not in caplog.text
    assert stranger.bench.url not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("httpx")
    )


async def test_an_unknown_task_is_gone(harness: AdapterHarness) -> None:
    for task_id in (GONE_ID, TaskId("task_01KS1H7ZYSJWH1N779S2FSHTKA")):
        with pytest.raises(ProviderError) as caught:
            await harness.provider.query(task_id)
        assert caught.value.code is Code.PROVIDER_TASK_GONE


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 429, "retry_after": 3}),
        ("html", {"status": 404}),
        ("html", {"status": 200}),
        # Twice: a read on a kept connection that was cut is sent once more on a fresh one.
        ("drop_before", {"times": 2}),
        ("drop_after", {"times": 2}),
        ("malformed", {}),
        ("truncate", {}),
        ("wrong_length", {}),
        ("huge", {}),
    ],
)
async def test_a_failed_poll_says_nothing_about_the_task(
    harness: AdapterHarness, kind: str, fields: dict[str, Any]
) -> None:
    submission = await harness.submitted()
    harness.fault("query", kind, **fields)
    with pytest.raises(ProviderError) as caught:
        await harness.provider.query(submission.task_id)
    assert caught.value.retryable
    assert caught.value.code is not Code.PROVIDER_TASK_GONE
    report = await harness.finished(submission.task_id)
    assert report.state is TaskState.COMPLETED


@pytest.mark.parametrize("kind", ["delay", "slow"])
async def test_a_slow_poll_is_given_up(hasty: AdapterHarness, kind: str) -> None:
    hasty.fault("query", kind, seconds=30)
    with pytest.raises(ProviderError) as caught:
        await hasty.provider.query(GONE_ID)
    assert caught.value.code is Code.PROVIDER_TIMEOUT
    assert caught.value.retryable


@pytest.mark.parametrize(
    "words",
    [
        {"pending": "queued", "processing": "running"},
        {"pending": "submitted", "processing": "in_progress"},
        {"pending": "???", "processing": ""},
    ],
)
async def test_other_words_for_active(harness: AdapterHarness, words: dict[str, str]) -> None:
    submission = await harness.submitted()
    harness.standin.settings.status_words = words
    report = await harness.provider.query(submission.task_id)
    assert report.state is TaskState.ACTIVE


async def test_an_unknown_status_is_active_until_it_ends(harness: AdapterHarness) -> None:
    harness.fault("task", "unknown_status")
    submission = await harness.submitted()
    assert (await harness.provider.query(submission.task_id)).state is TaskState.ACTIVE
    assert (await harness.finished(submission.task_id)).state is TaskState.COMPLETED


async def test_a_completed_task_may_have_no_link_yet(harness: AdapterHarness) -> None:
    harness.fault("task", "no_video")
    submission = await harness.submitted()
    report = await harness.finished(submission.task_id)
    assert (report.state, report.urls, report.error) == (TaskState.COMPLETED, (), None)


@pytest.mark.parametrize("word", ["success", "succeeded", "done", "Finished", "odd word", ""])
async def test_other_words_for_completed(harness: AdapterHarness, word: str) -> None:
    """Also one that nobody knows: the link is the result."""
    submission = await harness.submitted()
    harness.standin.settings.status_words = {"completed": word or "complete"}
    report = await harness.finished(submission.task_id)
    assert report.state is TaskState.COMPLETED
    assert len(report.urls) == 1


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("moderation", TaskState.FAILED, Code.MODERATED),
        ("fail", TaskState.FAILED, Code.PROVIDER_FAILED),
        ("cancel", TaskState.CANCELLED, Code.PROVIDER_FAILED),
    ],
)
async def test_a_task_that_ends_badly_says_how(
    harness: AdapterHarness, fault: str, state: TaskState, code: Code
) -> None:
    harness.fault("task", fault)
    submission = await harness.submitted()
    report = await harness.finished(submission.task_id)
    assert report.state is state
    assert report.error is not None
    assert report.error.code is code
    assert report.error.accepted is Accepted.YES
    paid = harness.standin.tasks[submission.task_id].charged_micro
    if not report.error.charged:
        assert paid == 0


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_many_are_asked_at_once_and_the_unknown_are_absent(
    harness: AdapterHarness, count: int
) -> None:
    size = harness.provider.batch_size
    ids = [
        (await harness.submitted(key=f"retake-generation-{n}")).task_id
        for n in range(min(count, size))
    ]
    asked = [*ids, GONE_ID][:size]
    reports = await harness.provider.query_many(asked)
    assert list(reports) == ids[: len(reports)]
    assert set(reports) == set(ids)
    for report in reports.values():
        assert isinstance(report, TaskReport)
        assert report.state is TaskState.ACTIVE
    too_many = [TaskId(f"task-unified-1757169743-{n:08}") for n in range(size + 1)]
    with pytest.raises(ValueError, match="in one query"):
        await harness.provider.query_many(too_many)


async def test_absence_is_only_said_where_it_is_proven(harness: AdapterHarness) -> None:
    prepared = await harness.prepared()
    since = harness_now(harness)
    assert not await harness.provider.proves_absent(prepared, since=since)
    harness.bench.clock.advance(600)
    proven = await harness.provider.proves_absent(prepared, since=since)
    assert proven is harness.provider.can_list_tasks


def harness_now(harness: AdapterHarness) -> Any:
    return harness.provider._api.now()  # pyright: ignore[reportAttributeAccessIssue]


async def test_results_that_cannot_be_had(harness: AdapterHarness) -> None:
    submission = await harness.submitted()
    report = await harness.finished(submission.task_id)
    target = harness.root / "x.part"
    target.write_bytes(b"left over from before")
    cases: list[tuple[str, dict[str, Any], Code]] = [
        ("status", {"status": 404}, Code.RESULT_GONE),
        ("status", {"status": 410}, Code.RESULT_GONE),
        ("status", {"status": 403}, Code.RESULT_GONE),
        ("status", {"status": 503}, Code.PROVIDER_UNAVAILABLE),
        ("status", {"status": 429}, Code.PROVIDER_UNAVAILABLE),
        ("drop_before", {"times": 2}, Code.PROVIDER_UNAVAILABLE),
        ("wrong_length", {}, Code.RESULT_BROKEN),
        ("html", {"status": 200}, Code.RESULT_BROKEN),
        ("huge", {}, Code.RESULT_TOO_LARGE),
    ]
    for kind, fields, code in cases:
        harness.fault("download", kind, **fields)
        with pytest.raises(ProviderError) as caught:
            await harness.provider.download(report.urls[0], target, max_bytes=4_000_000)
        assert caught.value.code is code, kind
        assert not target.exists(), kind
        if code is Code.PROVIDER_UNAVAILABLE:
            assert caught.value.retryable
    got = await harness.provider.download(report.urls[0], target, max_bytes=4_000_000)
    assert got.size == target.stat().st_size
    with pytest.raises(ProviderError) as caught:
        await harness.provider.download(report.urls[0], target, max_bytes=got.size - 1)
    assert caught.value.code is Code.RESULT_TOO_LARGE
    harness.bench.clock.advance(timedelta(days=2).total_seconds())
    with pytest.raises(ProviderError) as caught:
        await harness.provider.download(report.urls[0], target, max_bytes=4_000_000)
    assert caught.value.code is Code.RESULT_GONE


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("not_a_video", Code.RESULT_BROKEN),
        ("dead_url", Code.RESULT_GONE),
    ],
)
async def test_a_bad_result_never_stays_on_disk(
    harness: AdapterHarness, fault: str, code: Code
) -> None:
    harness.fault("task", fault)
    submission = await harness.submitted()
    report = await harness.finished(submission.task_id)
    target = harness.root / "x.part"
    with pytest.raises(ProviderError) as caught:
        await harness.provider.download(report.urls[0], target, max_bytes=10**8)
    assert caught.value.code is code
    assert not target.exists()
    if fault == "dead_url":
        fresh = await harness.provider.query(submission.task_id)
        assert fresh.urls != report.urls
        await harness.provider.download(fresh.urls[0], target, max_bytes=10**8)


async def test_a_stalled_download_is_given_up(hasty: AdapterHarness) -> None:
    url = await published(hasty)
    hasty.fault("download", "slow", seconds=30)
    target = hasty.root / "x.part"
    with pytest.raises(ProviderError) as caught:
        await hasty.provider.download(url, target, max_bytes=10**8)
    assert caught.value.code is Code.PROVIDER_TIMEOUT
    assert caught.value.retryable
    assert not target.exists()


async def published(harness: AdapterHarness) -> str:
    """A finished video's address, got without the hasty adapter."""
    made = await harness.bench.made({"model": "gemini-omni-flash-preview", "prompt": "a red apple"})
    if harness.name == EVOLINK:
        made = await harness.bench.made(
            {"model": "gemini-omni-flash-text-to-video", "prompt": "a red apple"}
        )
    return await harness.bench.video(made)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("status", {"status": 500}), ("drop_before", {}), ("malformed", {}), ("html", {})],
)
async def test_a_failed_upload_spends_nothing_and_may_be_repeated(
    harness: AdapterHarness, kind: str, fields: dict[str, Any]
) -> None:
    harness.fault("upload", kind, **fields)
    images = (harness.image(),)
    spec = harness.spec(Mode.REFERENCE, model="omni-flash-1.1", images=images)
    with pytest.raises(ProviderError) as caught:
        await harness.provider.prepare(spec)
    assert caught.value.accepted is Accepted.NO
    assert caught.value.retryable
    assert (await harness.provider.prepare(spec)).body["image_urls"]


async def test_a_file_that_is_gone_is_reported(harness: AdapterHarness) -> None:
    image = harness.image()
    (harness.root / image.path).unlink()
    with pytest.raises(ProviderError) as caught:
        await harness.prepared(Mode.IMAGE, images=(image,))
    assert caught.value.code is Code.FILE_NOT_KEPT
    assert str(harness.root) not in str(caught.value)


async def test_an_edit_without_any_source_is_refused_before_it_is_paid(
    harness: AdapterHarness,
) -> None:
    for source in (None, SourceVideo()):
        with pytest.raises(ProviderError) as caught:
            await harness.prepared(Mode.EDIT, source=source)
        assert caught.value.accepted is Accepted.NO
        assert not caught.value.retryable
    assert harness.standin.paid == []
