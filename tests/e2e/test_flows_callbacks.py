"""The providers' callbacks to the real bot: a hint to ask at once, and no more than that."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.providers.tasks import Task
from tests.e2e.running import Running, running_bot
from tests.messages_view import answered_text

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAR_AWAY = 600
"""Seconds a task is said to take: the bot by itself would not ask again within any test."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, validator: OpenApiValidator | None
) -> AsyncIterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with running_bot(
        tmp_path_factory.mktemp("callbacks"), validator, callbacks=port
    ) as running:
        running.sandbox.providers.evolink.settings.estimate = FAR_AWAY
        yield running


async def under_way(running: Running, prompt: str) -> Task:
    """The task of a video that will not be done by itself."""
    evolink = running.sandbox.providers.evolink
    evolink.add_fault(on="task", kind="stuck")
    await running.person("tom").video(prompt)

    def tasks() -> list[Task]:
        return [task for task in evolink.tasks.values() if task.submission.prompt == prompt]

    await evolink.wait(lambda _: tasks())
    await running.status(prompt, "🔵 **Working**")
    return tasks()[0]


def asked_about(running: Running, task: Task) -> int:
    """How often the bot has asked about a task."""
    calls = running.sandbox.providers.evolink.calls
    return sum(call.op in {"query", "batch"} and call.task_id == task.id for call in calls)


async def post(url: str, body: object = None) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status


async def test_a_callback_brings_the_video_at_once(running: Running) -> None:
    evolink = running.sandbox.providers.evolink
    task = await under_way(running, "call me when it is done")
    url = task.submission.callback_url
    assert url is not None
    assert "/callbacks/evolink/" in url
    assert asked_about(running, task) == 0
    evolink.book.finish(task)
    await running.film("call me when it is done")
    assert asked_about(running, task) == 1
    (sent,) = [one for one in running.sandbox.providers.callbacks.sent if one.task_id == task.id]
    await evolink.wait(lambda _: sent.delivered)
    assert sent.tries == [204]


async def test_the_second_provider_calls_a_path_of_its_own(running: Running) -> None:
    providers = running.sandbox.providers
    apimart = providers.apimart
    providers.evolink.settings.denied_models = ["gemini-omni-1.1-flash-text-to-video"]
    apimart.add_fault(on="task", kind="stuck")
    prompt = "call me from the other place"
    await running.person("tom").video(prompt)

    def tasks() -> list[Task]:
        return [task for task in apimart.tasks.values() if task.submission.prompt == prompt]

    await apimart.wait(lambda _: tasks())
    providers.evolink.settings.denied_models = []
    (task,) = tasks()
    assert task.submission.webhook is not None
    apimart.book.finish(task)
    await running.film(prompt)
    sent = [one for one in providers.callbacks.sent if one.task_id == task.id]
    await apimart.wait(lambda _: sent[0].delivered)
    assert [one.url for one in sent] == [f"{task.submission.webhook}/callback"]
    assert sent[0].tries == [204]
    for odd in (f"{task.submission.webhook}/callback/callback", f"{task.submission.webhook}/x"):
        assert await post(odd, {}) == 404


async def test_forged_ones_change_nothing(running: Running) -> None:
    task = await under_way(running, "a forger tries")
    url = task.submission.callback_url
    assert url is not None
    base, signature = url.rsplit("/", 1)
    other = "0" * 20
    for forged in (
        f"{base}/{'0' * len(signature)}",
        f"{base}/{signature[:-1]}",
        f"{base}/x",
        url.replace("/evolink/", "/apimart/"),
        url.replace(base.rsplit("/", 1)[1], other),
    ):
        assert await post(forged, {"status": "completed"}) in {403, 404}
    # What a forger hoped for would have come before this one.
    last = await under_way(running, "an honest one after it")
    running.sandbox.providers.evolink.book.finish(last)
    await running.film("an honest one after it")
    assert asked_about(running, task) == 0
    jobs = answered_text(await running.person("tom").command("jobs"))
    assert "**a forger tries**\n🔵 **Working**" in jobs


async def test_repeated_and_lying_ones_cost_one_question(running: Running) -> None:
    evolink = running.sandbox.providers.evolink
    task = await under_way(running, "a voice that lies")
    url = task.submission.callback_url
    assert url is not None
    for status in ("failed", "completed", "cancelled", "failed"):
        assert await post(url, {"id": task.id, "status": status, "error": {"code": "x"}}) == 204
    await evolink.wait(lambda _: asked_about(running, task))
    last = await under_way(running, "a voice that is honest")
    evolink.book.finish(last)
    await running.film("a voice that is honest")
    assert asked_about(running, task) == 1
    jobs = answered_text(await running.person("tom").command("jobs"))
    assert "**a voice that lies**\n🔵 **Working**" in jobs


async def test_late_ones_change_nothing(running: Running) -> None:
    evolink = running.sandbox.providers.evolink
    task = await under_way(running, "long ago")
    evolink.book.finish(task)
    await running.film("long ago")
    await running.status("long ago", "🟢 **Done**")
    url = task.submission.callback_url
    assert url is not None
    asked = asked_about(running, task)
    for _ in range(3):
        assert await post(url, {"id": task.id, "status": "completed"}) == 204
    last = await under_way(running, "just now")
    evolink.book.finish(last)
    await running.film("just now")
    assert asked_about(running, task) == asked
    assert sum("long ago" in video["content"] for video in running.posted_videos()) == 1


async def test_the_web_server_shows_health_and_metrics_and_no_more(running: Running) -> None:
    task = await under_way(running, "look at the door")
    url = task.submission.callback_url
    assert url is not None
    assert await post(url, {"id": task.id, "status": "processing"}) == 204
    web_server = url.split("/callbacks/", 1)[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{web_server}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{web_server}/readyz") as answer:
            assert answer.status == 200
        async with session.get(f"{web_server}/metrics") as answer:
            figures = await answer.text()
        async with session.get(f"{web_server}/") as answer:
            assert answer.status == 404
    assert 'retake_callbacks_total{provider="evolink"}' in figures
    assert url.rsplit("/", 1)[1] not in figures
    log = (running.folder / "bot-1.log").read_text()
    assert url.rsplit("/", 1)[1] not in log
