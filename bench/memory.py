"""Peak memory of the bot with fifty deliveries of 20 MB that come due at once.

The real bot is a process of its own: its resident set is read when all fifty tasks are in flight
and nothing is delivered yet, and its peak when all are posted. The baseline is a bot that reads
each video into memory (``bench.baseline``), on the same files.

    python -m bench.memory
"""

import asyncio
import re
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.clip import MIB, make_clip
from bench.harness import UPLOAD_SECONDS, Bot, Deliveries, Harness
from bench.load import Load
from bench.report import Report, options

CLIP_BYTES = 20 * MIB
VIDEOS = 50
MOST_OVER_IDLE = 100.0
REST_SECONDS = 10.0
"""How long the bot is online and idle before memory is measured."""

TAKES_SECONDS = 60.0
POSTED_WITHIN = 300.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Megabytes (of 2**20 bytes) of the process, those of its media processes apart."""

    idle: float
    peak: float
    children: float
    at_once: int
    took: float


async def play(
    folder: Path, clip: Path, *, usual: bool, count: int, rest: float = REST_SECONDS
) -> Seen:
    """Let all come due at one moment."""
    load = Load(at=time.time(), ending=count, spread=TAKES_SECONDS / 2, takes=TAKES_SECONDS)
    async with Harness(folder=folder, load=load, clip=clip) as harness:
        if not usual:
            await harness.seed()
        await harness.open_providers()
        bot: Bot = harness.usual() if usual else harness.retake()
        async with harness.running(bot), Deliveries(harness) as deliveries:
            await asyncio.sleep(rest)
            idle = status_mib(bot.pid, "VmRSS")
            await asyncio.to_thread(begin_new_peak, bot.pid)
            due_at = time.time()
            await harness.end_all()
            async with Children(bot.pid) as children:
                await deliveries.until(count, seconds=POSTED_WITHIN)
            return Seen(
                idle=idle,
                peak=status_mib(bot.pid, "VmHWM"),
                children=children.most,
                at_once=harness.watch.most_uploads,
                took=max(deliveries.posted.values()) - due_at,
            )


class Children:
    """What the processes that a process starts occupy together, at most. A context."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.most = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        while True:
            self.most = max(self.most, sum(_resident(pid) for pid in _started_by(self._pid)))
            await asyncio.sleep(0.05)


def status_mib(pid: int, name: str) -> float:
    """A size from a process's status."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"process {pid} tells no {name}")
    return int(found[1]) / 1024


def begin_new_peak(pid: int) -> None:
    """Let the kernel forget a process's peak."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _started_by(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:  # it has ended, or this kernel does not tell
        return []
    return [int(child) for child in text.split()]


def _resident(pid: int) -> float:
    try:
        return status_mib(pid, "VmRSS")
    except (OSError, RuntimeError):  # it has ended since it was listed
        return 0.0


async def measure(report: Report, *, quick: bool) -> None:
    """The real bot, then the usual one."""
    count, size = (3, 2 * MIB) if quick else (VIDEOS, CLIP_BYTES)
    with tempfile.TemporaryDirectory(prefix="retake-bench-") as name:
        folder = Path(name)
        clip = await make_clip(folder / "clip.mp4", size=size)
        for bot, usual in (("retake", False), ("usual bot (baseline)", True)):
            rest = 1.0 if quick else REST_SECONDS
            seen = await play(folder / bot, clip, usual=usual, count=count, rest=rest)
            shutil.rmtree(folder / bot)
            over = seen.peak - seen.idle
            report.add(
                bot=bot,
                videos=count,
                mib_each=size // MIB,
                idle_mib=round(seen.idle, 1),
                peak_mib=round(seen.peak, 1),
                over_idle_mib=round(over, 1),
                media_mib=round(seen.children, 1),
                uploads_at_once=seen.at_once,
                all_posted_s=round(seen.took, 1),
            )
            if not usual:
                report.promise("memory over idle", round(over, 1), MOST_OVER_IDLE, "MiB")


def main() -> None:
    """Run it."""
    quick = options(__doc__ or "").quick
    report = Report(
        bench="memory",
        quick=quick,
        about="Peak memory while fifty videos come due at once",
        notes=[
            "media: the processes that look into the videos, all together, not in the peak",
            f"Discord takes {UPLOAD_SECONDS:g} s for each video",
        ],
    )
    asyncio.run(measure(report, quick=quick))
    report.show()


if __name__ == "__main__":
    main()
