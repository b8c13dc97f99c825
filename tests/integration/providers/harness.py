"""What the tests of the provider stand-ins share: the clock, the running stand-ins, pictures."""

import asyncio
import base64
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image

from sandbox.clips import Clips
from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Providers

TEXT = "gemini-omni-flash-text-to-video"
IMAGE = "gemini-omni-flash-image-to-video"
EDIT = "gemini-omni-flash-video-edit"
PREVIEW = "gemini-omni-flash-preview"


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_763_000_000.0
        self._expected: list[tuple[float, asyncio.Future[None]]] = []
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waiter))
        for expected, arrived in self._expected:
            if expected == seconds and not arrived.done():
                arrived.set_result(None)
        await waiter

    async def sleeping(self, seconds: float) -> None:
        """Wait until somebody sleeps for exactly that long."""
        due = self.now + seconds
        if any(at == due and not waiter.done() for at, waiter in self._sleepers):
            return
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected.append((seconds, arrived))
        async with asyncio.timeout(5):
            await arrived

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, waiter in list(self._sleepers):
            if due <= self.now + 1e-9:
                self._sleepers.remove((due, waiter))
                if not waiter.done():
                    waiter.set_result(None)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    json: Any
    body: bytes


@dataclass
class Bench:
    """The stand-ins, a client, and what a test needs to speak with them."""

    providers: Providers
    clock: Clock
    session: aiohttp.ClientSession
    url: str
    media: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    problems_expected: bool = False

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        key: str | None = EVOLINK_KEY,
        headers: dict[str, str] | None = None,
        data: Any = None,
    ) -> Answer:
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(method, url, json=json, data=data, headers=sent) as r:
            body = await r.read()
            parsed = await r.json() if r.content_type == "application/json" else None
            return Answer(r.status, {k.lower(): v for k, v in r.headers.items()}, parsed, body)

    async def evolink(self, body: Any, **more: Any) -> Answer:
        return await self.ask("POST", "/evolink/v1/videos/generations", json=body, **more)

    async def apimart(self, body: Any, **more: Any) -> Answer:
        more.setdefault("key", APIMART_KEY)
        return await self.ask("POST", "/apimart/v1/videos/generations", json=body, **more)

    async def task(self, task_id: str) -> Any:
        if task_id.startswith("task-unified-"):
            return (await self.ask("GET", f"/evolink/v1/tasks/{task_id}")).json
        answer = await self.ask("GET", f"/apimart/v1/tasks/{task_id}", key=APIMART_KEY)
        return answer.json["data"]

    async def made(self, body: Any) -> str:
        """Submit to whichever provider has the model and let it complete; returns the task's id."""
        if body["model"] in {PREVIEW, "gemini-omni-1.1-flash"}:
            answer = await self.apimart(body)
            assert answer.status == 200, answer.json
            task_id = answer.json["data"][0]["task_id"]
        else:
            answer = await self.evolink(body)
            assert answer.status == 200, answer.json
            task_id = answer.json["id"]
        self.clock.advance(60)
        assert (await self.task(task_id))["status"] == "completed"
        return task_id

    async def video(self, task_id: str) -> str:
        """The address of a completed task's video."""
        answer = await self.task(task_id)
        if "results" in answer:
            return answer["results"][0]
        return answer["result"]["videos"][0]["url"][0]

    def serve(self, name: str, body: bytes, *, status: int = 200, kind: str = "x/y") -> str:
        """Publish bytes under an address of somebody else's server."""
        self.media[name] = (status, kind, body)
        return f"{self.url}/elsewhere/{name}"

    def fault(self, provider: str, on: str, kind: str, **fields: Any) -> None:
        getattr(self.providers, provider).add_fault(on=on, kind=kind, **fields)


def draw(size: tuple[int, int] = (64, 36), kind: str = "PNG", colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def as_base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


@contextlib.asynccontextmanager
async def running(
    directory: Path, rendered: Path, *, insecure: bool = True, **more: Any
) -> AsyncIterator[Bench]:
    clock = Clock()
    providers = Providers(
        directory=directory,
        clock=clock,
        sleep=clock.sleep,
        clips=Clips(rendered, scale="tiny"),
        allow_insecure_callbacks=insecure,
        **more,
    )
    app = web.Application()
    providers.mount(app)
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def elsewhere(request: web.Request) -> web.Response:
        status, kind, body = bench.media[request.match_info["name"]]
        return web.Response(status=status, body=body, content_type=kind)

    app.router.add_get("/elsewhere/{name}", elsewhere)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    providers.base_url = url
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
    bench = Bench(providers, clock, session, url)
    try:
        yield bench
        if not bench.problems_expected:
            assert providers.problems == []
    finally:
        await session.close()
        await runner.cleanup()
