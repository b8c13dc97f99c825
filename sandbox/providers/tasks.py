"""The life of a task and its money: accepted, in progress, ended; reserved, settled or refunded.

Owns the states, the progress shown at a moment and the account. The clock is given; nothing here
waits. Knows nothing of HTTP or of a provider's JSON.
"""

import asyncio
import heapq
import itertools
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sandbox.providers.faults import Fault, TaskFault
from sandbox.providers.fetch import Given
from sandbox.providers.rules import MOST_SECONDS, Mode
from sandbox.providers.submission import Submission

RESULT_SECONDS = 24 * 3600
"""How long a finished video can be downloaded."""

_EARLY = 0.5
"""The share of its time after which a task that is to fail does so."""


class State(StrEnum):
    """Where a task is, in our words; what a provider calls it is the provider's business."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_FATAL = frozenset({TaskFault.MODERATION, TaskFault.FAIL, TaskFault.CANCEL})

ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class TaskError:
    """Why a task failed; None where the provider's own words are to be used."""

    kind: TaskFault
    code: str | int | None = None
    message: str | None = None


@dataclass(kw_only=True, eq=False)
class Task:
    """One accepted task. ``seconds`` is the length that is paid for; money in micro-USD."""

    id: str
    submission: Submission
    seconds: int
    length: int
    aspect: str
    created_at: float
    ends_at: float | None
    reserved_micro: int
    idempotency_key: str | None
    fault: Fault | None
    clip: asyncio.Task[Path]
    state: State = State.PENDING
    charged_micro: int = 0
    error: TaskError | None = None
    finished_at: float | None = None
    file: Path | None = None
    result: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    dead_results: set[str] = field(default_factory=set)
    known_at: float = 0
    known_progress: float = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def fault_kind(self) -> TaskFault | None:
        """What was planned for it, if anything."""
        return TaskFault(self.fault.kind) if self.fault is not None else None

    def progress(self, now: float, step: int) -> int:
        """Percent as shown at ``now``, in whole steps; 100 only when completed."""
        if self.state is State.COMPLETED:
            return 100
        share = self._share(now)
        if self.fault_kind is TaskFault.LYING_PROGRESS and not self.ended:
            share = 95 if share < 50 else 40
        return min(99, int(share // step * step))

    def _share(self, now: float) -> float:
        moment = self.finished_at if self.finished_at is not None else now
        if self.ends_at is None:
            return self.known_progress
        span = self.ends_at - self.known_at
        passed = 1.0 if span <= 0 else min(1.0, max(0.0, (moment - self.known_at) / span))
        return self.known_progress + (100 - self.known_progress) * passed


@dataclass(kw_only=True)
class Account:
    """The balance of a key: what is free to spend, what was spent."""

    available_micro: int
    charged_micro: int = 0
    reserved_micro: int = 0

    def reserve(self, micro: int) -> bool:
        """Set money aside; False when there is not enough."""
        if micro > self.available_micro:
            return False
        self.available_micro -= micro
        self.reserved_micro += micro
        return True

    def close(self, reserved: int, spent: int) -> None:
        """Take what was spent of a reservation and give back the rest."""
        self.reserved_micro -= reserved
        self.available_micro += reserved - spent
        self.charged_micro += spent


class TaskBook:
    """Every task of one provider, and when each is due.

    ``ended`` is told of every end, ``broken`` of a video that could not be rendered, ``planned``
    whenever something new is due.
    """

    def __init__(
        self,
        *,
        account: Account,
        clock: Callable[[], float],
        ended: Callable[[Task], None],
        broken: Callable[[Task, BaseException], None],
        planned: Callable[[], None],
    ) -> None:
        self.tasks: dict[str, Task] = {}
        self.paid: list[str] = []
        self.account = account
        self._ended = ended
        self._broken = broken
        self._planned = planned
        self._clock = clock
        self._due: list[tuple[float, int, Task]] = []
        self._numbers = itertools.count()

    def accept(
        self,
        submission: Submission,
        given: Given,
        *,
        task_id: str,
        duration: float,
        next_fault: Callable[[], Fault | None],
        idempotency_key: str | None,
        clip: Callable[[int, str], asyncio.Task[Path]],
    ) -> Task | None:
        """Enter a task and reserve its price; None when the balance does not suffice."""
        seconds = _seconds(submission, given)
        price = submission.model.price[submission.quality]
        reserved = price * _reserved_seconds(submission, seconds)
        if not self.account.reserve(reserved):
            return None
        now = self._clock()
        fault = next_fault()
        aspect = submission.aspect or ("9:16" if given.portrait else "16:9")
        task = Task(
            id=task_id,
            submission=submission,
            seconds=seconds,
            length=seconds + (round(given.source_seconds) if submission.mode is Mode.EXTEND else 0),
            aspect=aspect,
            created_at=now,
            ends_at=_ends_at(now, duration, fault),
            reserved_micro=reserved,
            idempotency_key=idempotency_key,
            fault=fault,
            clip=clip(seconds, aspect),
            known_at=now,
            known_progress=30 if fault is not None and fault.kind is TaskFault.STUCK else 0,
        )
        self.tasks[task.id] = task
        self.paid.append(task.id)
        # Looked at even when the task fails first: an error nobody asks for would be lost.
        task.clip.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._plan(task)
        return task

    def tick(self) -> float | None:
        """Let everything happen that is due; returns when the next thing is."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due, _, task = heapq.heappop(self._due)
            if not task.ended and task.ends_at == due:
                self._end(task)
        return self._due[0][0] if self._due else None

    def state(self, task: Task, now: float, step: int) -> State:
        """The state as shown: pending until there is progress."""
        if not task.ended:
            task.state = State.PROCESSING if task.progress(now, step) else State.PENDING
        return task.state

    def due(self, task: Task) -> bool:
        """Whether only the rendering keeps the task from ending."""
        return not task.ended and task.ends_at is not None and task.ends_at <= self._clock()

    def finish(self, task: Task) -> None:
        """End it now, well (a person orders it)."""
        if not task.ended:
            task.fault = None
            task.ends_at = self._clock()
            self._plan(task)
            self.tick()

    def fail(self, task: Task, code: str | int | None, message: str | None) -> None:
        """Let it fail now (a person orders it)."""
        if not task.ended:
            error = TaskError(kind=TaskFault.FAIL, code=code, message=message)
            self._close(task, State.FAILED, error)

    def advance(self, task: Task, progress: float) -> None:
        """Set the progress; the time that remains stays what it was."""
        if not task.ended:
            task.known_progress, task.known_at = progress, self._clock()

    def _plan(self, task: Task) -> None:
        if task.ends_at is not None:
            heapq.heappush(self._due, (task.ends_at, next(self._numbers), task))
            self._planned()

    def _end(self, task: Task) -> None:
        fault, kind = task.fault, task.fault_kind
        if fault and kind and kind in _FATAL:
            state = State.CANCELLED if kind is TaskFault.CANCEL else State.FAILED
            self._close(task, state, TaskError(kind=kind, code=fault.code, message=fault.message))
        elif not task.clip.done():
            task.clip.add_done_callback(lambda _: self._rendered(task))
        else:
            self._rendered(task)

    def _rendered(self, task: Task) -> None:
        if task.ended or task.clip.cancelled():
            return
        error = task.clip.exception()
        if error is not None:
            self._broken(task, error)
            self._close(task, State.FAILED, TaskError(kind=TaskFault.FAIL))
            return
        task.file = task.clip.result()
        if task.fault_kind is TaskFault.DEAD_URL:
            task.dead_results.add(task.result)
        self._close(task, State.COMPLETED, None)

    def _close(self, task: Task, state: State, error: TaskError | None) -> None:
        if state is State.COMPLETED:
            price = task.submission.model.price[task.submission.quality]
            task.charged_micro = min(task.reserved_micro, price * task.seconds)
        self.account.close(task.reserved_micro, task.charged_micro)
        task.finished_at = self._clock()
        task.error = error
        task.state = state
        self._ended(task)


def _ends_at(now: float, duration: float, fault: Fault | None) -> float | None:
    if fault is None:
        return now + duration
    if fault.kind is TaskFault.STUCK:
        return None
    if fault.seconds is not None:
        return now + fault.seconds
    return now + duration * (_EARLY if fault.kind in _FATAL else 1)


_SPOKEN = re.compile(r"\b(\d{1,2})\s*-?\s*(?:s|sec|secs|seconds?)\b", re.IGNORECASE)


def _seconds(submission: Submission, given: Given) -> int:
    """The length that is made: as asked, as the source, or as the model decides."""
    if submission.seconds is not None:
        return submission.seconds
    if submission.mode is Mode.EDIT:
        return max(1, min(MOST_SECONDS, round(given.source_seconds)))
    spoken = _SPOKEN.search(submission.prompt)
    return max(3, min(MOST_SECONDS, int(spoken.group(1)))) if spoken else 5


def _reserved_seconds(submission: Submission, seconds: int) -> int:
    """What is set aside: the length where it is known on submit, else the longest."""
    known = submission.seconds is not None or submission.mode is Mode.EDIT
    return seconds if known else MOST_SECONDS
