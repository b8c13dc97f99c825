"""The real bot killed at random moments while many videos are being made, and what that cost.

``retake run`` is a separate process next to the stand-ins, which fail now and then. It is
killed (SIGKILL) again and again and started at once; then it may finish. Everything is counted by
the stand-ins and in the bot's rows (``bench.audit``): what was lost, paid twice, posted twice or
charged wrongly must be 0. The seed decides who asks for what, the faults and the moments.

    python -m bench.chaos [--quick] [--kills N] [--generations N] [--seconds N] [--seed N]
"""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.audit import Audit, audit, open_work
from bench.report import Report, percentile
from bench.requests import Requests
from sandbox.clips import FixedClips
from sandbox.clips.footage import Encoding, write
from sandbox.process import ROOT, BotProcess
from sandbox.server import Sandbox

ONLINE_SECONDS = 120.0
IN_THE_START = 0.25
"""This share of the lives ends before the bot is online."""

START_SECONDS = 3.0

QUIET_SECONDS = 0.25
COMPLAINTS = ("Traceback", "step_failed", "unexpected", "[critical", "never awaited")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much there is to be, at the least. ``seconds`` bounds the killing, ``drain`` the time to
    finish; ``at_once`` are kept in the making; a life is at most ``longest_life`` seconds long once
    it is online.

    ``second_provider``: whether there is one without idempotency keys, where an answer that is
    lost leaves a generation unconfirmed for a minute.
    """

    kills: int = 200
    generations: int = 1000
    at_once: int = 100
    seconds: float = 1500.0
    longest_life: float = 2.0
    drain: float = 420.0
    seed: int = 1
    second_provider: bool = True


QUICK = Plan(
    kills=20,
    generations=40,
    at_once=20,
    seconds=700.0,
    longest_life=0.8,
    drain=120.0,
    second_provider=False,
)


@dataclass(kw_only=True)
class Outcome:
    """What was seen. ``first_steps`` are seconds from a start to its first call about a video."""

    plan: Plan
    found: Audit
    kills: int
    asked: int
    took: float
    first_steps: list[float]
    exit_status: int | None
    check: tuple[int, str]
    complaints: list[str]
    strangers: list[str]

    @property
    def wrongs(self) -> list[str]:
        """Everything that should not be, one sentence each."""
        wrongs = [*self.found.wrongs, *self.complaints, *self.strangers]
        if self.exit_status != 0:
            wrongs.append(f"told to stop, it ended with {self.exit_status}")
        if self.check[0] != 0:
            wrongs.append(f"retake check: {self.check[1]}")
        return wrongs


@dataclass(kw_only=True)
class Chaos:
    """One run in a folder of its own."""

    folder: Path
    plan: Plan
    sandbox: Sandbox
    chance: random.Random
    requests: Requests
    kills: int = 0
    first_steps: list[float] = field(default_factory=list[float])

    @property
    def database(self) -> Path:
        """The bot's."""
        return self.folder / "retake.db"

    @property
    def log(self) -> Path:
        """Of every life, one after the other."""
        return self.folder / "bot.log"

    async def run(self) -> Outcome:
        """Kill it as often as planned, let it finish, count."""
        began = time.monotonic()
        self._configure()
        while self.kills < self.plan.kills and time.monotonic() - began < self.plan.seconds:
            await self._life()
        self.requests.calm()
        exit_status = await self._last_life()
        check = await self._check()
        found = audit(self.requests, self.database)
        return Outcome(
            plan=self.plan,
            found=found,
            kills=self.kills,
            asked=len(self.requests.asked),
            took=time.monotonic() - began,
            first_steps=self.first_steps,
            exit_status=exit_status,
            check=check,
            complaints=list(self._complaints()),
            strangers=self._strangers(),
        )

    async def _life(self) -> None:
        """Start, let people ask, kill."""
        bot = BotProcess(config=self.folder / "config.toml", log=self.log)
        waiting = open_work(self.database) if self.database.exists() else 0
        mark, began = self._mark(), time.time()
        position = self.sandbox.discord.position
        await bot.start()
        try:
            if self.kills and self.chance.random() < IN_THE_START:
                await asyncio.sleep(self.chance.uniform(0.0, START_SECONDS))
                return
            await self._online(position)
            self.requests.disturb()
            await self._ask(self.plan.at_once - waiting)
            await asyncio.sleep(self.chance.uniform(0.0, self.plan.longest_life))
            if self.chance.random() < 0.5:
                await self._something_happens()
        finally:
            bot.kill()
            await bot.wait()
            self.kills += 1
            if waiting and (first := self._first_step(mark)) is not None:
                self.first_steps.append(first - began)

    async def _last_life(self) -> int | None:
        """Until everybody got what they asked for, or heard why not."""
        bot = BotProcess(config=self.folder / "config.toml", log=self.log)
        position = self.sandbox.discord.position
        await bot.start()
        try:
            await self._online(position)
            ends = time.monotonic() + self.plan.drain
            quiet = 0
            while quiet < 4 and time.monotonic() < ends:
                waiting = open_work(self.database)
                left = self.plan.generations - len(self.requests.asked)
                if left > 0:
                    await self._ask(min(left, self.plan.at_once - waiting))
                quiet = 0 if waiting or left > 0 else quiet + 1
                await asyncio.sleep(QUIET_SECONDS)
        finally:
            status = await bot.stop()
        return status

    async def _ask(self, count: int) -> None:
        for _ in range(count):
            await self.requests.ask()
            await asyncio.sleep(0)

    async def _online(self, position: int) -> None:
        await self.sandbox.discord.wait(
            "BOT", {"online": True}, after=position, timeout=ONLINE_SECONDS
        )

    async def _something_happens(self) -> None:
        """The next call to a provider, one of the next few: kills fall into what it is part of."""
        provider = self.sandbox.providers.evolink
        due = provider.counts.total() + self.chance.randrange(1, 4)
        try:
            await provider.wait(lambda g: g.counts.total() >= due, timeout=2)
        except TimeoutError:
            return

    def _mark(self) -> tuple[int, int, int]:
        providers = self.sandbox.providers
        exchanges = self.sandbox.discord.exchanges
        return (
            providers.evolink.counts.total(),
            providers.apimart.counts.total(),
            exchanges[-1]["n"] if exchanges else 0,
        )

    def _first_step(self, mark: tuple[int, int, int]) -> float | None:
        """When the first call about a video came in after a start."""
        providers = self.sandbox.providers
        times = [
            call.at
            for provider, before in ((providers.evolink, mark[0]), (providers.apimart, mark[1]))
            for call in provider.calls
            if call.n > before and call.op != "fetch"
        ]
        times += [
            datetime.fromisoformat(exchange["at"]).timestamp()
            for exchange in self.sandbox.discord.rest.exchanges.after(mark[2])
            if exchange["path"].startswith("/api/v10/channels/")
            or exchange["path"].startswith("/channels/")
        ]
        return min(times, default=None)

    def _configure(self) -> None:
        text = self.sandbox.bot_config(self.folder)
        for name in ("evolink", "apimart"):
            most = 60 if self.plan.second_provider else 100
            header = f"[providers.{name}]\n"
            text = text.replace(header, f"{header}max_running = {most}\n")
        if not self.plan.second_provider:
            text = text.replace('api_key = "sandbox-apimart-key"', 'api_key = ""')
        text += "\n[limits]\nvideos = 0\nseconds = 0\nconcurrent = 0\n"
        text += "\n[deadlines]\nsubmit_unknown = 60\n[replies]\ngrace_seconds = 0\n"
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    async def _check(self) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "check", "--config", str(self.folder / "config.toml"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    def _complaints(self) -> Iterator[str]:
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(word in line for word in COMPLAINTS):
                yield f"log: {line}"

    def _strangers(self) -> list[str]:
        discord = self.sandbox.discord
        odd: list[Any] = [*discord.unhandled, *discord.crashes, *self.sandbox.providers.problems]
        return [f"stand-in: {one}" for one in odd]


async def rage(folder: Path, plan: Plan) -> Outcome:
    """One run from the first start to the count."""
    film = folder / "film.mp4"
    graph = "testsrc2=s=160x90:r=12:d=3[out0];sine=frequency=440:duration=3[out1]"
    encoding = Encoding(options={"preset": "ultrafast"})
    await asyncio.to_thread(write, film, graph, encoding)
    async with Sandbox(directory=folder / "providers", clips=FixedClips(film)) as sandbox:
        for provider in (sandbox.providers.evolink, sandbox.providers.apimart):
            provider.balance_usd = 1_000_000
        chance = random.Random(plan.seed)
        requests = Requests(sandbox=sandbox, chance=chance)
        chaos = Chaos(folder=folder, plan=plan, sandbox=sandbox, chance=chance, requests=requests)
        return await chaos.run()


def tell(report: Report, seen: Outcome) -> None:
    """The table and the promises."""
    found = seen.found
    report.add(
        kills=seen.kills,
        asked=seen.asked,
        generations=found.generations,
        tasks=found.tasks,
        posts=found.posts,
        **{f"ended_{state}": count for state, count in sorted(found.ends.items())},
        first_step_p50_s=round(percentile(seen.first_steps, 0.5), 2),
        first_step_max_s=round(max(seen.first_steps, default=float("nan")), 2),
        took_s=round(seen.took),
        seed=seen.plan.seed,
    )
    report.promise("lost", len(found.lost), 0)
    report.promise("paid twice", len(found.double_paid), 0)
    report.promise("posted twice", len(found.double_posted), 0)
    report.promise("charged wrongly", len(found.mis_charged), 0)
    report.promise("other wrongs", len(seen.wrongs) - len(found.wrongs), 0)
    for wrong in seen.wrongs[:20]:
        report.notes.append(wrong[:300])


def _options() -> tuple[Plan, Path | None]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 kills")
    for name, kind in (("kills", int), ("generations", int), ("seconds", float), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--keep", type=Path, help="a folder for the bot's files, kept afterwards")
    given = parser.parse_args()
    base = QUICK if given.quick else Plan()
    names = ("kills", "generations", "seconds", "seed")
    changes = {n: value for n in names if (value := getattr(given, n)) is not None}
    return Plan(**{**base.__dict__, **changes}), given.keep


def main() -> None:
    """Run it; the exit status tells whether anything was wrong."""
    plan, keep = _options()
    # A call that was cut short by a kill is what this is about, not news.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    report = Report(bench="chaos", about="The bot killed at random moments under load")
    if keep is not None:
        keep.mkdir(parents=True)
        seen = asyncio.run(rage(keep.resolve(), plan))
    else:
        with tempfile.TemporaryDirectory(prefix="retake-chaos-") as name:
            seen = asyncio.run(rage(Path(name), plan))
    tell(report, seen)
    report.show()
    sys.exit(1 if seen.wrongs else 0)


if __name__ == "__main__":
    main()
