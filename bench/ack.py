"""From an interaction to its acknowledgement, with the hold committed before it.

The real bot is a process of its own, the providers are another, Discord is this one: the time runs
from sending INTERACTION_CREATE to the callback coming in. People ask at random moments, whether or
not earlier ones were answered. The baseline is a bot as they are usually written
(``bench.baseline``).

    python -m bench.ack
"""

import asyncio
import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.clip import MIB, make_clip
from bench.harness import (
    DISTANCE_SECONDS,
    UPLOAD_SECONDS,
    Ack,
    Bot,
    Deliveries,
    Harness,
)
from bench.load import Load
from bench.machine import Machine, cpu_seconds
from bench.report import Report, options, percentile
from sandbox.discord.behaviour.interactions import ANSWER_SECONDS

MOST_P99_MS = 50.0
CLIP_BYTES = 20 * MIB
A_SECOND = 5.0
"""How many people ask a second."""

BETWEEN_ENDS = 0.4
LEAD_SECONDS = 6.0
"""So long before the first question the first video is done, so that deliveries are under way."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What goes on while people ask."""

    name: str
    flying: int = 0
    deliveries: bool = False
    usual: bool = False
    asked: int = 200
    settle: float = 3.0

    @property
    def lasts(self) -> float:
        """Seconds of asking, about."""
        return self.asked / A_SECOND


@dataclass(kw_only=True)
class Outcome:
    """What was seen of one scene."""

    acks: list[Ack]
    machine: Machine
    cpu: float
    polls_a_second: float
    refused: int
    deliveries_a_second: float
    delivering: float


SCENES = (
    Scene(name="idle"),
    Scene(name="1,000 in flight, deliveries", flying=1000, deliveries=True, settle=20),
    Scene(name="20,000 in flight, deliveries", flying=20_000, deliveries=True, settle=60),
    Scene(name="usual bot, idle (baseline)", usual=True),
    Scene(
        name="usual bot, 1,000 in flight (baseline)", usual=True, flying=1000, deliveries=True,
        settle=20,
    ),
    Scene(
        name="usual bot, 20,000 in flight (baseline)", usual=True, flying=20_000, deliveries=True,
        settle=60, asked=100,
    ),
)  # fmt: skip
QUICK = (Scene(name="50 in flight", flying=50, deliveries=True, asked=10, settle=3),)


async def play(scene: Scene, folder: Path, clip: Path) -> Outcome:
    """Set one scene and ask."""
    load = _load(scene)
    async with Harness(folder=folder, load=load, clip=clip) as harness:
        if not scene.usual:
            await harness.seed()
        ready_at = time.time() + scene.settle
        load = _load(scene, at=load.at, first_end=ready_at - LEAD_SECONDS)
        harness.providers.load = load
        await harness.open_providers()
        async with harness.running(_bot(scene, harness)) as bot, Deliveries(harness) as deliveries:
            await asyncio.sleep(max(ready_at - time.time(), 1.0))
            before, refused, began = await harness.figures(), harness.watch.refused, time.time()
            cpu = cpu_seconds(bot.pid)
            async with Machine(folder) as machine:
                ids = await _ask(scene, harness)
            took = time.time() - began
            cpu = cpu_seconds(bot.pid) - cpu
            after = await harness.figures()
            posted = deliveries.between(began, began + took)
            return Outcome(
                acks=harness.finished_acks(ids),
                machine=machine,
                cpu=cpu / took,
                polls_a_second=(after["asked"] - before["asked"]) / took,
                refused=harness.watch.refused - refused,
                deliveries_a_second=len(posted) / took,
                delivering=sum(
                    at - after["downloads"].get(load.task_id(number), at)
                    for number, at in posted.items()
                )
                / took,
            )


