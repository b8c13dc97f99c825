"""Discord's REST server: finds the route, applies faults, records and validates exchanges.

Owns everything that is the same for all requests: authorization, rate limits, errors, the record.
Must not know what any route does.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import struct
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.discord.core import Core
from sandbox.discord.rules.errors import DiscordError, not_found, rate_limited, unauthorized
from sandbox.discord.state.snowflakes import iso
from sandbox.discord.wire.faults import Fault, Faults, RateLimits
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.discord.wire.rest import (
    channels,
    commands,
    guilds,
    interactions,
    messages,
    threads,
    users,
)
from sandbox.discord.wire.rest.call import Body, Call, Route, read_body

Json = dict[str, Any]
PREFIX = "/api/v10"
KEPT = 2000
ROUTES: list[Route] = [
    *users.ROUTES,
    *guilds.ROUTES,
    *channels.ROUTES,
    *messages.ROUTES,
    *threads.ROUTES,
    *commands.ROUTES,
    *interactions.ROUTES,
]


class Table:
    """Routes by method and length, literal steps before parameters."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in routes:
            steps = route.template.strip("/").split("/")
            self._routes.setdefault((route.method, len(steps)), []).append((steps, route))
        for listed in self._routes.values():
            listed.sort(key=lambda pair: sum(step.startswith("{") for step in pair[0]))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        steps = path.strip("/").split("/")
        for template, route in self._routes.get((method, len(steps)), ()):
            params = {}
            for wanted, given in zip(template, steps, strict=True):
                if wanted.startswith("{"):
                    name = wanted[1:-1]
                    if name.endswith("_id") and not given.isdecimal() and given != "@original":
                        break
                    params[name] = given
                elif wanted != given:
                    break
            else:
                return route, params
        return None


class Exchanges:
    """The newest REST exchanges, numbered."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: deque[Json] = deque(maxlen=KEPT)

    def add(self, exchange: Json) -> None:
        self.count += 1
        exchange["n"] = self.count
        self._kept.append(exchange)

    def after(self, number: int) -> list[Json]:
        return [exchange for exchange in self._kept if exchange["n"] > number]


class RestServer:
    """Every REST request comes through here."""

    def __init__(
        self, core: Core, call: Callable[..., Call], validator: OpenApiValidator | None
    ) -> None:
        self._core = core
        self._call = call
        self._table = Table(ROUTES)
        self.validator = validator
        self.faults = Faults()
        self.limits = RateLimits(core.clock)
        self.exchanges = Exchanges()
        self.violations: list[str] = []
        self.unhandled: list[Json] = []
        self.crashes: list[Json] = []

    def mount(self, app: web.Application) -> None:
        app.router.add_route("*", PREFIX + "/{tail:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        found = self._table.find(request.method, path)
        if found is None:
            self.unhandled.append({"method": request.method, "path": request.path})
            refusal = not_found()
            self._record(request, None, Body(), 404, refusal.body)
            return _response(404, refusal.body, {})
        route, params = found
        fault = self.faults.take(route.method, route.template)
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault and fault.drop == "before":
            self._record(request, route, Body(), 0, None, validated=False)
            return _cut(request)
        if fault and fault.status is not None:
            return await self._by_fault(request, route, fault)
        body = Body()
        headers: dict[str, str] = {}
        try:
            body = await self._read(request)
            headers = self._limited(request, route, params)
            self._authorized(request, route)
            call = self._call(params=params, query=request.query, body=body)
            result = route.handler(call)
            status, answer = await result if inspect.isawaitable(result) else result
        except DiscordError as error:
            status, answer = error.status, error.body
            headers = headers | error.headers
        except (ConnectionError, asyncio.CancelledError):
            raise
        except web.HTTPRequestEntityTooLarge:
            status, answer = 413, {"message": "Request entity too large", "code": 40005}
        except Exception as crash:  # noqa: BLE001 - the server's outer wall: it fails the test
            self.crashes.append({"route": route.template, "error": traceback.format_exc()})
            status, answer = 500, {"message": f"500: {type(crash).__name__}", "code": 0}
        finally:
            body.release()
        self._record(request, route, body, status, answer)
        if fault and fault.drop == "after":
            return _cut(request)
        return _response(status, answer, headers)

    async def _by_fault(
        self, request: web.Request, route: Route, fault: Fault
    ) -> web.StreamResponse:
        body = await self._read(request)
        body.release()
        status, answer, headers = fault.answer()
        self._record(request, route, body, status, answer, validated=False)
        return _response(status, answer, headers)

    async def _read(self, request: web.Request) -> Body:
        return await read_body(request, self._core.cdn.spool, self._core.restrictions)

    def _authorized(self, request: web.Request, route: Route) -> None:
        if route.by_token:
            return
        if request.headers.get("Authorization") != f"Bot {self._core.token}":
            raise unauthorized()

    def _limited(
        self, request: web.Request, route: Route, params: dict[str, str]
    ) -> dict[str, str]:
        if route.by_token:
            return {}
        major = params.get("channel_id") or params.get("guild_id") or ""
        wait, is_global, headers = self.limits.check(route.method, route.template, major)
        if wait > 0:
            error = rate_limited(wait, is_global=is_global)
            error.headers = headers | error.headers
            raise error
        return headers

    def _record(
        self,
        request: web.Request,
        route: Route | None,
        body: Body,
        status: int,
        answer: Any,
        *,
        validated: bool = True,
    ) -> None:
        exchange: Json = {
            "at": iso(self._core.clock()),
            "method": request.method,
            "path": request.path_qs,
            "route": route.template if route else None,
            "status": status,
            "request": body.data,
            "response": answer,
            "violations": [],
        }
        if body.uploads:
            exchange["files"] = [
                {"index": upload.index, "filename": upload.filename, "size": upload.size}
                for upload in body.uploads.values()
            ]
        if self.validator and route and validated:
            exchange["violations"] = self.validator.exchange(
                method=route.method,
                template=route.template,
                query=dict(request.query),
                request=body.data,
                files=sorted(body.uploads) if body.multipart else None,
                status=status,
                response=answer,
            )
            for violation in exchange["violations"]:
                self.violations.append(f"{request.method} {route.template}: {violation}")
        self.exchanges.add(exchange)
        self._core.log.append("EXCHANGE", exchange)


def _response(status: int, answer: Any, headers: dict[str, str]) -> web.Response:
    if answer is None:
        return web.Response(status=status, headers=headers)
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, headers=headers)
    raw = json.dumps(answer, separators=(",", ":")).encode()
    return web.Response(status=status, body=raw, content_type="application/json", headers=headers)


def _cut(request: web.Request) -> web.Response:
    """Reset the connection, as when a line is cut."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
