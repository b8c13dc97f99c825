"""How a call between the bot and the stand-ins goes wrong on the wire, by what the call does.

Owns which calls there are, which faults, and how each one looks to the bot. It sits in front of the
stand-ins, so that Discord, the providers and their files all fail in the same ways.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from bot.ops.clock import SystemClock
from sandbox.discord.wire.faults import Fault as DiscordFault
from sandbox.providers import Providers
from sandbox.providers.api_server import Download
from sandbox.providers.faults import PROXY_PAGE, Fault, Kind, reset, spoil
from sandbox.providers.faults import Op as ProviderOp
from sandbox.providers.fetch import OWN_FETCH

REAL = SystemClock()
"""How long a fault lasts is time that really passes: the bot here has no other clock. Nobody waits
on it for an outcome.
"""

SILENCE_SECONDS = 4.0
"""Longer than any call waits here."""

RETRY_AFTER = 0.3
HUGE_BYTES = 24 * 2**20
"""Of what comes from Discord, whose library reads to the end; a provider's answer has no end."""


class Call(StrEnum):
    """Every call of the bot to the outside."""

    SUBMIT = "submit"
    QUERY = "query"
    BATCH = "batch"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    ACKNOWLEDGE = "acknowledge"
    MESSAGE = "message"
    FILE = "file"
    THREAD = "thread"
    EDIT = "edit"
    FETCH = "fetch"


OF_DISCORD = frozenset(
    {Call.ACKNOWLEDGE, Call.MESSAGE, Call.FILE, Call.THREAD, Call.EDIT, Call.FETCH}
)


class How(StrEnum):
    """What goes wrong with a call. The ``after`` ones hide that it took effect."""

    REFUSED = "refused"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    SILENT = "timeout before"
    SILENT_AFTER = "timeout after"
    BUSY = "429"
    BUSY_UNTIL = "429 Retry-After"
    S400 = "400"
    S401 = "401"
    S402 = "402"
    S403 = "403"
    S404 = "404"
    S500 = "500"
    S502 = "502"
    S503 = "503"
    S500_AFTER = "500 after"
    MALFORMED = "malformed"
    HUGE = "huge"
    HTML = "wrong content type"
    SLOW = "slow drip"
    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong length"


