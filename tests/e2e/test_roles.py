"""A gateway and a worker as two processes on one PostgreSQL: the work, and what /readyz tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.clips import FixedClips
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.process import BotProcess
from tests.contract.storage import postgres
from tests.e2e.films import film
from tests.e2e.running import FREE, QUICK, Running, running_sandbox

Json = dict[str, Any]

DATABASE = "retake_roles"
KITE = "a red kite over two processes"
ASK_SECONDS = 0.25
PATIENCE_SECONDS = 60.0


@dataclass(kw_only=True)
class Process:
    """One of the two processes, and the address of its web server."""

    bot: BotProcess
    web_server: str

    async def readyz(self) -> tuple[int, Json]:
        """The status of /readyz and its parts; (0, {}) while nobody listens."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.web_server}/readyz") as answer,
            ):
                return answer.status, (await answer.json())["parts"]
        except aiohttp.ClientConnectionError:
            return 0, {}

    async def comes_to(self, says: Callable[[int, Json], bool]) -> Json:
        """The parts, as soon as they are so. A process that ends instead fails at once."""
        ended = asyncio.create_task(self.bot.wait())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    status, parts = await self.readyz()
                    if parts and says(status, parts):
                        return parts
                    await asyncio.wait({ended}, timeout=ASK_SECONDS)
                    assert not ended.done(), self.bot.log.read_text()
        finally:
            ended.cancel()


@dataclass(kw_only=True)
class Roles:
    """What the test has in its hands."""

    running: Running
    server: str
    gateway: Process
    worker: Process

    async def take_the_database_away(self) -> None:
        """Nobody gets in any more, and who is in is thrown out."""
        await postgres.administer(
            self.server,
            f"ALTER DATABASE {DATABASE} WITH ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'retake_roles'",
        )

    async def give_it_back(self) -> None:
        await postgres.administer(
            self.server, f"ALTER DATABASE {DATABASE} WITH ALLOW_CONNECTIONS true"
        )


@pytest.fixture
async def roles(
    tmp_path: Path, validator: OpenApiValidator | None, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Roles]:
    if not postgres.is_to_be_had():
        pytest.skip(postgres.HOW)
    with postgres.server() as server:
        await postgres.administer(
            server, f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"
        )
        clips = FixedClips(film(tmp_path / "film.mp4"))
        async with running_sandbox(tmp_path, validator, clips=clips) as running:
            url = postgres.with_database(server, DATABASE)
            processes = {
                role: process(running, role, unused_tcp_port_factory(), url)
                for role in ("gateway", "worker")
            }
            try:
                yield Roles(running=running, server=server, **processes)
            finally:
                stops = [one.bot.stop() for one in processes.values()]
                assert set(await asyncio.gather(*stops)) <= {0, None}
        await postgres.administer(server, f"DROP DATABASE {DATABASE} WITH (FORCE)")


def process(running: Running, role: str, port: int, url: str) -> Process:
    """A process of this role; both keep their media in the same folder."""
    url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    text = running.config.read_text().replace("port = 0", f"port = {port}")
    sqlite = next(line for line in text.splitlines() if line.startswith('url = "sqlite'))
    config = running.folder / f"{role}.toml"
    config.write_text(text.replace(sqlite, f'url = "{url}"') + FREE + QUICK)
    bot = BotProcess(config=config, log=running.folder / f"bot-{role}.log", role=role)
    return Process(bot=bot, web_server=f"http://127.0.0.1:{port}")


def ready(status: int, parts: Json) -> bool:
    return status == 200 and parts["database"]["ok"]


def without_database(status: int, parts: Json) -> bool:
    return status == 503 and not parts["database"]["ok"]


async def test_both_say_whether_they_can_work_and_the_gateway_whether_anybody_does(
    roles: Roles,
) -> None:
    gateway, worker = roles.gateway, roles.worker
    await gateway.bot.start()
    parts = await gateway.comes_to(ready)
    assert parts["workers"] == {"ok": False, "detail": "none is running: requests wait"}
    await roles.running.video(KITE)

    await worker.bot.start()
    parts = await worker.comes_to(ready)
    assert parts["discord"] == {"ok": True, "detail": "logged in"}
    assert "workers" not in parts
    await roles.running.film(KITE)
    parts = await gateway.comes_to(lambda _, parts: parts["workers"]["ok"])
    assert parts["workers"]["detail"] == "1 running"

    await roles.take_the_database_away()
    for one in (gateway, worker):
        await one.comes_to(without_database)
    await roles.give_it_back()
    for one in (gateway, worker):
        await one.comes_to(ready)

    assert await worker.bot.stop() == 0
    await gateway.comes_to(lambda status, parts: status == 200 and not parts["workers"]["ok"])
    assert len(roles.running.posted_videos()) == 1