async def _ask(scene: Scene, harness: Harness) -> list[str]:
    """Questions at random moments, as many a second as ever; then time for the last answer."""
    moments = random.Random(1)
    ids: list[str] = []
    due = time.perf_counter()
    for number in range(scene.asked):
        due += moments.expovariate(A_SECOND)
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        ids.append(await harness.ask(number))
    await asyncio.sleep(ANSWER_SECONDS)
    return ids


def _load(scene: Scene, *, at: float | None = None, first_end: float | None = None) -> Load:
    ending = 0
    if scene.deliveries:
        ending = round((LEAD_SECONDS + scene.lasts * 1.3 + ANSWER_SECONDS) / BETWEEN_ENDS)
    return Load(
        at=at or time.time(),
        staying=scene.flying,
        ending=ending,
        first_end=first_end,
        every=BETWEEN_ENDS,
    )


def _bot(scene: Scene, harness: Harness) -> Bot:
    return harness.usual() if scene.usual else harness.retake()


def tell(report: Report, scene: Scene, seen: Outcome) -> None:
    """One line of the table, and what was promised of it."""
    times = [ack.seconds * 1000 for ack in seen.acks if ack.seconds is not None]
    unanswered = sum(ack.seconds is None or ack.seconds > ANSWER_SECONDS for ack in seen.acks)
    held = sum(ack.held for ack in seen.acks if ack.answered)
    answered = sum(ack.answered for ack in seen.acks)
    p99 = percentile(times, 0.99)
    report.add(
        scene=scene.name,
        asked=len(seen.acks),
        p50_ms=round(percentile(times, 0.5), 1),
        p99_ms=round(p99, 1),
        max_ms=round(max(times, default=float("nan")), 1),
        over_3_s=unanswered,
        held_before=None if scene.usual else f"{held} of {answered}",
        deferred=sum(ack.seconds is not None and not ack.answered for ack in seen.acks),
        polls_s=round(seen.polls_a_second, 1),
        videos_s=round(seen.deliveries_a_second, 2),
        delivering=round(seen.delivering, 1),
        bot_cpu_percent=round(seen.cpu * 100),
        late_p99_ms=round(percentile(seen.machine.late, 0.99) * 1000, 1),
        fsync_p50_ms=round(percentile(seen.machine.synced, 0.5) * 1000, 1),
        fsync_p99_ms=round(percentile(seen.machine.synced, 0.99) * 1000, 1),
        rate_limited=seen.refused,
    )
    if scene.usual:
        return
    report.promise(f"{scene.name}: p99", round(p99, 1), MOST_P99_MS, "ms")
    report.promise(f"{scene.name}: over 3 s", unanswered, 0)
    # A deferred one ("thinking") promises nothing yet: its hold follows before its receipt.
    report.promise(f"{scene.name}: answered without a hold", answered - held, 0)


async def measure(report: Report, *, quick: bool) -> None:
    """Every scene, one after the other."""
    with tempfile.TemporaryDirectory(prefix="retake-bench-") as name:
        folder = Path(name)
        clip = await make_clip(folder / "clip.mp4", size=2 * MIB if quick else CLIP_BYTES)
        for number, scene in enumerate(QUICK if quick else SCENES):
            place = folder / str(number)
            tell(report, scene, await play(scene, place, clip))
            shutil.rmtree(place)


def main() -> None:
    """Run it."""
    quick = options(__doc__ or "").quick
    report = Report(
        bench="ack",
        quick=quick,
        about="Interaction to acknowledgement, its hold committed before",
        notes=[
            f"{A_SECOND:g} people ask a second, at random moments",
            f"Discord is {DISTANCE_SECONDS:g} s away, {UPLOAD_SECONDS:g} s for a video",
            f"a video of {CLIP_BYTES // MIB} MB is done every {BETWEEN_ENDS:g} s",
            "late, fsync: what the machine itself took meanwhile; the other figures contain it",
        ],
    )
    asyncio.run(measure(report, quick=quick))
    report.show()


if __name__ == "__main__":
    main()
