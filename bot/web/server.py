"""The HTTP server: /healthz, /readyz, /metrics, and /callbacks/… if callbacks are enabled."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.domain.catalogue import ProviderName
from bot.domain.errors import RetakeError
from bot.domain.ids import GenerationId, TaskId
from bot.ops.metrics import Metrics
from bot.web.callbacks import CallbackSigner
from bot.web.health import Health

log = structlog.get_logger(__name__)

BODY_LIMIT = 64 * 1024
MAX_TASK_ID = 255
_BODY_SECONDS = 5
_SAVING_SECONDS = 4
"""Together with the time for the body, this is less than the providers' timeout of 10 seconds."""


class WebServer:
    """A small web server. ``signer`` None disables callbacks.

    ``called`` gets the provider, the generation's id and the id of the task in the body (or None)
    for every callback with our signature, repeated and late ones included. The response waits for
    it. If it fails or takes too long, the status is 503, and the provider calls again later.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        metrics: Metrics,
        health: Callable[[], Health],
        called: Callable[[ProviderName, GenerationId, TaskId | None], Awaitable[None]],
        signer: CallbackSigner | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._metrics = metrics
        self._health = health
        self._called = called
        self._signer = signer
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to listen. ``port`` is then the real one, or 0 after an OSError: it is in use."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._render)
        if self._signer:
            path = "/callbacks/{provider}/{generation}/{signature}"
            # APIMart appends this path.
            for suffix in ("", "/callback"):
                app.router.add_route("*", path + suffix, self._callback)
        # No access log: the paths of callbacks are secrets.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=2, lingering_time=1, keepalive_timeout=15
        )
        await self._runner.setup()
        site, self.port = web.TCPSite(self._runner, self.host, self.port), 0
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening. Running requests have two more seconds."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _: web.Request) -> web.Response:
        health = self._health()
        return web.json_response(health.as_json(), status=200 if health.alive else 503)

    async def _readyz(self, _: web.Request) -> web.Response:
        health = self._health()
        return web.json_response(health.as_json(), status=200 if health.ready else 503)

    async def _render(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.render(), headers={"Content-Type": self._metrics.content_type}
        )

    async def _callback(self, request: web.Request) -> web.Response:
        provider = ProviderName(request.match_info["provider"])
        generation_id = GenerationId(request.match_info["generation"])
        signature = request.match_info["signature"]
        genuine = self._signer and self._signer.verify(provider, generation_id, signature)
        if request.method != "POST" or not genuine:
            raise web.HTTPNotFound
        body = await _read(request)
        self._metrics.callback_received(provider)
        try:
            async with asyncio.timeout(_SAVING_SECONDS):
                await self._called(provider, generation_id, _named_task(body))
        except (RetakeError, TimeoutError) as error:
            log.warning("callback_not_saved", generation=generation_id, error=str(error))
            raise web.HTTPServiceUnavailable from None
        return web.Response(status=204)


async def _read(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _named_task(body: bytes) -> TaskId | None:
    """Return the id of the task in a callback's body, or None.

    The body is the response to a query: a task, or ``data`` with a task or a list of one task.
    """
    try:
        task = json.loads(body)
    except (ValueError, RecursionError):
        return None
    inner = task.get("data") if isinstance(task, dict) else None
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, dict):
        task = inner
    if not isinstance(task, dict):
        return None
    named = next((task[name] for name in ("id", "task_id") if name in task), None)
    if isinstance(named, bool) or not isinstance(named, str | int):
        return None
    named = str(named).strip()
    return TaskId(named) if 0 < len(named) <= MAX_TASK_ID else None