SPOILT = {
    How.HUGE: Kind.HUGE,
    How.SLOW: Kind.SLOW,
    How.TRUNCATED: Kind.TRUNCATE,
    How.WRONG_LENGTH: Kind.WRONG_LENGTH,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def call_of(request: web.Request) -> Call | None:
    """What a request is, None for what no fault is planned for (the provider, people, …)."""
    path, method = request.path, request.method
    if path.startswith("/cdn/"):
        return Call.FETCH
    if path.startswith("/evolink-files/") and method == "POST":
        return Call.UPLOAD
    if path.startswith("/evolink/v1/"):
        if method == "POST":
            return Call.BATCH if path.endswith("/batch") else Call.SUBMIT
        return Call.QUERY if path.startswith("/evolink/v1/tasks/") else None
    if path.startswith("/results/evolink/"):
        return Call.DOWNLOAD
    return _call_of_discord(path, method, request.content_type)


def _call_of_discord(path: str, method: str, content_type: str) -> Call | None:
    if not path.startswith("/api/"):
        return None
    if path.endswith("/callback"):
        return Call.ACKNOWLEDGE
    if path.endswith("/threads"):
        return Call.THREAD
    if path.startswith("/api/v10/channels/") and "/messages" in path:
        if method == "PATCH":
            return Call.EDIT
        if method == "POST":
            return Call.FILE if content_type == "multipart/form-data" else Call.MESSAGE
    return None


@dataclass(kw_only=True)
class Weather:
    """The fault in force: it strikes the next ``times`` calls of its kind.

    ``strikes`` is set as soon as it did so. ``answered`` is told of every call's end.
    """

    providers: Providers
    call: Call | None = None
    how: How | None = None
    times: int = 0
    struck: int = 0
    strikes: asyncio.Event = field(default_factory=asyncio.Event)
    answered: Callable[[Call], Awaitable[None]] | None = None

    def change(self, call: Call | None, how: How | None, *, times: int) -> None:
        """Another fault, or none."""
        self.call, self.how, self.times, self.struck = call, how, times, 0
        self.strikes.clear()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a call through, or not. No connection is used twice: else none could be refused."""
        call = call_of(request)
        if call is None or OWN_FETCH in request.headers:
            return await handler(request)
        if call is self.call and self.struck < self.times and self.how is not How.REFUSED:
            self.struck += 1
            self.strikes.set()
            response = await self._spoilt(request, handler, call)
        else:
            response = await handler(request)
        if not response.prepared:
            response.force_close()
        if self.answered is not None:
            await self.answered(call)
        return response

    async def _spoilt(
        self, request: web.Request, handler: Handler, call: Call
    ) -> web.StreamResponse:
        assert self.how is not None
        how = self.how
        if how in {How.RESET_BEFORE, How.SILENT}:
            return await self._unheard(request, how)
        if how in {How.BUSY, How.BUSY_UNTIL} or how.value.isdecimal():
            return self._refusal(call, how)
        response = await handler(request)
        if how is How.RESET_AFTER:
            reset(request)
            return response
        if how is How.SILENT_AFTER:
            await REAL.sleep(SILENCE_SECONDS)
            return response
        if how is How.S500_AFTER:
            return self._status(call, 500)
        if how is How.HTML:
            return web.Response(text=PROXY_PAGE, status=200, content_type="text/html")
        body = await _body(response)
        kind = response.content_type
        if how is How.MALFORMED:
            return web.Response(body=body[: len(body) // 2], content_type=kind)
        if how is How.HUGE and call in OF_DISCORD:
            return web.Response(body=body + b" " * HUGE_BYTES, content_type=kind)
        fault = Fault(id="0", on=ProviderOp.QUERY, kind=SPOILT[how], seconds=0.5)
        with contextlib.suppress(ConnectionError):
            return await spoil(request, fault, body, kind, asyncio.sleep)
        return web.Response(status=400)  # nobody reads it any more

    async def _unheard(self, request: web.Request, how: How) -> web.StreamResponse:
        if how is How.RESET_BEFORE:
            reset(request)
        else:
            await REAL.sleep(SILENCE_SECONDS)
        return web.Response(status=500)

    def _refusal(self, call: Call, how: How) -> web.Response:
        if how is How.BUSY:
            return self._status(call, 429)
        if how is How.BUSY_UNTIL:
            return self._status(call, 429, retry_after=RETRY_AFTER)
        return self._status(call, int(how.value))

    def _status(self, call: Call, status: int, retry_after: float | None = None) -> web.Response:
        if call not in OF_DISCORD:
            return self.providers.evolink.refusal(status, retry_after=retry_after)
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if status == 429 and retry_after is None:
            # Not Discord itself but what stands before it: no word of when to come back.
            return _json({"message": "You are being rate limited."}, 429, {})
        fault = DiscordFault(id="0", method="*", route="*", status=status, headers=headers)
        status, body, headers = fault.answer()
        return _json(body, status, headers)


def _json(body: Any, status: int, headers: dict[str, str]) -> web.Response:
    """As Discord says it: the library believes no other content type than this one."""
    reported = json.dumps(body).encode()
    return web.Response(
        body=reported, status=status, headers=headers, content_type="application/json"
    )


async def _body(response: web.StreamResponse) -> bytes:
    if isinstance(response, Download):
        return await asyncio.to_thread(response.path.read_bytes)
    if isinstance(response, web.FileResponse):
        return await asyncio.to_thread(response._path.read_bytes)
    body: Any = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""
