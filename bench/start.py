"""From starting the process to being online, and to the first step on what a stopped bot left.

Online is when the provider's READY was sent to it; the first step is the first question about an
unfinished task that reaches its provider. The baseline is a client of the library alone.

    python -m bench.start
"""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.clip import MIB, make_clip
from bench.harness import Bot, Harness
from bench.load import Load
from bench.machine import cpu_seconds
from bench.report import Report, options, percentile

FIRST_STEP_WITHIN = 120.0
TIMES = 5
TAKES_SECONDS = 3000.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Which bot starts, and what it finds: a database made by an earlier start, and the work."""

    name: str
    bare: bool = False
    fresh: bool = False
    unfinished: int = 0


SCENES = (
    Scene(name="bare client (baseline)", bare=True),
    Scene(name="retake, first start", fresh=True),
    Scene(name="retake"),
    Scene(name="retake, 100 unfinished", unfinished=100),
    Scene(name="retake, 20,000 unfinished", unfinished=20_000),
)
QUICK = (SCENES[0], Scene(name="retake, 10 unfinished", unfinished=10))


@dataclass
class Seen:
    """Seconds since the start of the process, start by start; ``cpu``: spent by it until online."""

    online: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    first_step: list[float] = field(default_factory=list[float])
    all_asked: list[float] = field(default_factory=list[float])


async def start_once(scene: Scene, harness: Harness, seen: Seen) -> None:
    """Start, look, stop."""
    if scene.fresh:
        harness.forget_database()
    bot: Bot = harness.usual(bare=True) if scene.bare else harness.retake()
    await harness.figures(forget=True)
    began = time.time()
    try:
        seen.online.append(await harness.start(bot))
        seen.cpu.append(cpu_seconds(bot.pid))
        if scene.unfinished:
            first, last = await _asked(harness, scene.unfinished)
            seen.first_step.append(first - began)
            seen.all_asked.append(last - began)
    finally:
        await bot.stop()


async def _asked(harness: Harness, count: int) -> tuple[float, float]:
    """When the first question about a task came, and the one that made them so many."""
    async with asyncio.timeout(FIRST_STEP_WITHIN):
        while True:
            figures = await harness.figures()
            if figures["asked"] >= count:
                return figures["first_at"], figures["last_at"]
            await asyncio.sleep(0.2)


async def measure(report: Report, *, quick: bool) -> None:
    """All scenes in turns, so that a busy machine is busy for all of them."""
    scenes = {scene: Seen() for scene in (QUICK if quick else SCENES)}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retake-bench-")))
        clip = await make_clip(folder / "clip.mp4", size=2 * MIB)
        harnesses: dict[Scene, Harness] = {}
        for number, scene in enumerate(scenes):
            load = Load(at=time.time(), staying=scene.unfinished, takes=TAKES_SECONDS)
            harness = Harness(folder=folder / str(number), load=load, clip=clip)
            harnesses[scene] = await stack.enter_async_context(harness)
            if not scene.bare:
                await harness.seed()
            await harness.open_providers()
        for _ in range(1 if quick else TIMES):
            for scene, seen in scenes.items():
                await start_once(scene, harnesses[scene], seen)
    for scene, seen in scenes.items():
        report.add(
            scene=scene.name,
            starts=len(seen.online),
            online_p50_s=_middle(seen.online),
            online_max_s=round(max(seen.online), 2),
            cpu_p50_s=_middle(seen.cpu),
            first_step_p50_s=_middle(seen.first_step),
            all_asked_p50_s=_middle(seen.all_asked),
        )


def _middle(values: list[float]) -> float | None:
    return round(percentile(values, 0.5), 2) if values else None


def main() -> None:
    """Run it."""
    quick = options(__doc__ or "").quick
    report = Report(
        bench="start",
        quick=quick,
        about="Start of the process to online, and to the first step of unfinished work",
        notes=[
            "first start: with an empty folder, so that the database is made as well",
            "cpu: what the process itself computed until it was online",
            "first step: the first question about an unfinished task",
            "all asked: as many questions as there are tasks",
        ],
    )
    asyncio.run(measure(report, quick=quick))
    report.show()


if __name__ == "__main__":
    main()
