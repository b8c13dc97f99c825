"""A world that outlives its bot: it starts the bot, stops it at a point, and starts it again.

Owns time, the order of what people do, and what must be true in the end. The services and the
storage are the real ones; a restart opens the database file again.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bot.domain.access import Viewer
from bot.domain.errors import PostError, ProviderError, StorageUnavailable
from bot.domain.generation import ENDS, Generation, State
from bot.domain.ids import ChannelId, GenerationId, GuildId, UserId, WorkerId, new_worker_id
from bot.domain.limits import Limits, Usage
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.storage import Transaction
from bot.domain.request import Operation, VideoRequest
from bot.engine.build import build
from bot.engine.context import Policy, Ports
from bot.engine.in_flight import Flights
from bot.engine.late_results import LateResults
from bot.engine.worker import Scheduler
from bot.services.admission import GenerationRequest
from bot.services.callbacks import Callbacks
from bot.services.cancel import Cancel
from bot.services.generate import Generate
from bot.services.limits import LimitService
from bot.services.missed import MissedReplies, reply_key
from bot.storage import open_storage
from bot.storage.engine import SqlStorage
from tests.fakes.ports import START, OwnedClock
from tests.fakes.providers import APIMART, EVOLINK, VIDEO, FakeDirectory
from tests.fakes.telemetry import NoTelemetry
from tests.reliability.fake_discord import Discord, Messenger, Reply
from tests.reliability.hearing import Hearing, KeptTime
from tests.reliability.judging import left_there, spent, unheard
from tests.reliability.points import Crash, Process, watched
from tests.reliability.providers import Disk, Provider
from tests.reliability.state_hash import state

GUILD = GuildId(100)
CHANNEL = ChannelId(200)
TOM = UserId(1)
LATE_SECONDS = 20.0
HOUSEKEEPING_SECONDS = 60.0
"""So often the bot looks for late results."""

LONGEST = 3 * 86_400.0

POLICY = Policy(
    limits=Limits(videos=0, concurrent=0),
    queue_deadline=3600,
    unknown_deadline=1800,
    running_deadline=120,
    fetch_deadline=3600,
    post_deadline=3600,
)


class LifeClock:
    """The world's time as one process sees it: it waits only while the process goes on."""

    def __init__(self, clock: OwnedClock, process: Process) -> None:
        self._clock = clock
        self._process = process
        self.now = clock.now
        self.monotonic = clock.monotonic

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        rung = await self._clock.wait(event, seconds)
        await self._process.breathe()
        return rung


@dataclass(kw_only=True)
class Life:
    """One run of the bot: its memory, its connection to the database."""

    process: Process
    storage: SqlStorage
    flights: Flights
    scheduler: Scheduler
    generate: Generate
    cancel: Cancel
    limits: LimitService
    late: LateResults
    callbacks: Callbacks
    hearing: Hearing
    clock: LifeClock
    closing: AsyncExitStack

    async def keep_house(self) -> None:
        """Look for late results, again and again."""
        while True:
            with suppress(StorageUnavailable):  # they are looked for again next time
                await self.late.look()
            await self.clock.sleep(HOUSEKEEPING_SECONDS)


