"""What a task's report says: its state, its links, its id; many tasks in one answer."""

from typing import Any

import pytest

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from tests.unit.adapters import PREPARED, TASK, Adapter, apimart, both, evolink


@pytest.mark.parametrize("results", [[], None, [""], ["ftp://x/a.mp4"], [{"url": None}], "none"])
async def test_a_finished_task_may_have_no_link_yet(results: Any) -> None:
    """The engine asks again a few times before it says that there is no video."""
    videos = {"id": TASK, "status": "completed", "result": {"videos": results}}
    for provider in (
        evolink({"id": TASK, "status": "completed", "results": results}),
        apimart({"data": videos}),
    ):
        report = await provider.query(TASK)
        assert (report.state, report.urls, report.error) == (TaskState.COMPLETED, (), None)


COMPLETED = ["complete", "success", "SUCCEEDED", "done", " Finished ", "successful"]
COMPLETED += ["TASK_STATUS_SUCCEEDED", "task-completed"]
FAILED = ["failure", "error", "timed-out", "Timed Out", "JOB_STATE_FAILED"]
CANCELLED = ["canceled", "aborted", "task cancelled"]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *((word, TaskState.COMPLETED) for word in COMPLETED),
        *((word, TaskState.FAILED) for word in FAILED),
        *((word, TaskState.CANCELLED) for word in CANCELLED),
    ],
)
@pytest.mark.parametrize("link", [False, True])
async def test_one_list_of_status_words(word: str, state: TaskState, *, link: bool) -> None:
    results = ["https://e.example/a.mp4"] if link else []
    evolinks = {"id": TASK, "status": word, "results": results}
    apimarts = {"id": TASK, "status": word, "result": {"videos": [{"url": results}]}}
    for provider in (evolink(evolinks), apimart({"data": apimarts})):
        report = await provider.query(TASK)
        assert report.state is state
        assert bool(report.urls) is (link and state is TaskState.COMPLETED)


@both
@pytest.mark.parametrize(
    "reported", [{"state": "done"}, {"task_status": "SUCCESS"}, {"status": None}]
)
async def test_a_result_needs_no_field_of_a_certain_name(
    adapter: Adapter, reported: dict[str, Any]
) -> None:
    report = await adapter({"data": {"id": TASK, "video_url": LINK} | reported}).query(TASK)
    assert (report.state, report.urls) == (TaskState.COMPLETED, (LINK,))


@both
async def test_the_address_of_a_task_at_work_is_no_result(adapter: Adapter) -> None:
    task = {"id": TASK, "status": "processing", "url": f"https://api.example/v1/tasks/{TASK}"}
    assert (await adapter({"data": task}).query(TASK)).state is TaskState.ACTIVE


@both
@pytest.mark.parametrize("word", ["incomplete", "not_failed", "task", "video_status", "Task State"])
async def test_only_what_a_word_is_about_is_left_out(adapter: Adapter, word: str) -> None:
    report = await adapter({"data": {"id": TASK, "status": word}}).query(TASK)
    assert report.state is TaskState.ACTIVE


async def test_a_link_is_a_result_unless_it_is_a_cover() -> None:
    task = {"id": TASK, "status": "who_knows"}
    link = "https://e.example/a.mp4"
    assert (await evolink(task | {"results": [link]}).query(TASK)).urls == (link,)
    cover = task | {"result_data": [{"cover_url": link, "thumbnail": link}]}
    assert (await evolink(cover).query(TASK)).state is TaskState.ACTIVE


async def test_a_refusal_under_a_good_word_is_reported() -> None:
    for word in ("completed", "stopped"):
        task = {"id": TASK, "status": word, "error": {"code": "content_policy_violation"}}
        report = await evolink(task).query(TASK)
        assert report.error is not None
        assert report.error.code is Code.MODERATED


