"""The control interface of the providers, as the page and the bench use it."""

from typing import Any

import pytest

from tests.integration.providers.harness import Bench, running

ASK = {"model": "gemini-omni-flash-text-to-video", "prompt": "p", "duration": 4}


async def state(bench: Bench) -> Any:
    return (await bench.ask("GET", "/control/providers", key=None)).json


async def put(bench: Bench, **settings: Any) -> Any:
    return await bench.ask("PUT", "/control/providers/evolink", json=settings, key=None)


async def act(bench: Bench, task_id: str, **body: Any) -> Any:
    path = f"/control/providers/evolink/tasks/{task_id}"
    return await bench.ask("POST", path, json=body, key=None)


async def test_the_state_shows_tasks_calls_and_money(bench: Bench) -> None:
    headers = {"Idempotency-Key": "retake-0123456789-1"}
    first = (await bench.evolink(ASK, headers=headers)).json["id"]
    second = (await bench.evolink(ASK)).json["id"]
    await bench.evolink({"model": "nonsense"})
    bench.clock.advance(8)
    await bench.providers.evolink.wait(lambda g: all(task.ended for task in g.tasks.values()))
    shown = (await state(bench))["evolink"]
    assert set(shown) >= {"settings", "balance_usd", "charged_usd", "tasks", "calls", "faults"}
    assert [task["id"] for task in shown["tasks"]] == [second, first]
    url = await bench.video(first)
    assert shown["tasks"][1] == {
        "id": first,
        "model": ASK["model"],
        "mode": "text",
        "prompt": "p",
        "status": "completed",
        "progress": 100,
        "created_at": 1_763_000_000.0,
        "completes_at": 1_763_000_008.0,
        "charged_usd": pytest.approx(4 * 0.086156),
        "reserved_usd": pytest.approx(4 * 0.086156),
        "error": None,
        "idempotency_key": "retake-0123456789-1",
        "result_url": url,
    }
    assert [(c["method"], c["status"], c["task_id"]) for c in shown["calls"]] == [
        ("POST", 400, None),
        ("POST", 200, second),
        ("POST", 200, first),
    ]
    assert set(shown["calls"][0]) >= {"n", "at", "method", "path", "status", "task_id", "ms"}
    assert shown["charged_usd"] == pytest.approx(8 * 0.086156)
    assert (await state(bench))["apimart"]["tasks"] == []


async def test_settings_take_effect(bench: Bench) -> None:
    answer = await put(
        bench, seconds=20, progress_step=1, balance_usd=3, api_key="other", estimate=5
    )
    assert answer.status == 200
    assert answer.json["settings"]["seconds"] == 20
    assert answer.json["balance_usd"] == 3
    assert (await bench.evolink(ASK)).status == 401
    submitted = (await bench.evolink(ASK, key="other")).json
    assert submitted["task_info"]["estimated_time"] == 5
    bench.clock.advance(1.4)
    path = f"/evolink/v1/tasks/{submitted['id']}"
    assert (await bench.ask("GET", path, key="other")).json["progress"] == 7


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": 1},
        {"seconds": "8"},
        {"seconds": -1},
        {"seconds": True},
        {"progress_step": 0},
        {"api_key": None},
        {"rate_limit": "9"},
    ],
)
async def test_wrong_settings_are_refused(bench: Bench, settings: dict[str, Any]) -> None:
    answer = await put(bench, **settings)
    assert answer.status == 400
    assert isinstance(answer.json["error"], str)


async def test_faults_are_planned_listed_and_cleared(bench: Bench) -> None:
    path = "/control/providers/evolink/faults"
    body = {"on": "submit", "kind": "status", "status": 402, "times": 2}
    planned = await bench.ask("POST", path, json=body, key=None)
    assert (await state(bench))["evolink"]["faults"] == [{"id": planned.json["id"], **body}]
    assert (await bench.evolink(ASK)).status == 402
    assert (await bench.ask("DELETE", path, key=None)).json == {}
    assert (await bench.evolink(ASK)).status == 200
    for wrong in (
        {},
        {"on": "submit"},
        {"on": "submit", "kind": "moderation"},
        {"on": "task", "kind": "status"},
        {"on": "submit", "kind": "status", "colour": "red"},
        {"on": "submit", "kind": "status", "status": "402"},
        [],
    ):
        assert (await bench.ask("POST", path, json=wrong, key=None)).status == 400, wrong


async def test_a_task_is_finished_by_hand(bench: Bench) -> None:
    task_id = (await bench.evolink(ASK)).json["id"]
    await act(bench, task_id, do="finish")
    task = await bench.task(task_id)
    assert task["status"] == "completed"
    assert (await act(bench, task_id, do="fail")).status == 409


async def test_a_stuck_task_can_be_finished_by_hand(bench: Bench) -> None:
    bench.fault("evolink", "task", "stuck")
    task_id = (await bench.evolink(ASK)).json["id"]
    await act(bench, task_id, do="finish")
    assert (await bench.task(task_id))["status"] == "completed"


async def test_a_task_is_failed_by_hand(bench: Bench) -> None:
    task_id = (await bench.evolink(ASK)).json["id"]
    answer = await act(bench, task_id, do="fail", code="generation_timeout", message="too long")
    assert answer.json["status"] == "failed"
    assert answer.json["error"] == {"code": "generation_timeout", "message": "too long"}
    assert (await bench.task(task_id))["error"]["code"] == "generation_timeout"
    assert bench.providers.evolink.charged_usd == 0


async def test_progress_is_set_by_hand_and_goes_on_from_there(bench: Bench) -> None:
    task_id = (await bench.evolink(ASK)).json["id"]
    answer = await act(bench, task_id, do="progress", progress=60)
    assert answer.json["progress"] == 60
    bench.clock.advance(4)
    assert (await bench.task(task_id))["progress"] == 80
    bench.clock.advance(4)
    assert (await bench.task(task_id))["status"] == "completed"
    for wrong in ({"do": "progress"}, {"do": "progress", "progress": 100}, {"do": "dance"}):
        other = (await bench.evolink(ASK)).json["id"]
        assert (await act(bench, other, **wrong)).status == 400


async def test_what_is_not_there_is_404(bench: Bench) -> None:
    assert (await act(bench, "task-unified-1-x", do="finish")).status == 404
    assert (await bench.ask("PUT", "/control/providers/google", json={}, key=None)).status == 404


async def test_changes_are_reported_several_as_one(tmp_path: Any, rendered: Any) -> None:
    reported = []
    async with running(tmp_path, rendered, on_change=lambda: reported.append(1)) as bench:
        evolink = bench.providers.evolink
        await bench.evolink(ASK)
        await bench.evolink(ASK)
        bench.clock.advance(8)
        await evolink.wait(lambda g: all(task.ended for task in g.tasks.values()))
        await put(bench, seconds=2)
    assert len(reported) < 6


async def test_waiting_returns_when_it_holds_and_not_before(bench: Bench) -> None:
    evolink = bench.providers.evolink
    with pytest.raises(TimeoutError):
        await evolink.wait(lambda g: g.paid, timeout=0.01)
    await bench.evolink(ASK)
    await evolink.wait(lambda g: g.paid, timeout=0.01)


async def test_a_task_ends_by_itself_when_its_time_has_come(bench: Bench) -> None:
    await bench.evolink(ASK)
    bench.clock.advance(8)
    await bench.providers.evolink.wait(lambda g: g.charged_usd > 0)
    assert bench.providers.evolink.counts["query"] == 0
