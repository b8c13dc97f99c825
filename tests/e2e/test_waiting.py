"""Discord keeps the bot waiting for hours at its start: it stays, says so, and the work goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.clips import FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.process import BotProcess
from sandbox.providers.service import Provider
from tests.e2e.films import film
from tests.e2e.running import FREE, Running, running_sandbox

KITE = "a red kite over the harbour"
HOURS = 23 * 3600


@pytest.fixture
async def running(tmp_path: Path, validator: OpenApiValidator | None) -> AsyncIterator[Running]:
    clips = FixedClips(film(tmp_path / "film.mp4"))
    async with running_sandbox(tmp_path, validator, clips=clips, seconds=3600) as running:
        yield running


def polls(provider: Provider) -> int:
    return sum(call.op in {"query", "batch"} for call in provider.calls)


async def test_a_limit_of_23_hours_is_waited_for_while_the_work_goes_on(
    running: Running, unused_tcp_port: int
) -> None:
    text = running.config.read_text()
    running.config.write_text(text.replace("port = 0", f"port = {unused_tcp_port}"))
    await running.start_bot(FREE)
    await running.video(KITE)
    await running.status(KITE, "Working")
    await running.kill_bot()
    discord, provider = running.sandbox.discord, running.sandbox.providers.evolink
    for route in ("/users/@me", "/gateway/bot"):
        discord.faults.order(
            {
                "method": "GET",
                "route": route,
                "status": 429,
                "headers": {"Retry-After": str(HOURS)},
                "times": 1000,
            }
        )
    asked = polls(provider)
    (task,) = provider.tasks.values()
    provider.book.finish(task)
    running.bot = BotProcess(config=running.config, log=running.folder / "bot-2.log")
    await running.bot.start()
    # The result is asked for although nobody can be told of it yet.
    await provider.wait(lambda now: polls(now) > asked, timeout=60)
    web_server = f"http://127.0.0.1:{unused_tcp_port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{web_server}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{web_server}/readyz") as answer:
            assert answer.status == 503
            parts = (await answer.json())["parts"]
    assert parts["discord"]["detail"].startswith("waiting until ")
    logins = [e for e in discord.exchanges if e["route"] == "/users/@me" and e["status"] == 429]
    assert len(logins) == 1
    assert "login_failed" in running.bot.log.read_text()
    discord.faults.clear()
    assert await running.bot.stop() == 0
    await running.start_bot()
    await running.film(KITE)
    assert len(running.posted_videos()) == 1