@dataclass(kw_only=True)
class World:
    """Everything outside of a life. ``keeps_house``: its bots look for late results; ``hears``:
    they take replies, and read what they missed.
    """

    folder: Path
    policy: Policy = POLICY
    keeps_house: bool = False
    hears: bool = False
    kept_time: KeptTime = field(default_factory=KeptTime)
    clock: OwnedClock = field(default_factory=OwnedClock)
    lives: list[Life] = field(default_factory=list)
    late: set[asyncio.Task[Any]] = field(default_factory=set)
    points: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.evolink = Provider(EVOLINK, self.clock, seconds=8.0)
        self.apimart = Provider(APIMART, self.clock, seconds=8.0, can_list_tasks=False)
        self.discord = Discord(self.clock)
        media = self.folder / "media"
        media.mkdir()
        self.disk = Disk(media, clock=self.clock)
        self._ids = count()

    # -- processes ----------------------------------------------------------------------------

    async def boot(self, crash: Crash | None = None, *, alone: bool = True) -> Life:
        """Start a bot."""
        process = Process(late=self._do_late, crash=crash)
        self.points.append(process.points)
        self._ids = count()
        clock = LifeClock(self.clock, process)
        stack = AsyncExitStack()
        storage = open_storage(f"sqlite:///{self.folder}/retake.db", clock=self.clock)
        await stack.enter_async_context(storage)
        discord = watched(self.discord, process, "discord")
        providers: list[Any] = [watched(p, process, p.name) for p in (self.evolink, self.apimart)]
        ports = Ports(
            storage=watched(storage, process, "storage"),
            clock=clock,
            providers=FakeDirectory(*providers),
            media=watched(self.disk, process, "disk"),
            messenger=watched(Messenger(discord), process, "messenger"),
            telemetry=NoTelemetry(),
            policy=self.policy,
        )
        worker_id = WorkerId(f"{len(self.points):04}{new_worker_id(self.clock.now())}")
        engine = build(ports, worker_id=worker_id, alone=alone)
        flights, scheduler, late = engine.flights, engine.scheduler, engine.late
        generate = Generate(
            ports=ports, flights=flights, owner=scheduler.ownership.owner, wake=scheduler.take
        )
        life = Life(
            process=process,
            storage=storage,
            flights=flights,
            scheduler=scheduler,
            generate=generate,
            cancel=Cancel(ports=ports, flights=flights, wake=scheduler.wake),
            limits=LimitService(storage=ports.storage, clock=clock, default=self.policy.limits),
            late=late,
            callbacks=Callbacks(
                storage=ports.storage, clock=clock, flights=flights, scheduler=scheduler, late=late
            ),
            hearing=Hearing(
                discord=discord,
                missed=MissedReplies(
                    storage=ports.storage,
                    clock=clock,
                    presence=watched(self.kept_time, process, "presence"),
                ),
                clock=clock,
                answer=lambda reply: self._edit(generate, reply),
            ),
            clock=clock,
            closing=stack,
        )
        self.lives.append(life)
        process.start(scheduler.run())
        if self.keeps_house:
            process.start(life.keep_house())
        if self.hears:
            process.start(life.hearing.keep_time())
        return life

    async def _edit(self, generate: Generate, reply: Reply) -> None:
        """A reply to a video asks for another version of it."""
        videos = [m for m in self.discord.messages if m.channel_id == reply.channel_id]
        video = next(m for m in videos if m.kind == "video")
        ask = GenerationRequest(
            request_key=reply_key(reply.id),
            requester_id=TOM,
            guild_id=GUILD,
            channel_id=CHANNEL,
            thread_id=ChannelId(reply.channel_id),
            private=False,
            locale="en-US",
            request=VideoRequest(operation=Operation.EDIT, prompt="at night"),
            parent_id=video.generation_id,
        )
        await generate.request(ask)

    async def bury(self, life: Life) -> None:
        """Let go of what a stopped life held."""
        life.process.die()
        await life.process.buried()
        await life.closing.aclose()
        self.lives.remove(life)

    def _do_late(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        async def arrive() -> None:
            await self.clock.sleep(seconds or LATE_SECONDS)
            try:
                await call()
            except (ProviderError, PostError):
                return  # nobody is there to hear the refusal

        self.late.add(asyncio.ensure_future(arrive()))

    def number(self, size: int) -> bytes:
        """So many bytes that no other id of this world has, the same in every world like it."""
        return bytes([len(self.points)]) + next(self._ids).to_bytes(size - 1, "big")

    def distinguished_by(self) -> object:
        """All that a bot which starts now can meet, apart from the database and the files."""
        assert not self.lives, "nobody starts now"
        ports = (self.discord, self.evolink, self.apimart, self.disk, self.kept_time)
        return (self.clock.seconds, len(self.points), *ports)

    def state(self, *others: Any) -> bytes | None:
        """The same for worlds in which the same will happen; None while a request is on its way."""
        if self.under_way():
            return None
        assert self.clock.next_due() is None, "somebody waits whom nobody knows"
        return state(self.folder, self, *others)

    # -- time ---------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        ready: Any = asyncio.get_running_loop()
        await asyncio.sleep(0)
        while ready._ready:  # noqa: ASYNC110 - there is no event for "nothing is left to run"
            await asyncio.sleep(0)
        for life in self.lives:
            for task in life.process.tasks:
                if task.done() and not task.cancelled() and life.process.alive:
                    task.result()

    async def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass, with all that happens in them."""
        until = self.clock.seconds + seconds
        await self.settle()
        while (due := self.clock.next_due()) is not None and due <= until:
            self.clock.ring_next()
            await self.settle()
        self.clock.seconds = max(self.clock.seconds, until)

    async def tick(self) -> None:
        """Go to the next moment at which anything happens."""
        assert self.clock.ring_next(), "nothing is due any more"
        assert self.clock.seconds < LONGEST, "it does not come to an end"
        await self.settle()

    # -- looking ------------------------------------------------------------------------------

    def unfinished(self) -> int:
        """Generations whose end was not announced yet."""
        with closing(sqlite3.connect(self.folder / "retake.db")) as database:
            query = "SELECT count(*) FROM generations WHERE NOT announced"
            return database.execute(query).fetchone()[0]

    def under_way(self) -> bool:
        """Whether a request is on its way whose sender may be gone."""
        return not all(task.done() for task in self.late)

    def resting(self) -> bool:
        """Whether nothing is to be done any more."""
        if any(life.flights.live for life in self.lives if life.process.alive):
            return False
        return not self.under_way() and not self.unfinished()

    async def rows(self) -> list[Generation]:
        """All generations in the order they were asked for."""
        with closing(sqlite3.connect(self.folder / "retake.db")) as database:
            ids = database.execute("SELECT id FROM generations ORDER BY rowid").fetchall()

        async def work(tx: Transaction) -> list[Generation | None]:
            return [await tx.generations.get(GenerationId(one)) for (one,) in ids]

        found = await self._storage().read(work)
        return [row for row in found if row is not None]

    async def row(self, generation_id: GenerationId) -> Generation:
        found = await self._storage().read(lambda tx: tx.generations.get(generation_id))
        assert found is not None
        return found

    async def usage(self, user: UserId = TOM) -> Usage:
        since = START.replace(hour=0)
        return await self._storage().read(lambda tx: tx.ledger.usage(GUILD, user, since=since))

    async def faults(self) -> Sequence[str]:
        return await self._storage().read(lambda tx: tx.ledger.faults())

    def viewer(self, user: UserId = TOM) -> Viewer:
        return Viewer(user_id=user, guild_id=GUILD)

    def paid(self, generation_id: GenerationId) -> int:
        """Tasks that providers took for a generation."""
        return sum(len(provider.of(generation_id)) for provider in (self.evolink, self.apimart))

    def a_file(self, name: str, kind: MediaKind) -> StoredMedia:
        """Something that a person attached."""
        (self.disk.folder / name).write_bytes(VIDEO)
        return StoredMedia(
            kind=kind,
            path=name,
            mime="image/png" if kind is MediaKind.IMAGE else "video/mp4",
            size=len(VIDEO),
            sha256=name.encode().hex().ljust(64, "0")[:64],
            width=1280,
            height=720,
            duration_ms=0 if kind is MediaKind.IMAGE else 5000,
        )

    def _storage(self) -> SqlStorage:
        return self.lives[0].storage

    # -- judging ------------------------------------------------------------------------------

    async def wrongs_now(self) -> list[str]:
        """What must never be true, at any time."""
        return await self._never(await self.rows())

    async def _never(self, rows: Sequence[Generation]) -> list[str]:
        wrongs = [f"books: {fault}" for fault in await self.faults()]
        for row in rows:
            if (paid := self.paid(row.id)) > 1:
                wrongs.append(f"{row.id} was paid {paid} times")
            for kind in ("status", "video", "end"):
                there = [m for m in self.discord.of(row.id, kind) if not m.vanished]
                if (count := len(there)) > 1:
                    wrongs.append(f"{row.id} has {count} messages of kind {kind}")
            if row.state is State.DELIVERED and not self.discord.of(row.id, "video"):
                wrongs.append(f"{row.id} counts as delivered and is not there")
        return wrongs

    async def wrongs_in_the_end(self) -> list[str]:
        """What must not be true when all is over."""
        rows, providers = await self.rows(), (self.evolink, self.apimart)
        wrongs = await self._never(rows)
        for row in rows:
            videos = self.discord.of(row.id, "video")
            if row.state not in ENDS or not row.announced:
                wrongs.append(f"{row.id} was left {row.state}")
            if bool(videos) is not (row.state is State.DELIVERED):
                wrongs.append(f"{row.id} is {row.state} with {len(videos)} videos posted")
            wrongs += unheard(self.discord, row, rows) + left_there(providers, row)
        wrongs += [wrong for provider in providers for wrong in provider.wrongs]
        wrongs += [f"left on disk: {part.name}" for part in self.disk.folder.glob("*.part")]
        return wrongs

    async def miscounted(self, rows: Sequence[Generation], user: UserId = TOM) -> list[str]:
        """Whether a person's usage is anything but these generations, open ones and spent ones."""
        videos = sum((not row.ended and not row.late) or spent(row) for row in rows)
        used = await self.usage(user)
        return [] if used.videos == videos else [f"the quota of {user} says {used}, not {videos}"]