@pytest.mark.parametrize(
    ("results", "links"),
    [
        (["https://e.ex/cover.jpg?x=1", "https://e.ex/v"], ["v", "cover.jpg?x=1"]),
        ([{"cover_url": "https://e.ex/c", "video_url": "https://e.ex/v"}], ["v"]),
        ([{"url": "https://e.ex/u", "video_url": "https://e.ex/v"}], ["v", "u"]),
        ([{"type": "image", "url": "https://e.ex/i"}, "https://e.ex/v"], ["v"]),
        ([[["https://e.ex/v"]]], ["v"]),
        ("https://e.ex/v", ["v"]),
        (["https://e.ex/v 1.mp4"], ["v%201.mp4"]),
        (["HTTPS://e.ex/ü%2F"], ["%C3%BC%2F"]),
        ([{"type": "image_to_video", "url": "https://e.ex/v"}], ["v"]),
        ([{"type": "reference2video", "resource_url": "https://e.ex/v"}], ["v"]),
        ([{"coverImage": "https://e.ex/c", "videoUrl": "https://e.ex/v"}], ["v"]),
        ([{"videoCover": "https://e.ex/c", "resources": ["https://e.ex/v"]}], ["v"]),
        ([{"video_thumbnail_url": "https://e.ex/c", "lastframe": "https://e.ex/f"}], []),
        ([{"source_video": "https://e.ex/s", "inputVideo": "https://e.ex/i"}], []),
    ],
)
async def test_every_link_that_may_be_the_video_is_kept(results: Any, links: list[str]) -> None:
    report = await evolink({"id": TASK, "status": "completed", "results": results}).query(TASK)
    assert report.urls == tuple(f"https://e.ex/{link}" for link in links)


LINK = "https://e.example/a.mp4"


@both
@pytest.mark.parametrize(
    "made",
    [
        {"result": LINK},
        {"result": [LINK]},
        {"result": {"url": LINK}},
        {"result": {"videos": [{"url": [LINK]}]}},
        {"results": [{"video": {"url": LINK}}]},
        {"result_data": [{"video_url": LINK}]},
        {"output": LINK},
        {"output": {"video_url": LINK}},
        {"outputs": [{"url": LINK}]},
        {"video": {"url": LINK}},
        {"videos": [LINK]},
        {"video_url": LINK},
        {"url": LINK},
    ],
)
async def test_a_result_is_found_wherever_a_provider_puts_it(adapter: Adapter, made: Any) -> None:
    given = {"video_urls": ["https://e.example/given.mp4"], "image_urls": ["https://e.example/p"]}
    task = {"id": TASK, "status": "completed", "input": given} | given | made
    assert (await adapter({"data": task}).query(TASK)).urls == (LINK,)


@both
@pytest.mark.parametrize(
    "zero", [0, -1, "0", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "-62135596800"]
)
async def test_a_zero_in_the_place_of_a_time_is_no_time(adapter: Adapter, zero: Any) -> None:
    """Else a result would count as expired long before it was made."""
    video = {"url": LINK, "expires_at": zero}
    task = {"id": TASK, "status": "completed", "created": zero, "result": {"videos": [video]}}
    report = await adapter({"data": task}).query(TASK)
    assert report.made_at is None
    assert report.urls_expire_at is None or report.urls_expire_at.year > 2000


async def test_a_task_wrapped_in_an_answer_with_an_id_of_its_own_is_found() -> None:
    task = {"id": TASK, "status": "completed", "results": [LINK]}
    for body in ({"id": "req-1", "data": task}, {"id": "req-1", "status": "ok", "data": [task]}):
        for provider in (evolink(body), apimart(body)):
            assert (await provider.query(TASK)).urls == (LINK,)


@both
@pytest.mark.parametrize(
    "body",
    [
        {"data": TASK},
        {"data": [TASK]},
        {"data": {"id": TASK}},
        {"data": [{"task_id": TASK}]},
        {"task_id": TASK},
        {"id": TASK},
        {"code": 200, "error": {}, "data": [{"task_id": TASK}]},
        {"code": 200, "error": {"code": 0, "message": ""}, "data": [{"task_id": TASK}]},
        {"error": {"code": None, "message": None, "type": None}, "data": {"id": TASK}},
        {"status": "failed", "error": {"code": "x", "message": "no"}, "data": {"id": TASK}},
    ],
)
async def test_an_answer_that_names_a_task_has_accepted_the_request(
    adapter: Adapter, body: Any
) -> None:
    assert (await adapter(body).submit(PREPARED, key="k")).task_id == TASK


