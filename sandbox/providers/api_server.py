"""The HTTP server that answers every call of a provider's API.

Owns the record of calls, authentication, the rate limit, faults on the wire, unknown routes and
defects. What a call means is the handlers' business, what an error looks like the provider's.
"""

import abc
import asyncio
import collections
import functools
import json
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.providers.faults import (
    CUT,
    PROXY_PAGE,
    Fault,
    FaultPlan,
    Kind,
    Op,
    Sleep,
    reset,
    spoil,
)
from sandbox.providers.fetch import OWN_FETCH
from sandbox.providers.settings import Settings
from sandbox.providers.submission import Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MOST_BODY = 64 * 1024 * 1024
_KEPT_CALLS = 2000

TASK_ID = web.RequestKey("task_id", str)
"""Which task a call was about, noted by the handler."""

SENT = web.RequestKey("sent", object)
"""The JSON a call brought."""


class Download(web.FileResponse):
    """A file from the disk, known by its path so that a fault can spoil it."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(path, headers={"Content-Type": kind})
        self.path = path


@dataclass(kw_only=True)
class Call:
    """One call as it came in and how it was answered; status 0: the connection was cut."""

    n: int
    at: float
    method: str
    path: str
    op: str
    status: int = 0
    task_id: str | None = None
    ms: int = 0
    sent: Any = None
    idempotency_key: str | None = None
    replayed: bool = False

    def public(self) -> dict[str, Any]:
        """The call as the control interface shows it."""
        names = ("n", "at", "method", "path", "op", "status", "task_id", "ms")
        return {name: getattr(self, name) for name in names}


class ApiServer(abc.ABC):
    """The outside of a provider."""

    def __init__(self, *, api_key: str, clock: Callable[[], float], sleep: Sleep) -> None:
        self.settings = Settings(api_key=api_key)
        self.faults = FaultPlan()
        self.calls: collections.deque[Call] = collections.deque(maxlen=_KEPT_CALLS)
        self.counts: collections.Counter[str] = collections.Counter()
        self.unhandled: list[str] = []
        self.crashes: list[str] = []
        self.clock = clock
        self.sleep = sleep
        self._recent: collections.deque[float] = collections.deque()

    @abc.abstractmethod
    def error(
        self, status: int, code: str | int | None, message: str | None, param: str | None = None
    ) -> Any:
        """An error's JSON, with the page's words where none are given."""

    @abc.abstractmethod
    def tell(self) -> None:
        """Something changed: wake who waits."""

    def entry(self, op: Op, handler: Handler, *, key_needed: bool = True) -> Handler:
        """A handler as the outside sees it: recorded, guarded and liable to faults."""

        @functools.wraps(handler)
        async def enter(request: web.Request) -> web.StreamResponse:
            own = OWN_FETCH in request.headers
            call = self.record(request, "fetch" if own else op)
            started = time.perf_counter()
            try:
                fault = None if own else self.faults.take(op)
                response = await self._answer(request, fault, handler, key_needed=key_needed)
                if not response.prepared:
                    response.headers["Date"] = formatdate(self.clock(), usegmt=True)
                call.status = 0 if CUT in request else response.status
                call.replayed = response.headers.get("idempotency-replayed") == "true"
                return response
            except ConnectionError:  # the caller went away in the middle of a call
                return self.refusal(500)
            except Exception:  # noqa: BLE001 - the outer wall: a defect is kept for the test to see
                self.crashes.append(traceback.format_exc())
                call.status = 500
                return self.refusal(500)
            finally:
                call.task_id = request.get(TASK_ID)
                call.sent = request.get(SENT)
                call.ms = round((time.perf_counter() - started) * 1000)
                self.tell()

        return enter

    def record(self, request: web.Request, op: str) -> Call:
        """Note that a call came in."""
        self.counts[op] += 1
        call = Call(
            n=self.counts.total(),
            at=self.clock(),
            method=request.method,
            path=request.path_qs,
            op=op,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        self.calls.append(call)
        self.tell()
        return call

    @web.middleware
    async def strangers(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what no route is made for, and remember it: a test must fail over it."""
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            self.unhandled.append(f"{request.method} {request.path}")
            self.record(request, "unhandled").status = error.status
            return self.refusal(error.status, None, f"no route {request.method} {request.path}")

    def refusal(
        self,
        status: int,
        code: str | int | None = None,
        message: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> web.Response:
        """An error response in the provider's shape."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        body = self.error(status, code, message, param)
        return web.json_response(body, status=status, headers=headers)

    async def _answer(
        self, request: web.Request, fault: Fault | None, handler: Handler, *, key_needed: bool
    ) -> web.StreamResponse:
        if fault is None:
            return await self._guarded(request, handler, key_needed=key_needed)
        if fault.kind is Kind.DROP_BEFORE:
            reset(request)
            return web.Response(status=500)
        if fault.kind is Kind.DELAY:
            await self.sleep(5 if fault.seconds is None else fault.seconds)
        planned = self._planned(fault)
        if planned is not None and not fault.effect:
            return planned
        response = await self._guarded(request, handler, key_needed=key_needed)
        if fault.kind is Kind.DROP_AFTER:
            reset(request)
            return response
        if planned is not None:
            return planned
        if fault.kind is Kind.DELAY:
            return response
        body = await _body(response)
        if fault.kind is Kind.MALFORMED:
            return web.Response(body=body[: len(body) // 2], content_type=response.content_type)
        return await spoil(request, fault, body, response.content_type, self.sleep)

    def _planned(self, fault: Fault) -> web.Response | None:
        if fault.kind is Kind.STATUS:
            status = fault.status or 500
            return self.refusal(status, fault.code, fault.message, retry_after=fault.retry_after)
        if fault.kind is Kind.HTML:
            return web.Response(
                text=PROXY_PAGE, status=fault.status or 502, content_type="text/html"
            )
        return None

    async def _guarded(
        self, request: web.Request, handler: Handler, *, key_needed: bool
    ) -> web.StreamResponse:
        try:
            if key_needed:
                if request.headers.get("Authorization") != f"Bearer {self.settings.api_key}":
                    return self.refusal(401)
                pause = self._over_the_limit()
                if pause is not None:
                    return self.refusal(429, retry_after=pause)
            return await handler(request)
        except Refused as refused:
            return self.refusal(refused.status, refused.code, refused.message, refused.param)

    def _over_the_limit(self) -> float | None:
        """Seconds until the next call is allowed, or None when this one is."""
        limit = self.settings.rate_limit
        if limit is None:
            return None
        now = self.clock()
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        if len(self._recent) >= limit:
            return max(1, round(self._recent[0] + 60 - now)) if self._recent else 60
        self._recent.append(now)
        return None

    async def json(self, request: web.Request) -> Any:
        """The JSON body, refused when it is none or too large."""
        if request.content_type != "application/json":
            raise Refused("Content-Type must be application/json")
        body = bytearray()
        async for piece in request.content.iter_chunked(1 << 16):
            body += piece
            if len(body) > _MOST_BODY:
                raise Refused("the request is too large", status=413)
        try:
            sent = json.loads(bytes(body))
        except ValueError:
            raise Refused("the body is not valid JSON") from None
        request[SENT] = sent
        return sent


async def _body(response: web.StreamResponse) -> bytes:
    if isinstance(response, Download):
        return await asyncio.to_thread(response.path.read_bytes)
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""
