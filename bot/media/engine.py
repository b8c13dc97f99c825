"""The processes in which files are decoded: started with limits, kept warm, ended when they must.

Owns starting ``bot.media.worker``, handing it one job at a time and killing it: when a job takes
too long or is cancelled, when the process fails, and after a number of files. Short jobs (looks,
pictures) and long ones (encoding) have processes of their own, so that none waits behind the other;
pictures are decoded one at a time, because each is in memory as a whole.
What the jobs do is the worker's business.
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

from bot.domain.errors import Code, MediaError
from bot.media.faults import Fault, JobError

PROGRAM: tuple[str, ...] = (sys.executable, "-P", "-s", "-m", "bot.media.worker")
"""The worker; its limits are appended."""

_ROOT = Path(__file__).parent.parent.parent
_START_SECONDS = 60
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ResourceLimits:
    """What one job may use: seconds by the clock and of CPU, bytes of memory and of a file.

    ``jobs`` is how many files a process opens before another takes its place.
    """

    seconds: int
    cpu_seconds: int
    memory: int
    file_size: int = 1024**3
    jobs: int = 1


SHORT = ResourceLimits(seconds=60, cpu_seconds=30, memory=2 * 1024**3, jobs=50)
LONG = ResourceLimits(seconds=300, cpu_seconds=600, memory=3 * 1024**3, jobs=1)

_ALONE = frozenset({"picture"})
"""Jobs that hold whole pictures in memory: one of them is done at a time."""


def _missing() -> MediaError:
    return MediaError(Code.INTERNAL, reason="media_worker")


class _EndedError(Exception):
    """The process ended instead of answering."""

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
        """Start a process and wait until it can take a job.

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
                limit=_LONGEST_ANSWER,
                # Nothing of our environment: it may hold keys.
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
                answer = await worker._answer()
        except (TimeoutError, _EndedError):
            await worker.end()
            raise _missing() from None
        except BaseException:
            await worker.end()
            raise
        worker.ready = str(answer.get("ready", ""))
        return worker

    async def do(self, job: Mapping[str, object]) -> dict[str, Any]:
        """Hand it a job and wait for the answer. Raises _EndedError."""
        self.jobs += 1
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(job).encode() + b"\n")
            await stdin.drain()
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - asked for above
        try:
            line = await stdout.readline()
            answer = json.loads(line)
        except ValueError:  # nothing, too much, or nonsense
            await self.end()
            raise _EndedError(self._process.returncode or 0) from None
        if not isinstance(answer, dict):
            await self.end()
            raise _EndedError(0)
        return answer

    async def end(self) -> None:
        """Kill it and all it started, and wait until it is gone."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        # Gone at once, so a second cancellation may wait for it too. Its output is read to the end
        # first: asyncio does not see the end of a process whose pipe it stopped reading.
        await asyncio.shield(self._reap())

    async def _reap(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        if self._process.stdin is not None:
            self._process.stdin.close()
        while await self._process.stdout.read(_LONGEST_ANSWER):
            pass
        await self._process.wait()


class _Pool:
    """At most ``size`` processes at a time; one of them stays for the next job."""

    def __init__(self, size: int, limits: ResourceLimits) -> None:
        self.limits = limits
        self._turns = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []

    async def do(self, job: Mapping[str, object]) -> dict[str, Any]:
        """Do a job in one of the processes.

        Raises:
            JobError: EXHAUSTED, or DAMAGED when the process failed over it.
            MediaError: INTERNAL with ``reason`` ``media_worker``.
        """
        async with self._turns:
            while True:
                used = bool(self._idle)
                worker = self._idle.pop() if used else await _Worker.start(PROGRAM, self.limits)
                try:
                    return await self._attempt(worker, job)
                except _EndedError as ended:
                    # Another file, or somebody, may have ended one that waited: a fresh one knows.
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
        """End the process that waits."""
        while self._idle:
            await self._idle.pop().end()


class Engine:
    """Does jobs on files in other processes. An asynchronous context: at its end they are gone."""

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
        """Return what the worker says of its libraries.

        Raises:
            MediaError: INTERNAL with ``reason`` ``media_worker`` when it does not start.
        """
        worker = await _Worker.start(PROGRAM, self._short.limits)
        await worker.end()
        return worker.ready

    async def do(self, job: str, *, long: bool = False, **arguments: object) -> dict[str, Any]:
        """Do a job and return what it found. Cancelling kills the process first.

        Raises:
            JobError: what the file, or the effort it takes, made impossible.
            MediaError: INTERNAL when the disk is full or the worker does not start.
        """
        pool = self._long if long else self._short
        async with self._alone if job in _ALONE else contextlib.nullcontext():
            answer = await pool.do({"job": job, **arguments})
        if "fault" not in answer:
            return answer.get("result") or {}
        fault = Fault(answer["fault"])
        if fault is Fault.DISK_FULL:
            raise MediaError(Code.INTERNAL, reason="disk_full")
        raise JobError(fault, detail=answer["detail"], **answer["facts"])
