"""The processes that decode files: started with limits, reused, and killed.

A process of ``bot.media.worker`` gets one job at a time. It is killed if a job takes too long or is
cancelled, if it fails, and after a number of files. Short jobs and long ones (encoding) have
separate processes, so that none waits for the other. Pictures are decoded one at a time, because
each is in memory as a whole.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.domain.errors import Code, DiskFault, MediaError
from bot.media.jobs import Fault, JobError

PROGRAM: tuple[str, ...] = (sys.executable, "-P", "-s", "-m", "bot.media.worker")
"""The worker's command line, to which its limits are appended."""

_ROOT = Path(__file__).parent.parent.parent
_START_SECONDS = 60
_MAX_RESULT = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """The limits of one job: seconds by the clock and of CPU, bytes of memory and of a file.

    ``jobs`` is the number of jobs after which a process is replaced.
    """

    seconds: int
    cpu_seconds: int
    memory: int
    file_size: int = 1024**3
    jobs: int = 1


SHORT = ResourceLimits(seconds=60, cpu_seconds=30, memory=2 * 1024**3, jobs=50)
LONG = ResourceLimits(seconds=300, cpu_seconds=600, memory=3 * 1024**3, jobs=1)

_ALONE = frozenset({"picture"})
"""Jobs that hold whole pictures in memory: only one of them runs at a time."""


def _missing() -> MediaError:
    return MediaError(Code.INTERNAL, reason="media_worker")


class _EndedError(Exception):
    """The process ended without a result."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.jobs = 0
        self.ready = ""

    @classmethod
    async def start(cls, program: Sequence[str], limits: ResourceLimits) -> Self:
        """Start a process and wait until it is ready for a job.

        Raises:
            MediaError: INTERNAL with ``reason`` ``media_worker``.
        """
        arguments = (
            limits.cpu_seconds,
            limits.cpu_seconds * limits.jobs + 30,
            limits.memory,
            limits.file_size,
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *program,
                *map(str, arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_MAX_RESULT,
                # Our own environment may hold keys.
                env={
                    "PATH": os.defpath,
                    "LC_ALL": "C.UTF-8",
                    "PYTHONPATH": str(_ROOT),
                    "MALLOC_ARENA_MAX": "2",
                },
                start_new_session=True,
            )
        except OSError as error:
            raise _missing() from error
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                answer = await worker._result()
        except (TimeoutError, _EndedError):
            await worker.end()
            raise _missing() from None
        except BaseException:
            await worker.end()
            raise
        worker.ready = str(answer.get("ready", ""))
        return worker

    async def do(self, job: Mapping[str, object]) -> dict[str, Any]:
        """Send a job and wait for its result. Raises _EndedError."""
        self.jobs += 1
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - a pipe
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(job).encode() + b"\n")
            await stdin.drain()
        return await self._result()

    async def _result(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - a pipe
        try:
            line = await stdout.readline()
            answer = json.loads(line)
        except ValueError:  # nothing, too much, or no JSON
            await self.end()
            raise _EndedError(self._process.returncode or 0) from None
        if not isinstance(answer, dict):
            await self.end()
            raise _EndedError(0)
        return answer

    async def end(self) -> None:
        """Kill the process group and wait for its end."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        # This takes only a moment, so a second cancellation may wait for it. The output is read to
        # its end: asyncio does not notice the end of a process whose pipe it stopped reading.
        await asyncio.shield(self._reap())

    async def _reap(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        if self._process.stdin is not None:
            self._process.stdin.close()
        while await self._process.stdout.read(_MAX_RESULT):
            pass
        await self._process.wait()


class _Pool:
    """At most ``size`` processes at a time, of which one is kept for the next job."""

    def __init__(self, size: int, limits: ResourceLimits) -> None:
        self.limits = limits
        self._turns = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []

    async def do(self, job: Mapping[str, object]) -> dict[str, Any]:
        """Do a job in one of the processes.

        Raises:
            JobError: EXHAUSTED, or DAMAGED if the process failed.
            MediaError: INTERNAL with ``reason`` ``media_worker``.
        """
        async with self._turns:
            while True:
                used = bool(self._idle)
                worker = self._idle.pop() if used else await _Worker.start(PROGRAM, self.limits)
                try:
                    return await self._attempt(worker, job)
                except _EndedError as ended:
                    # An idle process may have ended because of something else: use a new one.
                    if used:
                        continue
                    spent = ended.status == -signal.SIGXCPU
                    fault = Fault.EXHAUSTED if spent else Fault.DAMAGED
                    raise JobError(fault, detail=f"ended with {ended.status}") from None

    async def _attempt(self, worker: _Worker, job: Mapping[str, object]) -> dict[str, Any]:
        kept = False
        try:
            async with asyncio.timeout(self.limits.seconds):
                answer = await worker.do(job)
            kept = worker.jobs < self.limits.jobs and not self._idle
            return answer
        except TimeoutError:
            raise JobError(Fault.EXHAUSTED, detail="time") from None
        finally:
            if kept:
                self._idle.append(worker)
            else:
                await worker.end()

    async def close(self) -> None:
        """End the idle process."""
        while self._idle:
            await self._idle.pop().end()


class Engine:
    """Runs jobs on files in other processes, which end with this asynchronous context."""

    def __init__(
        self,
        *,
        short: ResourceLimits | None = None,
        long: ResourceLimits | None = None,
        at_once: int = 2,
    ) -> None:
        self._short = _Pool(at_once, short or SHORT)
        self._long = _Pool(at_once, long or LONG)
        self._alone = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._short.close()
        await self._long.close()

    async def versions(self) -> str:
        """Return the versions of the worker's libraries.

        Raises:
            MediaError: INTERNAL with ``reason`` ``media_worker``, the worker does not start.
        """
        worker = await _Worker.start(PROGRAM, self._short.limits)
        await worker.end()
        return worker.ready

    async def do(self, job: str, *, long: bool = False, **arguments: object) -> dict[str, Any]:
        """Do a job and return its result. Cancellation kills the process first.

        Raises:
            JobError: the job is impossible with this file, or takes more than a job may use.
            MediaError: INTERNAL, the disk is full or the worker does not start.
        """
        pool = self._long if long else self._short
        async with self._alone if job in _ALONE else contextlib.nullcontext():
            answer = await pool.do({"job": job, **arguments})
        if "fault" not in answer:
            return answer.get("result") or {}
        fault = Fault(answer["fault"])
        if fault is Fault.DISK_FULL:
            raise MediaError(Code.INTERNAL, reason=DiskFault.FULL)
        raise JobError(fault, detail=answer["detail"], **answer["facts"])
