"""A server that behaves as a test says, and a client in front of it."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.domain.errors import ProviderError
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient, Timeouts

KEY = "sk-key-of-the-client-0123456789"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Timeouts(connect=5, submit=5, read=5, idle=5, transfer=5)


@dataclass
class Site:
    """A server whose one handler a test may replace; ``seen`` are the requests, in order."""

    url: str
    handler: Handler
    seen: list[web.BaseRequest] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)


@contextlib.asynccontextmanager
async def running_site() -> AsyncIterator[Site]:
    """Run a server until the end of the context."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        made.seen.append(request)
        made.connections.add(id(request.transport))
        return await made.handler(request)  # pyright: ignore[reportArgumentType]

    async def fine(_: web.Request) -> web.StreamResponse:
        return web.json_response({"fine": True})

    server = web.Server(answer)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Site(f"http://127.0.0.1:{runner.addresses[0][1]}", fine)
    try:
        yield made
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def opened(
    *, policy: AddressPolicy | None = None, resolver: AbstractResolver | None = None
) -> AsyncIterator[HttpClient]:
    client = HttpClient(
        service="test",
        policy=policy or AddressPolicy(loopback=True),
        timeouts=QUICK,
        resolver=resolver,
    )
    async with client:
        yield client


async def buy(client: HttpClient, url: str) -> object:
    return await client.post_paid(
        url, key=KEY, body={"model": "m"}, headers={"Idempotency-Key": "k"}
    )


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class NoNames(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise OSError(None, "DNS lookup failed")

    async def close(self) -> None:
        return None


async def download(
    client: HttpClient, url: str, target: Path, max_bytes: int = 1_000_000
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await client.download(url, target, max_bytes=max_bytes)
    assert list(target.parent.glob(target.name)) == []
    return caught.value
