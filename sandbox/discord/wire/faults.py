"""Faults on order: what the next requests of a kind are answered with, or how they are cut off.

Owns the list of ordered faults and of strict rate limits. Must not know what a request means.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
WINDOW = 5.0
PER_WINDOW = 5
PER_SECOND = 50
LIMITED = {
    ("POST", "/channels/{channel_id}/messages"),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
}
SAYINGS = {
    400: (0, "400: Bad Request"),
    401: (0, "401: Unauthorized"),
    403: (50013, "Missing Permissions"),
    404: (10003, "Unknown Channel"),
    413: (40005, "Request entity too large"),
    429: (0, "You are being rate limited."),
    500: (0, "500: Internal Server Error"),
    502: (0, "502: Bad Gateway"),
    503: (0, "503: Service Unavailable"),
    504: (0, "504: Gateway Timeout"),
}


@dataclass(kw_only=True)
class Fault:
    id: str
    method: str
    route: str
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: str | None = None
    times: int = 1

    def answer(self) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers, with what Discord would say filled in."""
        assert self.status is not None
        headers, body = dict(self.headers), self.body
        if self.status == 429:
            named = {name.lower(): value for name, value in headers.items()}
            wait = float(named.get("retry-after", 1))
            headers = {"Via": "1.1 sandbox", "Retry-After": str(wait)} | headers
            default: Json = {"code": 0, "retry_after": wait, "global": False}
            body = default | {"message": SAYINGS[429][1]} | (body or {})
        elif body is None:
            code, message = SAYINGS.get(self.status, (0, f"{self.status}"))
            body = {"message": message, "code": code}
        return self.status, body, headers


class Faults:
    """The ordered faults, oldest first; each serves as often as it was asked to."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []
        self._numbers = itertools.count(1)

    def order(self, order: Json) -> Fault:
        """A fault from a control request; a ValueError says what is wrong with it."""
        known = {"method", "route", "status", "body", "headers", "delay", "drop", "times"}
        if strange := set(order) - known:
            raise ValueError(f"a fault has no {min(strange)!r}")
        fault = Fault(
            id=f"f{next(self._numbers)}",
            method=str(order.get("method") or "*").upper(),
            route=plain(str(order.get("route") or "*")),
            status=order.get("status"),
            body=order.get("body"),
            headers={str(k): str(v) for k, v in (order.get("headers") or {}).items()},
            delay=float(order.get("delay") or 0),
            drop=order.get("drop") or None,
            times=int(order.get("times") or 1),
        )
        if fault.drop not in (None, "before", "after"):
            raise ValueError('drop is "before" or "after"')
        if fault.status is None and not fault.delay and not fault.drop:
            raise ValueError("a fault has a status, a delay or a drop")
        self._ordered.append(fault)
        return fault

    def clear(self) -> None:
        self._ordered.clear()

    def take(self, method: str, route: str) -> Fault | None:
        route = plain(route)
        for fault in self._ordered:
            if fault.method in ("*", method) and fault.route in ("*", route):
                fault.times -= 1
                if fault.times <= 0:
                    self._ordered.remove(fault)
                return fault
        return None


def plain(route: str) -> str:
    """A template without its parameters' names: documents differ in how they spell them."""
    return re.sub(r"\{[^}]*\}", "{}", route.split("?", maxsplit=1)[0]).rstrip("/") or "/"


class RateLimits:
    """Generous headers, or, when strict, Discord's usual limits with real refusals."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.strict = False
        self._windows: dict[tuple[str, str, str], deque[float]] = {}
        self._recent: deque[float] = deque()

    def check(self, method: str, route: str, major: str) -> tuple[float, bool, dict[str, str]]:
        """How long to wait (0: go on), whether that is global, and the headers to answer with."""
        now = self._clock()
        bucket = f"{method}{plain(route)}".encode().hex()[:32]
        if not self.strict:
            return 0.0, False, self._headers(bucket, 1000, 999, now, 1.0)
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if len(self._recent) >= PER_SECOND:
            return 1 - (now - self._recent[0]), True, {}
        self._recent.append(now)
        if (method, route) not in LIMITED:
            return 0.0, False, self._headers(bucket, 1000, 999, now, 1.0)
        window = self._windows.setdefault((method, route, major), deque())
        while window and now - window[0] >= WINDOW:
            window.popleft()
        if len(window) >= PER_WINDOW:
            left = WINDOW - (now - window[0])
            return left, False, self._headers(bucket, PER_WINDOW, 0, now, left)
        window.append(now)
        left = WINDOW - (now - window[0])
        remaining = PER_WINDOW - len(window)
        return 0.0, False, self._headers(bucket, PER_WINDOW, remaining, now, left)

    def _headers(
        self, bucket: str, limit: int, remaining: int, now: float, left: float
    ) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{now + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": bucket,
        }
