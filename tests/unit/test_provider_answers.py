"""However odd a provider's answer is, it is read without a crash, as the documentation says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.ports.provider import TaskReport, TaskState
from bot.providers import json_values
from bot.providers.links import videos_in
from tests.fakes.ports import START as NOW
from tests.unit.adapters import KEY, PREPARED, TASK, Adapter, apimart, both, evolink

FIELDS = """
    id task_id status data error code message results result videos url usage cost usd progress
    task_info estimated_time created completed failed processing success type user token
    remaining_credits remain_balance expires_at created_at total
"""
WORDS = st.sampled_from(FIELDS.split())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | WORDS
    | st.just(TASK)
    | st.just("https://cdn.example.com/a.mp4"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=30,
)
STATUS = st.sampled_from([200, 201, 204, 302, 400, 401, 402, 403, 404, 409, 429, 500, 503])


@both
@given(body=JSON | st.binary(max_size=3), status=STATUS)
async def test_no_answer_makes_a_reader_raise_anything_else(
    adapter: Adapter, body: Any, status: int
) -> None:
    provider = adapter(body, status)
    calls = [
        lambda: provider.submit(PREPARED, key="k"),
        lambda: provider.query(TASK),
        lambda: provider.query_many([TASK]),
        lambda: provider.proves_absent(PREPARED, since=NOW - timedelta(hours=1)),
        provider.balance,
    ]
    for call in calls:
        reported = ""
        got = None
        try:
            got = await call()
        except ProviderError as error:
            reported = f"{error!r} {error}"
        assert KEY not in reported
        if isinstance(got, TaskReport):
            assert (got.error is None) == (got.state in {TaskState.ACTIVE, TaskState.COMPLETED})


@given(value=JSON)
def test_readers_give_values_in_their_ranges(value: Any) -> None:
    progress = json_values.percent(value)
    assert progress is None or 0 <= progress <= 100
    spent = json_values.micro_usd(value)
    assert spent is None or spent >= 0
    read_at = json_values.moment(value)
    assert read_at is None or read_at.tzinfo is UTC
    assert len(json_values.excerpt(value)) <= 300
    assert json_values.task_id(value).strip(".") or not json_values.task_id(value)
    assert all(url.startswith("http") for url in videos_in(value))


@both
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ([], 200),
        (None, 200),
        (b"<html>ok</html>", 200),
        ({"id": ".."}, 200),
        ({"data": [{"task_id": ""}]}, 200),
        ({"error": {"code": 500, "message": "x"}}, 200),
        ({"error": {"code": "internal_error"}}, 500),
        (b"<html>bad gateway</html>", 502),
        ({"error": {"code": "idempotency_conflict"}}, 409),
        ({"error": {"code": "request_timeout"}}, 408),
        (b"", 301),
    ],
)
async def test_after_an_unclear_answer_to_the_paid_post_a_task_may_exist(
    adapter: Adapter, body: Any, status: int
) -> None:
    with pytest.raises(ProviderError) as caught:
        await adapter(body, status).submit(PREPARED, key="k")
    assert caught.value.accepted is Accepted.UNKNOWN


REFUSALS = [
    (400, "invalid_request", Code.PROVIDER_REJECTED, False),
    (401, "unauthorized", Code.PROVIDER_AUTH, False),
    (402, "insufficient_quota", Code.PROVIDER_BALANCE, False),
    (403, "model_access_denied", Code.PROVIDER_MODEL_ACCESS, False),
    (404, "not_found", Code.PROVIDER_REJECTED, False),
    (413, "request_too_large", Code.PROVIDER_REJECTED, False),
    (422, "whatever", Code.PROVIDER_REJECTED, False),
    (429, "rate_limit_exceeded", Code.PROVIDER_RATE_LIMITED, True),
]


@both
@pytest.mark.parametrize(("status", "word", "code", "retryable"), REFUSALS)
@pytest.mark.parametrize("numeric", [False, True])
async def test_a_clear_refusal_means_nothing_was_taken(
    adapter: Adapter, status: int, word: str, code: Code, *, retryable: bool, numeric: bool
) -> None:
    reported = status if numeric else word
    with pytest.raises(ProviderError) as caught:
        await adapter({"error": {"code": reported, "message": "no"}}, status).submit(
            PREPARED, key="k"
        )
    error = caught.value
    assert (error.code, error.retryable, error.accepted, error.charged) == (
        code,
        retryable,
        Accepted.NO,
        False,
    )
    assert error.facts["detail"] == "no"
    assert error.facts["status"] == status


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("insufficient_user_quota", 403, Code.PROVIDER_BALANCE),
        ("quota_not_enough", 400, Code.PROVIDER_BALANCE),
        ("key_quota_exhausted", 429, Code.PROVIDER_BALANCE),
        ("token_daily_quota_exceeded", 429, Code.PROVIDER_BALANCE),
        ("content_policy_violation", 400, Code.MODERATED),
        ("content_filter", 400, Code.MODERATED),
        ("sensitive_content", 400, Code.MODERATED),
        ("moderation_blocked", 403, Code.MODERATED),
        ("input_moderation_failed", 400, Code.MODERATED),
        ("no_available_channel", 503, Code.PROVIDER_UNAVAILABLE),
        ("model_unavailable", 400, Code.PROVIDER_UNAVAILABLE),
    ],
)
async def test_evolinks_words_say_more_than_the_status(word: str, status: int, code: Code) -> None:
    with pytest.raises(ProviderError) as caught:
        await evolink({"error": {"code": word}}, status).submit(PREPARED, key="k")
    assert caught.value.code is code


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "message": "insufficient something"},
        {"code": 400, "message": "Invalid"},
        {"error": "plainly not"},
    ],
)
async def test_apimart_refuses_under_a_good_status_too(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        await apimart(body).submit(PREPARED, key="k")
    assert caught.value.code is Code.PROVIDER_REJECTED
    assert caught.value.accepted is Accepted.NO


@pytest.mark.parametrize("status", [400, 403])
async def test_apimart_reports_moderation_in_words_only(status: int) -> None:
    body = {"error": {"code": 400, "message": "Blocked by the safety system", "type": "x"}}
    with pytest.raises(ProviderError) as caught:
        await apimart(body, status).submit(PREPARED, key="k")
    expected = Code.MODERATED if status == 400 else Code.PROVIDER_MODEL_ACCESS
    assert caught.value.code is expected


@both
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("999999", 3600.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", 60.0),
        ("", 60.0),
        ("nan", 60.0),
    ],
)
async def test_retry_after_is_read_in_both_forms(
    adapter: Adapter, header: str, wait: float
) -> None:
    provider = adapter({"error": {"code": "x"}}, 429, {"retry-after": header})
    with pytest.raises(ProviderError) as caught:
        await provider.submit(PREPARED, key="k")
    assert caught.value.retry_after == wait


@both
async def test_a_providers_words_are_kept_without_keys_and_links(adapter: Adapter) -> None:
    message = (
        f"key {KEY} and Bearer abc.def at https://cdn.example.com/x?sig=1\n\x1b[31m"
        f"data:image/png;base64,AAAA {'long ' * 200}"
    )
    provider = adapter({"error": {"code": KEY, "message": message}}, 400)
    with pytest.raises(ProviderError) as caught:
        await provider.submit(PREPARED, key="k")
    reported = str(caught.value) + repr(caught.value)
    for secret in (KEY, "abc.def", "cdn.example.com", "sig=1", "base64", "\x1b", "\\x1b"):
        assert secret.lower() not in reported.lower()
    assert len(caught.value.facts["detail"]) <= 300


@both
async def test_only_an_envelope_can_say_that_a_task_is_gone(adapter: Adapter) -> None:
    with pytest.raises(ProviderError) as caught:
        await adapter({"error": {"code": 404, "message": "Task not found"}}, 404).query(TASK)
    assert caught.value.code is Code.PROVIDER_TASK_GONE
    for body in (b"<html>404</html>", {"detail": "Not Found"}):
        with pytest.raises(ProviderError) as caught:
            await adapter(body, 404).query(TASK)
        assert caught.value.code is Code.PROVIDER_UNAVAILABLE
        assert caught.value.retryable


@pytest.mark.parametrize(
    "word", ["pending", "processing", "queued", "running", "awaiting_upstream", "in_progress", "¿"]
)
async def test_unknown_words_mean_still_active(word: str) -> None:
    report = await evolink({"id": TASK, "status": word, "progress": "40%"}).query(TASK)
    assert (report.state, report.progress, report.error) == (TaskState.ACTIVE, 40, None)
    report = await apimart({"code": 200, "data": {"id": TASK, "status": word}}).query(TASK)
    assert (report.state, report.progress) == (TaskState.ACTIVE, None)


async def test_evolinks_finished_task() -> None:
    report = await evolink(
        {
            "id": TASK,
            "status": "completed",
            "created": 1763640000,
            "progress": 100,
            "results": ["https://cdn.example.com/a.mp4"],
            "result_data": [{"video_url": "https://cdn.example.com/a.mp4", "duration": 5.2}],
            "task_info": {"estimated_time": 60},
            "usage": {"credits_used": 68, "cost": {"credits": 68, "usd": 0.43, "cny": 3}},
        }
    ).query(TASK)
    assert report.state is TaskState.COMPLETED
    assert report.urls == ("https://cdn.example.com/a.mp4",)
    assert report.duration_ms == 5200
    assert report.cost_micro_usd == 430_000
    assert report.urls_expire_at == datetime.fromtimestamp(1763640000 + 86400, UTC)


async def test_credits_are_converted_where_no_dollars_are_reported() -> None:
    answer = {"id": TASK, "status": "completed", "results": ["https://e.example/a.mp4"]}
    report = await evolink(answer | {"usage": {"credits_used": "34"}}).query(TASK)
    assert report.cost_micro_usd == 500_000
    assert report.urls_expire_at == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    "url", ["https://cdn.example.com/a.mp4", ["https://cdn.example.com/a.mp4", None, 7]]
)
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("word", ["completed", "success", "SUCCEEDED"])
async def test_apimarts_finished_task_in_every_shape(url: Any, word: str, *, listed: bool) -> None:
    task = {
        "id": TASK,
        "status": word,
        "cost": "1.0",
        "credits_cost": 10,
        "result": {"videos": [{"url": url, "expires_at": 1779332760}]},
    }
    report = await apimart({"code": 200, "data": [task] if listed else task}).query(TASK)
    assert report.state is TaskState.COMPLETED
    assert report.urls == ("https://cdn.example.com/a.mp4",)
    assert report.urls_expire_at == datetime.fromtimestamp(1779332760, UTC)
    assert report.cost_micro_usd == 1_000_000


@pytest.mark.parametrize(
    ("word", "code", "retryable"),
    [
        ("content_policy_violation", Code.MODERATED, False),
        ("invalid_parameters", Code.PROVIDER_REJECTED, False),
        ("image_processing_error", Code.PROVIDER_REJECTED, False),
        ("image_dimension_mismatch", Code.PROVIDER_REJECTED, False),
        ("resource_not_found", Code.PROVIDER_TASK_GONE, False),
        ("request_cancelled", Code.PROVIDER_FAILED, False),
        ("service_error", Code.PROVIDER_FAILED, True),
        ("unknown_error", Code.PROVIDER_FAILED, True),
        ("generation_timeout", Code.PROVIDER_TIMEOUT, True),
        ("quota_exceeded", Code.PROVIDER_RATE_LIMITED, True),
        ("resource_exhausted", Code.PROVIDER_UNAVAILABLE, True),
        ("service_unavailable", Code.PROVIDER_UNAVAILABLE, True),
        ("generation_failed_no_content", Code.NO_VIDEO, False),
        ("a_new_one", Code.PROVIDER_FAILED, False),
    ],
)
async def test_evolinks_failed_tasks_cost_nothing(
    word: str, code: Code, *, retryable: bool
) -> None:
    body = {"id": TASK, "status": "failed", "error": {"code": word, "message": "because"}}
    report = await evolink(body).query(TASK)
    assert report.state is TaskState.FAILED
    assert report.error is not None
    assert (report.error.code, report.error.retryable) == (code, retryable)
    assert report.error.charged is False
    assert report.error.accepted is Accepted.YES
    assert report.error.facts["detail"] == "because"


@pytest.mark.parametrize(
    ("error", "cost", "code", "retryable", "charged"),
    [
        ({"code": 400, "message": "content policy violation"}, 0, Code.MODERATED, False, False),
        ({"code": 400, "message": "bad"}, 0, Code.PROVIDER_REJECTED, False, False),
        ({"code": "500", "message": "oops"}, None, Code.PROVIDER_FAILED, True, False),
        ({"code": "odd"}, 0.5, Code.PROVIDER_FAILED, False, True),
        ("just words", 0, Code.PROVIDER_FAILED, False, False),
        (None, None, Code.PROVIDER_FAILED, False, False),
    ],
)
async def test_apimarts_failed_tasks_are_free_unless_a_cost_is_reported(
    error: Any, cost: Any, code: Code, *, retryable: bool, charged: bool
) -> None:
    data = {"id": TASK, "status": "failed", "error": error, "cost": cost}
    report = await apimart({"code": 200, "data": data}).query(TASK)
    assert report.state is TaskState.FAILED
    assert report.error is not None
    reported = report.error
    assert (reported.code, reported.retryable, reported.charged) == (code, retryable, charged)


@pytest.mark.parametrize(
    ("body", "micro_usd", "unlimited"),
    [
        ({"data": {"user": {"remaining_credits": 680}, "token": {}}}, 10_000_000, False),
        (
            {
                "data": {
                    "user": {"remaining_credits": 680},
                    "token": {"remaining_credits": "68", "unlimited_credits": False},
                }
            },
            1_000_000,
            False,
        ),
        (
            {
                "data": {
                    "user": {"remaining_credits": 680},
                    "token": {"remaining_credits": 0, "unlimited_credits": True},
                }
            },
            10_000_000,
            False,
        ),
        ({}, None, False),
    ],
)
async def test_evolinks_balance(body: Any, micro_usd: int | None, *, unlimited: bool) -> None:
    balance = await evolink(body).balance()
    assert (balance.micro_usd, balance.unlimited) == (micro_usd, unlimited)


@pytest.mark.parametrize(
    ("body", "micro_usd", "unlimited"),
    [
        ({"success": True, "remain_balance": 2.5, "unlimited_quota": False}, 2_500_000, False),
        ({"success": True, "remain_balance": -1}, None, True),
        ({"success": True, "remain_balance": 3, "unlimited_quota": True}, None, True),
        ({"success": True, "data": {"remain_balance": "0.5"}}, 500_000, False),
    ],
)
async def test_apimarts_balance(body: Any, micro_usd: int | None, *, unlimited: bool) -> None:
    balance = await apimart(body).balance()
    assert (balance.micro_usd, balance.unlimited) == (micro_usd, unlimited)


@both
async def test_both_shapes_of_an_accepted_task(adapter: Adapter) -> None:
    shapes = [
        {"code": 200, "data": [{"status": "submitted", "task_id": TASK}]},
        {"request_id": "r", "data": {"object": "video", "id": TASK, "status": "submitted"}},
    ]
    for shape in shapes:
        submission = await adapter(shape).submit(PREPARED, key="k")
        assert submission.task_id == TASK


async def test_evolinks_reservation_and_estimate() -> None:
    submission = await evolink(
        {
            "id": TASK,
            "status": "pending",
            "task_info": {"estimated_time": "90"},
            "usage": {"credits_reserved": 102.34},
        }
    ).submit(PREPARED, key="k")
    assert submission.estimated_seconds == 90
    assert submission.reserved_micro_usd == 1_505_000
