"""The bot's web server behind a real HTTP client: health, metrics, and callbacks as mere hints."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Accepted, Code, StorageUnavailable
from bot.domain.generation import State
from bot.domain.ids import GenerationId, TaskId
from bot.ops.metrics import Metrics
from bot.web.callbacks import MAX_URL, CallbackSigner
from bot.web.health import Health, PartHealth
from bot.web.server import BODY_LIMIT, WebServer

EVOLINK, APIMART = ProviderName("evolink"), ProviderName("apimart")
ID = GenerationId("0123456789abcdefghij")
TOKEN = "a-discord-token"


class House:
    """A web server and the calls that reach the services behind it."""

    def __init__(self, *, callbacks: bool = True) -> None:
        self.hints: list[GenerationId] = []
        self.named: list[TaskId | None] = []
        self.saving: Callable[[], Awaitable[None]] | None = None
        self.health = Health(alive=True, ready=True)
        self.metrics = Metrics()
        self.signer = CallbackSigner(TOKEN)
        self.server = WebServer(
            host="127.0.0.1",
            port=0,
            metrics=self.metrics,
            health=lambda: self.health,
            called=self.called,
            signer=self.signer if callbacks else None,
        )

    async def called(
        self, provider: ProviderName, generation_id: GenerationId, task_id: TaskId | None
    ) -> None:
        assert provider == EVOLINK
        if self.saving is not None:
            await self.saving()
        self.hints.append(generation_id)
        self.named.append(task_id)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def callback(self, provider: ProviderName = EVOLINK, generation_id: GenerationId = ID) -> str:
        return self.signer.callback_url(self.address, provider, generation_id)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    await house.server.start()
    yield house
    await house.server.stop()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


async def test_health_and_readiness_are_two_questions(
    house: House, client: aiohttp.ClientSession
) -> None:
    async def answers() -> tuple[int, int]:
        async with (
            client.get(f"{house.address}/healthz") as health,
            client.get(f"{house.address}/readyz") as ready,
        ):
            assert await health.json() == await ready.json() == house.health.as_json()
            return health.status, ready.status

    assert await answers() == (200, 200)
    house.health = Health(
        alive=True, ready=False, parts={"discord": PartHealth(ok=False, detail="connecting")}
    )
    assert await answers() == (200, 503)
    house.health = Health(alive=False, ready=False)
    assert await answers() == (503, 503)


async def test_the_metrics_are_served(house: House, client: aiohttp.ClientSession) -> None:
    metrics = house.metrics
    metrics.moved(None, State.QUEUED)
    metrics.moved(State.QUEUED, State.SUBMITTING)
    metrics.open_generations({State.RUNNING: 3})
    metrics.polled(EVOLINK, 50)
    metrics.called(EVOLINK, "submit", Code.PROVIDER_RATE_LIMITED.value, 0.2)
    metrics.delivered(1.5)
    metrics.refused(Code.QUOTA_VIDEOS)
    metrics.spent(EVOLINK, 860_000)
    metrics.step_failed(State.READY)
    async with client.get(f"{house.address}/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        lines = (await answer.text()).splitlines()
    for line in (
        'retake_transitions_total{after="queued",before=""} 1.0',
        'retake_transitions_total{after="submitting",before="queued"} 1.0',
        'retake_generations{state="running"} 3.0',
        'retake_generations{state="ready"} 0.0',
        'retake_polls_total{provider="evolink"} 1.0',
        'retake_polled_tasks_total{provider="evolink"} 50.0',
        "retake_delivery_lag_seconds_sum 1.5",
        'retake_refusals_total{code="quota_videos"} 1.0',
        'retake_spent_micro_usd_total{provider="evolink"} 860000.0',
        'retake_step_failures_total{state="ready"} 1.0',
        (
            "retake_provider_call_seconds_count"
            '{call="submit",outcome="provider_rate_limited",provider="evolink"} 1.0'
        ),
    ):
        assert line in lines


async def test_a_callback_with_our_signature_is_a_hint_each_time(
    house: House, client: aiohttp.ClientSession
) -> None:
    for body in ({"status": "completed"}, {"status": "failed", "results": ["http://evil/"]}, None):
        async with client.post(house.callback(), json=body) as answer:
            assert answer.status == 204
            assert await answer.read() == b""
    assert house.hints == [ID, ID, ID]
    assert b'retake_callbacks_total{provider="evolink"} 3.0' in house.metrics.render()


async def test_a_provider_may_append_a_path_to_the_address(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with client.post(f"{house.callback()}/callback", json={}) as answer:
        assert answer.status == 204
    assert house.hints == [ID]
    for odd in ("/callback/callback", "/callbacks", "/"):
        async with client.post(house.callback() + odd, json={}) as answer:
            assert answer.status == 404
    async with client.get(f"{house.callback()}/callback") as answer:
        assert answer.status == 404
    assert house.hints == [ID]


@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        (b'{"id": "task-unified-1-a", "status": "completed"}', "task-unified-1-a"),
        (b'{"code": 200, "data": {"id": "task_01K", "status": "failed"}}', "task_01K"),
        (b'{"code": 200, "data": [{"task_id": "task_01K"}]}', "task_01K"),
        (b'{"id": "req-1", "data": []}', "req-1"),
        (b'{"task_id": 1234567890123456789}', "1234567890123456789"),
        (b'{"id": true}', None),
        (b'{"id": ["a"]}', None),
        (b'{"id": ""}', None),
        (b'{"id": "' + b"x" * 256 + b'"}', None),
        (b"[1]", None),
        (b"<html>", None),
        (b"[" * 50_000, None),
        (b"", None),
    ],
)
async def test_a_callback_may_name_its_task(
    house: House, client: aiohttp.ClientSession, body: bytes, task_id: str | None
) -> None:
    async with client.post(house.callback(), data=body) as answer:
        assert answer.status == 204
    assert house.named == [task_id]


async def test_who_calls_hears_of_success_only_when_the_name_is_saved(
    house: House, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.server._SAVING_SECONDS", 0.05)

    async def fail() -> None:
        raise StorageUnavailable("away", accepted=Accepted.UNKNOWN)

    async def hang() -> None:
        await asyncio.Event().wait()

    for trouble in (fail, hang):
        house.saving = trouble
        async with client.post(house.callback(), json={"id": "task-unified-1-a"}) as answer:
            assert answer.status == 503
    house.saving = None
    async with client.post(house.callback(), json={"id": "task-unified-1-a"}) as answer:
        assert answer.status == 204
    assert house.named == ["task-unified-1-a"]


async def test_the_address_is_the_same_after_a_restart(
    house: House, client: aiohttp.ClientSession
) -> None:
    """A late callback finds the new process: nothing was kept but the token."""
    late = CallbackSigner(TOKEN).callback_url(house.address, EVOLINK, ID)
    async with client.post(late) as answer:
        assert answer.status == 204
    assert house.hints == [ID]


async def test_forged_callbacks_are_nothing(house: House, client: aiohttp.ClientSession) -> None:
    genuine = house.callback()
    signature = genuine.rpartition("/")[2]
    other = GenerationId("zzzzzzzzzzzzzzzzzzzz")
    forged = [
        genuine[:-1] + ("0" if genuine[-1] != "0" else "1"),
        genuine.replace(signature, signature.upper()),
        genuine.replace(signature, ""),
        genuine.replace(signature, "%F0%9F%98%80"),
        genuine.replace(signature, signature[:-1]),
        f"{genuine}/",
        f"{house.address}/callbacks/evolink/{other}/{signature}",
        f"{house.address}/callbacks/apimart/{ID}/{signature}",
        CallbackSigner("another-token").callback_url(house.address, EVOLINK, ID),
    ]
    for url in forged:
        async with client.post(url, json={"status": "completed"}) as answer:
            assert answer.status == 404, url
    for method in ("GET", "PUT", "DELETE"):
        async with client.request(method, genuine) as answer:
            assert answer.status == 404
    assert house.hints == []


async def test_each_generation_at_each_provider_has_its_own_address(house: House) -> None:
    other = GenerationId("zzzzzzzzzzzzzzzzzzzz")
    addresses = {
        house.callback(EVOLINK, ID),
        house.callback(EVOLINK, other),
        house.callback(APIMART, ID),
    }
    assert len({address.rpartition("/")[2] for address in addresses}) == 3
    assert TOKEN not in "".join(addresses)


async def test_a_body_beyond_the_cap_is_cut_off(
    house: House, client: aiohttp.ClientSession
) -> None:
    async with client.post(house.callback(), data=b"x" * BODY_LIMIT) as answer:
        assert answer.status == 204
    async with client.post(house.callback(), data=b"x" * (BODY_LIMIT + 1)) as answer:
        assert answer.status == 413

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 4096

    with pytest.raises((aiohttp.ClientError, AssertionError)):
        async with client.post(house.callback(), data=endless()) as answer:
            assert answer.status != 413
    assert house.hints == [ID]


async def test_a_body_that_never_comes_does_not_keep_the_connection(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.server._BODY_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    path = house.callback().removeprefix(house.address)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()
    assert house.hints == []


async def test_without_a_public_url_there_are_no_callbacks(client: aiohttp.ClientSession) -> None:
    house = House(callbacks=False)
    await house.server.start()
    try:
        async with client.post(house.callback()) as answer:
            assert answer.status == 404
        async with client.get(f"{house.address}/healthz") as answer:
            assert answer.status == 200
    finally:
        await house.server.stop()
    assert house.hints == []


async def test_stopping_frees_the_port_and_a_taken_port_is_reported() -> None:
    house, second = House(), House()
    await house.server.start()
    port = second.server.port = house.server.port
    with pytest.raises(OSError):
        await second.server.start()
    await second.server.stop()
    await house.server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_address_too_long_for_the_providers_is_refused() -> None:
    signer = CallbackSigner(TOKEN)
    room = MAX_URL - len(signer.callback_url("https://e.org", EVOLINK, ID))
    fitting = signer.callback_url("https://e.org/" + "x" * (room - 1), EVOLINK, ID)
    assert len(fitting) == MAX_URL
    with pytest.raises(ValueError):
        signer.callback_url("https://e.org/" + "x" * room, EVOLINK, ID)
    with pytest.raises(ValueError):
        signer.callback_url("ftp://e.org", EVOLINK, ID)


def test_health_shows_every_part() -> None:
    health = Health(alive=True, ready=True, parts={"database": PartHealth(ok=True, detail="3 ms")})
    assert json.dumps(health.as_json()) == (
        '{"alive": true, "ready": true, "parts": {"database": {"ok": true, "detail": "3 ms"}}}'
    )
