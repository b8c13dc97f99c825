"""Events: every change goes into the numbered log and to people's streams.

Owns the event log, its waiters and the streams. Must not change the world.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Match = dict[str, Any] | Callable[[Any], bool] | None
KEPT_PER_TYPE = 2000
STREAM_DEPTH = 5000


@dataclass(kw_only=True, eq=False)
class Waiter:
    name: str
    match: Match
    after: int
    found: asyncio.Future[Json]


class EventLog:
    """The newest events of each type, numbered across all types, and those who wait for one."""

    def __init__(self) -> None:
        self.position = 0
        self._events: dict[str, deque[Json]] = {}
        self._waiters: dict[str, list[Waiter]] = {}

    def append(self, name: str, data: Any) -> None:
        self.position += 1
        event = {"n": self.position, "type": name, "data": data}
        kept = self._events.get(name)
        if kept is None:
            kept = self._events[name] = deque(maxlen=KEPT_PER_TYPE)
        kept.append(event)
        for waiter in list(self._waiters.get(name, ())):
            if event["n"] > waiter.after and not waiter.found.done() and fits(data, waiter.match):
                waiter.found.set_result(event)

    def newest(self, name: str, *, after: int = 0) -> list[Json]:
        return [event for event in self._events.get(name, ()) if event["n"] > after]

    async def wait(self, name: str, match: Match, *, after: int, timeout: float) -> Json:
        """The first kept event that fits, or the next one; TimeoutError when none comes."""
        for event in self._events.get(name, ()):
            if event["n"] > after and fits(event["data"], match):
                return event
        waiter = Waiter(
            name=name, match=match, after=after, found=asyncio.get_running_loop().create_future()
        )
        self._waiters.setdefault(name, []).append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await waiter.found
        except TimeoutError:
            raise TimeoutError(f"no {name} that fits {match} within {timeout:g} s") from None
        finally:
            self._waiters[name].remove(waiter)


def fits(data: Any, match: Match) -> bool:
    """Whether an event is the one: every dotted path has the value asked for."""
    if match is None:
        return True
    if callable(match):
        return bool(match(data))
    return all(_at(data, path) == value for path, value in match.items())


def _at(data: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def everybody(_: str) -> bool:
    return True


@dataclass(kw_only=True, eq=False)
class Stream:
    """One open `/control/events` of one person."""

    user_id: str
    queue: asyncio.Queue[Json | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=STREAM_DEPTH)
    )

    def put(self, event: Json | None) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            # A reader this far behind is gone; end its stream rather than keep everything.
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


class Streams:
    """The open streams, and what each person may see."""

    def __init__(self) -> None:
        self._open: set[Stream] = set()

    def open(self, user_id: str) -> Stream:
        stream = Stream(user_id=user_id)
        self._open.add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        self._open.discard(stream)

    def close_all(self) -> None:
        for stream in self._open:
            stream.put(None)

    def send(
        self,
        name: str,
        data: Any,
        *,
        sees: Callable[[str], bool] = everybody,
    ) -> None:
        for stream in list(self._open):
            if sees(stream.user_id):
                stream.put({"type": name, "data": data})
