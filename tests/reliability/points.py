"""The points at which a process can be stopped: before and after each outside effect and commit.

Found by watching the ports and the wires, not by a list: a method that is added to a port is a
point from its first call on. A process that was stopped does nothing more, however its tasks end.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.domain.errors import Accepted, StorageUnavailable

READS = frozenset({"read"})
"""Methods without an effect: stopping around them is stopping around their neighbours."""


ARRIVES_LATE = frozenset({"send", "start_thread", "start_private_thread", "submit"})
"""What makes something new elsewhere, and may do so after the one who asked for it is gone."""


class Moment(StrEnum):
    """When something befalls the process, seen from an effect.

    ``LATE``: while the request is on its way; it arrives some time after.
    """

    BEFORE = "before"
    AFTER = "after"
    LATE = "late"


class Blow(StrEnum):
    """What befalls it: it dies, it stands still for a while, or its database does not answer."""

    DIES = "dies"
    STANDS_STILL = "stands still"
    HEARS_NOTHING = "hears nothing"


@dataclass(frozen=True, kw_only=True)
class Crash:
    """A blow at the point of this number (from the process's start), and how long it lasts."""

    point: int
    moment: Moment
    away: float
    blow: Blow = Blow.DIES

    def __str__(self) -> str:
        return f"{self.blow} {self.moment} point {self.point}, {self.away:g} s away"


def moments(name: str) -> tuple[Moment, ...]:
    """The moments at which a process can be stopped around an effect of this name."""
    if name.rpartition(".")[2] in ARRIVES_LATE:
        return tuple(Moment)
    return (Moment.BEFORE, Moment.AFTER)


HEARTBEATS = frozenset({"commit Ownership._beat", "commit Ownership._claim_once"})


def amid_heartbeats(points: Sequence[str], number: int) -> bool:
    """Return True if nothing else happens near the point of this number, as in a long wait.

    The process leaves the same world behind there as at the heartbeats around it, but for the time.
    """
    return HEARTBEATS.issuperset(points[max(number - 2, 0) : number + 1])


@dataclass
class Process:
    """What SIGKILL and SIGSTOP work on: everything that was started inside of it.

    ``points`` are the names of those passed so far. ``late`` makes the world do something after so
    many seconds (0: after as long as a request may take), whatever becomes of this process.
    """

    late: Callable[[float, Callable[[], Awaitable[Any]]], None]
    crash: Crash | None = None
    alive: bool = True
    counting: bool = True
    points: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    going: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.going.set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something inside this process."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        return task

    def die(self) -> None:
        """Stop at once. Nothing is put down: whatever still asks for an effect ends instead.

        A process that stands still can be killed as well: nothing of it waits to go on.
        """
        self.alive = False
        self.going.set()
        for task in self.tasks:
            task.cancel()

    async def buried(self) -> None:
        """Wait until nothing of it moves any more."""
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def breathe(self) -> None:
        """Go on only while the process does."""
        if not self.going.is_set():
            await self.going.wait()
        if not self.alive:
            raise asyncio.CancelledError

    async def pass_point(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """One effect, with the moments before and after it."""
        await self.breathe()
        if not self.counting:
            return await call()
        self.points.append(name)
        crash = self.crash
        if crash is None or crash.point != len(self.points):
            crash = None
        elif crash.moment is not Moment.AFTER:
            if crash.moment is Moment.LATE and Moment.LATE in moments(name):
                self.late(0.0, call)
            await self.struck(crash)
        try:
            return await call()
        finally:
            if crash is not None and crash.moment is Moment.AFTER:
                await self.struck(crash)
            await self.breathe()

    async def struck(self, crash: Crash) -> None:
        """Let the blow fall."""
        if crash.blow is Blow.HEARS_NOTHING:
            raise StorageUnavailable("a planned silence", accepted=Accepted.UNKNOWN)
        if crash.blow is Blow.DIES:
            self.die()
        else:
            self.going.clear()
            self.late(crash.away, self.thaw)
        await self.breathe()

    async def thaw(self) -> None:
        """Go on after standing still."""
        self.going.set()


def watched(target: Any, process: Process, name: str) -> Any:
    """Something outside, as one process reaches it: each call of an async method is a point."""
    return _Watched(target, process, name)


class _Watched:
    def __init__(self, target: Any, process: Process, name: str) -> None:
        self._target = target
        self._process = process
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if not inspect.iscoroutinefunction(value) or attribute in READS:
            return value

        async def passed(*args: Any, **kwargs: Any) -> Any:
            name = f"{self._name}.{attribute}"
            if attribute == "transact":
                name = "commit " + args[0].__qualname__.partition(".<locals>")[0]
            return await self._process.pass_point(name, lambda: value(*args, **kwargs))

        return passed
