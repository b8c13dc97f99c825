"""A small world for the services: the real storage, fakes around it, time that we move."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog

from bot.domain.access import Viewer
from bot.domain.generation import Generation, State
from bot.domain.ids import ChannelId, GenerationId, GuildId, UserId, new_worker_id
from bot.domain.limits import Limits, Usage
from bot.domain.ports.clock import Clock
from bot.domain.request import VideoRequest
from bot.engine.build import build
from bot.engine.context import Policy, Ports
from bot.engine.in_flight import Flights
from bot.engine.worker import Scheduler
from bot.services.admission import GenerationRequest
from bot.services.cancel import Cancel
from bot.services.generate import Generate, Receipt
from bot.services.revise import Revise
from bot.storage import open_storage
from tests.fakes.ports import FakeMedia, FakeMessenger, OwnedClock, WatchedStorage
from tests.fakes.providers import APIMART, EVOLINK, FakeDirectory, FakeProvider
from tests.fakes.telemetry import NoTelemetry
from tests.reliability.inline import fresh_folder, inline_sqlite

GUILD = GuildId(100)
CHANNEL = ChannelId(200)
TOM = UserId(1)
NOBODY = Limits(videos=0, concurrent=0)


@dataclass
class Worker:
    """One process: its memory, and the task it runs in."""

    flights: Flights
    scheduler: Scheduler
    generate: Generate
    cancel: Cancel
    revise: Revise
    task: asyncio.Task[None] | None = None


@dataclass
class World:
    """Everything outside of a worker outlives it."""

    clock: OwnedClock
    storage: WatchedStorage
    evolink: FakeProvider
    apimart: FakeProvider
    media: FakeMedia
    messenger: FakeMessenger
    policy: Policy = field(default_factory=lambda: Policy(limits=NOBODY))
    workers: list[Worker] = field(default_factory=list)
    asked: int = 0
    only_evolink: bool = False

    def ports(self, clock: Clock | None = None) -> Ports:
        providers = [self.evolink] if self.only_evolink else [self.evolink, self.apimart]
        return Ports(
            storage=self.storage,
            clock=clock or self.clock,
            providers=FakeDirectory(*providers),
            media=self.media,
            messenger=self.messenger,
            telemetry=NoTelemetry(),
            policy=self.policy,
        )

    def start(self, *, alone: bool = True, clock: Clock | None = None) -> Worker:
        """``clock``: that of the worker's host, where it is not everybody's."""
        ports = self.ports(clock)
        engine = build(ports, worker_id=new_worker_id(self.clock.now()), alone=alone)
        flights, scheduler = engine.flights, engine.scheduler
        generate = Generate(
            ports=ports, flights=flights, owner=scheduler.ownership.owner, wake=scheduler.take
        )
        cancel = Cancel(ports=ports, flights=flights, wake=scheduler.wake)
        revise = Revise(ports=ports, flights=flights, cancel=cancel)
        worker = Worker(flights, scheduler, generate, cancel, revise)
        worker.task = asyncio.ensure_future(scheduler.run())
        self.workers.append(worker)
        return worker

    async def kill(self, worker: Worker) -> None:
        """Gone between two instructions, as after SIGKILL: nothing is put down."""
        assert worker.task is not None
        worker.task.cancel()
        await asyncio.wait([worker.task])
        self.workers.remove(worker)

    async def ask(
        self,
        worker: Worker,
        request: VideoRequest | None = None,
        *,
        by: int = TOM,
        **changes: object,
    ) -> Receipt:
        self.asked += 1
        ask = GenerationRequest(
            request_key=f"interaction:{self.asked}",
            requester_id=UserId(by),
            guild_id=GUILD,
            channel_id=CHANNEL,
            thread_id=None,
            private=False,
            locale="en-US",
            request=request or VideoRequest(prompt=f"a red kite {self.asked}"),
        )
        return await worker.generate.request(replace(ask, **changes))  # pyright: ignore[reportArgumentType]

    async def row(self, generation_id: GenerationId) -> Generation:
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        assert found is not None
        return found

    async def usage(self) -> Usage:
        """What Tom has used up today."""
        since = self.clock.now().replace(hour=0)
        return await self.storage.read(lambda tx: tx.ledger.usage(GUILD, TOM, since=since))

    async def state(self, generation_id: GenerationId) -> State:
        return (await self.row(generation_id)).state

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        quiet = 0
        while quiet < 25:
            await asyncio.sleep(0)
            quiet = 0 if self.storage.under_way else quiet + 1
            for worker in self.workers:
                if worker.task is not None and worker.task.done():
                    worker.task.result()

    async def until(self, condition: Callable[[], bool], *, seconds: float = 100_000) -> None:
        """Move time from timer to timer until ``condition`` holds."""
        limit = self.clock.seconds + seconds
        await self.settle()
        while not condition():
            assert self.clock.seconds <= limit, "it did not happen in time"
            assert self.clock.ring_next(), "it did not happen, and nothing is due any more"
            await self.settle()

    async def until_over(self, *, seconds: float = 100_000) -> None:
        """Move time until no generation is live any more."""
        await self.until(
            lambda: not any(worker.flights.live for worker in self.workers), seconds=seconds
        )

    async def until_state(
        self, generation_id: GenerationId, state: State, *, seconds: float = 100_000
    ) -> Generation:
        """Move time until a generation's row is in a state."""
        limit = self.clock.seconds + seconds
        await self.settle()
        while await self.state(generation_id) is not state:
            assert self.clock.seconds <= limit, f"it never was {state}"
            assert self.clock.ring_next(), "nothing is due any more"
            await self.settle()
        return await self.row(generation_id)

    async def faults(self) -> list[str]:
        return list(await self.storage.read(lambda tx: tx.ledger.faults()))

    def viewer(self, user: int = TOM, *, moderator: bool = False) -> Viewer:
        return Viewer(user_id=UserId(user), guild_id=GUILD, moderator=moderator)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Drawing a traceback with all its values takes longer than any test here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the world's database and files are. SQLite needs no thread there, so that a virtual
    day of heartbeats takes seconds.
    """
    with inline_sqlite():
        yield fresh_folder()


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[World]:
    """Two providers, an empty database; at the end the books must be right."""
    clock = OwnedClock()
    media = folder / "media"
    media.mkdir()
    async with open_storage(f"sqlite:///{folder}/retake.db", clock=clock) as storage:
        world = World(
            clock=clock,
            storage=WatchedStorage(storage),
            evolink=FakeProvider(EVOLINK, clock),
            apimart=FakeProvider(APIMART, clock),
            media=FakeMedia(media),
            messenger=FakeMessenger(),
        )
        yield world
        for worker in list(world.workers):
            await world.kill(worker)
        world.storage.faults.clear()
        assert await world.faults() == []
