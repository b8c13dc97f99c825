"""Faults to come: what is to go wrong with the next calls and the next tasks of a provider.

Owns which faults exist, how often they strike and how a call is spoiled on the wire. Knows nothing
of a provider's JSON.
"""

import contextlib
import itertools
import math
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import web


class Op(StrEnum):
    """What a call does, as the control interface names it; ``task`` is a task's fault."""

    SUBMIT = "submit"
    QUERY = "query"
    BATCH = "batch"
    LIST = "list"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    BALANCE = "balance"
    USAGE = "usage"
    MODELS = "models"
    TASK = "task"


class Kind(StrEnum):
    """How a call goes wrong."""

    STATUS = "status"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    MALFORMED = "malformed"
    HTML = "html"
    TRUNCATE = "truncate"
    WRONG_LENGTH = "wrong_length"
    SLOW = "slow"
    HUGE = "huge"


class TaskFault(StrEnum):
    """What becomes of a task that was accepted."""

    MODERATION = "moderation"
    FAIL = "fail"
    CANCEL = "cancel"
    NO_VIDEO = "no_video"
    STUCK = "stuck"
    UNKNOWN_STATUS = "unknown_status"
    LYING_PROGRESS = "lying_progress"
    TRUNCATED_FILE = "truncated_file"
    NOT_A_VIDEO = "not_a_video"
    DEAD_URL = "dead_url"


@dataclass(kw_only=True)
class Fault:
    """One fault; it strikes the next ``times`` calls of its kind.

    ``effect`` tells whether a ``status`` or ``html`` answer hides that the call did take effect.
    """

    id: str
    on: Op
    kind: Kind | TaskFault
    status: int | None = None
    code: str | int | None = None
    message: str | None = None
    retry_after: float | None = None
    seconds: float | None = None
    times: int = 1
    effect: bool = False

    def public(self) -> dict[str, Any]:
        """The fault as the control interface shows it."""
        shown = {"id": self.id, "on": self.on, "kind": self.kind, "times": self.times}
        more = {
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "retry_after": self.retry_after,
            "seconds": self.seconds,
            "effect": self.effect or None,
        }
        return shown | {name: value for name, value in more.items() if value is not None}


_FIELDS: dict[str, tuple[type, ...]] = {
    "status": (int,),
    "code": (str, int),
    "message": (str,),
    "retry_after": (int, float),
    "seconds": (int, float),
    "times": (int,),
    "effect": (bool,),
}


class FaultPlan:
    """The faults that wait for their call, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._numbers = itertools.count(1)

    def add(self, **fields: Any) -> Fault:
        """Plan a fault; ValueError says what is wrong with the fields."""
        on = Op(fields.pop("on"))
        kind = TaskFault(fields.pop("kind")) if on is Op.TASK else Kind(fields.pop("kind"))
        for name, value in fields.items():
            if name not in _FIELDS:
                raise ValueError(f"a fault has no {name}")
            if value is not None and not isinstance(value, _FIELDS[name]):
                raise ValueError(f"{name} is of the wrong type")
        given = {name: value for name, value in fields.items() if value is not None}
        fault = Fault(id=str(next(self._numbers)), on=on, kind=kind, **given)
        self._waiting.append(fault)
        return fault

    def take(self, op: Op) -> Fault | None:
        """The fault that strikes now, counted down."""
        for fault in self._waiting:
            if fault.on is op:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget all of them."""
        self._waiting.clear()

    def public(self) -> list[dict[str, Any]]:
        """All that still wait."""
        return [fault.public() for fault in self._waiting]


PROXY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
)

Sleep = Callable[[float], Awaitable[None]]

CUT = web.RequestKey("cut", bool)
"""Set on a request whose connection was cut on purpose."""


def reset(request: web.Request) -> None:
    """Cut the connection the hard way: the client sees a reset, not an end."""
    request[CUT] = True
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def spoil(
    request: web.Request, fault: Fault, body: bytes, content_type: str, sleep: Sleep
) -> web.StreamResponse:
    """Answer with ``body`` the way the fault says: cut, mislabelled, dripping or without end."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    if fault.kind in {Kind.SLOW, Kind.WRONG_LENGTH}:
        response.content_length = len(body)
    # A client that has had enough goes away: that is what these faults are for.
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        if fault.kind is Kind.HUGE:
            await _without_end(response, body)
        elif fault.kind is Kind.SLOW:
            await _dripping(response, body, 0.2 if fault.seconds is None else fault.seconds, sleep)
        else:
            await response.write(body[: len(body) // 2])
        if fault.kind is Kind.WRONG_LENGTH:
            # Half of what was announced: the connection ends before the body does.
            request[CUT] = True
            if request.transport is not None:
                request.transport.close()
        else:
            # After half of it, with chunks and a clean end nothing says that the rest is missing.
            await response.write_eof()
    return response


async def _dripping(response: web.StreamResponse, body: bytes, pause: float, sleep: Sleep) -> None:
    piece = max(1, math.ceil(len(body) / 11))
    for start in range(0, len(body), piece):
        if start:
            await sleep(pause)
        await response.write(body[start : start + piece])


async def _without_end(response: web.StreamResponse, body: bytes) -> None:
    """The body and then 4 GiB of filler: no client reads that far."""
    await response.write(body)
    filler = b" " * (1 << 20)
    for _ in range(4096):
        await response.write(filler)