@both
async def test_a_refusal_with_a_status_word_but_no_task_took_nothing(adapter: Adapter) -> None:
    body = {"status": "error", "error": {"code": 402, "message": "no money"}}
    with pytest.raises(ProviderError) as caught:
        await adapter(body).submit(PREPARED, key="k")
    assert caught.value.accepted is Accepted.NO


@both
@pytest.mark.parametrize(
    ("reported", "task_id"),
    [
        (1234567890123456789, "1234567890123456789"),
        (7, "7"),
        ("bG9uZyBpZA==", "bG9uZyBpZA=="),
        ("projects/1/tasks/a b", "projects/1/tasks/a b"),
        ("ü" * 255, "ü" * 255),
    ],
)
async def test_an_id_is_any_short_string_or_number(
    adapter: Adapter, reported: Any, task_id: str
) -> None:
    submission = await adapter({"data": {"id": reported}}).submit(PREPARED, key="k")
    assert submission.task_id == task_id
    report = await adapter({"data": {"id": reported, "status": "processing"}}).query(
        TaskId(task_id)
    )
    assert report.task_id == task_id


@both
@pytest.mark.parametrize("reported", ["", " ", "..", "a\nb", "x" * 256, True, 1.5, ["a"], 10**400])
async def test_what_cannot_be_an_id_leaves_it_open(adapter: Adapter, reported: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        await adapter({"data": {"id": reported}}).submit(PREPARED, key="k")
    assert caught.value.accepted is Accepted.UNKNOWN


async def test_a_foreign_task_is_never_taken_for_ours() -> None:
    other = {"id": "task-unified-1-other", "status": "completed", "results": ["https://e.ex/a.mp4"]}
    for provider in (evolink(other), apimart({"data": other}), evolink({"data": [other]})):
        with pytest.raises(ProviderError) as caught:
            await provider.query(TASK)
        assert caught.value.code is Code.PROVIDER_MALFORMED
    reported = await evolink({"data": [other]}).query_many([TASK])
    assert isinstance(reported[TASK], ProviderError)


TASKS = [TaskId(f"task-unified-1757169743-{n:08}") for n in range(3)]


@pytest.mark.parametrize(
    "spoiled",
    [
        {"id": TASKS[1]},
        {"id": TASKS[1], "status": None},
        {"id": TASKS[1], "status": {"code": 1}},
        {"id": None, "status": "processing"},
        {"status": "processing"},
        None,
        "not found",
        {"id": "task-unified-1-other", "status": "processing"},
    ],
)
async def test_an_unreadable_item_of_a_batch_spoils_itself_only(spoiled: Any) -> None:
    """It is not absent either: nobody may say that the provider does not know it."""
    fine = [{"id": TASKS[n], "status": "processing"} for n in (0, 2)]
    reported = await evolink({"data": [fine[0], spoiled, fine[1]]}).query_many(TASKS)
    assert [isinstance(reported[task_id], TaskReport) for task_id in TASKS] == [True, False, True]
    error = reported[TASKS[1]]
    assert isinstance(error, ProviderError)
    assert error.code is Code.PROVIDER_MALFORMED


async def test_a_task_that_a_batch_leaves_out_is_unknown() -> None:
    assert await evolink({"data": []}).query_many([TASK]) == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": "not_found", "message": "no route"}}, 404),
        ({"detail": "Not Found"}, 404),
        (b"<html>404</html>", 404),
        ({"error": {"code": "method_not_allowed"}}, 405),
        (b"", 405),
        ({"error": {"code": 501}}, 501),
        ({"data": {"tasks": []}}, 200),
        ({"data": None}, 200),
        ([{}][0], 200),
    ],
)
async def test_where_batches_do_not_work_single_queries_may(body: Any, status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        await evolink(body, status).query_many(TASKS)
    assert caught.value.code is Code.PROVIDER_MALFORMED
