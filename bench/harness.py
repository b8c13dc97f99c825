"""Where the bot is measured: Discord in this process, the providers and the bot in two others.

Owns the stand-in's stopwatch: when an interaction was sent, when its callback came in, and whether
the hold was in the bot's database at that moment. Everything is on loopback; Discord is given the
distance it has (``DISTANCE_SECONDS`` before a call is looked at, longer for a video).
"""

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import aiohttp
from aiohttp import web

from bench import baseline
from bench.load import Load, Spot, write_rows
from bench.machine import ended
from bench.providers import Process
from bot.ops.clock import SystemClock
from bot.storage import open_storage
from sandbox.discord import DiscordStandIn
from sandbox.discord.rules.message_rules import Draft
from sandbox.discord.state.models import Channel, ChannelKind
from sandbox.discord.state.seed import STUDIO, TOM
from sandbox.process import BotProcess
from sandbox.providers import APIMART_KEY, EVOLINK_KEY

DISTANCE_SECONDS = 0.08
UPLOAD_SECONDS = 1.0
CHANNELS = 40
LARGE_FILES = 2
"""A server's boost level that allows 50 MB a file."""

COMPONENTS_V2 = 1 << 15
WITH_A_MESSAGE = 4
"""The callback that answers at once; any other only promises an answer."""

ONLINE_SECONDS = 120.0
_NAMED = re.compile(r"load (\d+)")
_HELD = """SELECT 1 FROM generations JOIN ledger ON ledger.generation_id = generations.id
    WHERE request_key = ? AND kind = 'hold'"""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bot(Protocol):
    """A bot in a process of its own."""

    @property
    def pid(self) -> int: ...

    async def start(self) -> None: ...

    async def stop(self) -> int | None: ...


@dataclass(kw_only=True)
class Ack:
    """One interaction. ``seconds`` from sending it to its callback; None: none came."""

    sent_at: float
    seconds: float | None = None
    answered: bool = False
    held: bool = False


@dataclass
class Stopwatch:
    """What comes in, and when. ``database`` is the bot's, looked into while it runs."""

    database: Path | None = None
    acks: dict[str, Ack] = field(default_factory=dict[str, Ack])
    refused: int = 0
    most_uploads: int = 0
    _uploads: int = 0
    _books: sqlite3.Connection | None = None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note a call of the bot's, and let it wait as long as it would on its way to Discord."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        steps = request.path.split("/")
        try:
            if steps[-1] == "callback":
                self._acknowledged(steps[-3])
            elif request.content_type == "multipart/form-data":
                return await self._taken_in(request, handler)
            else:
                await asyncio.sleep(DISTANCE_SECONDS)
            response = await handler(request)
        except ConnectionError:
            return web.Response(status=400)  # nobody reads it: the bot was stopped meanwhile
        self.refused += response.status == 429
        return response

    async def _taken_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._uploads += 1
        self.most_uploads = max(self.most_uploads, self._uploads)
        try:
            await asyncio.sleep(UPLOAD_SECONDS)
            return await handler(request)
        finally:
            self._uploads -= 1

    def _acknowledged(self, interaction_id: str) -> None:
        now = time.perf_counter()
        ack = self.acks.get(interaction_id)
        if ack is None or ack.seconds is not None:
            return
        ack.seconds = now - ack.sent_at
        ack.held = self._is_held(interaction_id)

    def _is_held(self, interaction_id: str) -> bool:
        if self.database is None:
            return False
        if self._books is None:
            self._books = sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)
        return self._books.execute(_HELD, (f"interaction:{interaction_id}",)).fetchone() is not None

    def close(self) -> None:
        """Let go of the database."""
        if self._books is not None:
            self._books.close()


class Harness:
    """The stand-ins with tasks in flight, and a bot that uses them. An asynchronous context."""

    def __init__(self, *, folder: Path, load: Load, clip: Path) -> None:
        self.folder = folder
        self.load = load
        self.discord = _far_from_the_disk(DiscordStandIn)
        self.discord.limits.strict = True
        self.watch = Stopwatch()
        self.providers = Process(load=load, clip=clip)
        self.config = folder / "config.toml"
        self.database = folder / "retake.db"
        self._parts = AsyncExitStack()
        self._channels: list[str] = []
        self._spots: list[Spot] = []

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.discord.world.guilds[STUDIO].premium_tier = LARGE_FILES
        app = web.Application(client_max_size=512 * 2**20, middlewares=[self.watch.middleware])
        self.discord.mount(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._parts.push_async_callback(self.discord.close)
        self._parts.push_async_callback(runner.cleanup)
        self._parts.callback(self.watch.close)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.discord.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._channels = self._open_channels()
        self._spots = self._post_statuses()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    async def seed(self) -> None:
        """Write the tasks in flight into the bot's database."""
        url = f"sqlite+aiosqlite:///{self.database}"
        async with open_storage(url, clock=SystemClock()) as storage:
            await write_rows(storage, self.load, self._spots)

    async def open_providers(self) -> None:
        """Start the providers and write down where the bot finds everything."""
        url = await self.providers.start()
        self._parts.push_async_callback(self.providers.stop)
        self.config.write_text(self._configuration(url), encoding="utf-8")

    def retake(self) -> BotProcess:
        """The real bot, to be started."""
        self.watch.database = self.database
        return BotProcess(config=self.config, log=self.folder / "bot.log")

    @asynccontextmanager
    async def running(self, bot: Bot) -> AsyncIterator[Bot]:
        """A bot that is online, stopped at the end."""
        try:
            await self.start(bot)
            yield bot
        finally:
            await bot.stop()

    async def start(self, bot: Bot) -> float:
        """Start a bot; seconds until it was online."""
        after, began = self.discord.position, time.perf_counter()
        await bot.start()
        await self.discord.wait("BOT", {"online": True}, after=after, timeout=ONLINE_SECONDS)
        return time.perf_counter() - began

    def usual(self, *, bare: bool = False) -> baseline.Process:
        """The baseline, to be started."""
        options = {
            "api_url": f"{self.discord.base_url}/api/v10",
            "gateway_url": self.discord.gateway_url,
            "token": self.discord.token,
        }
        if bare:
            return baseline.Process(self.folder / "bot.log", **options, bare=True)
        return baseline.Process(
            self.folder / "bot.log",
            **options,
            providers=self.providers.url,
            database=self.folder / "usual.db",
            load=self.providers.load.as_json(),
            channel=[int(channel_id) for channel_id in self._channels],
        )

    def forget_database(self) -> None:
        """Let the next start of the bot be its first."""
        for path in self.folder.glob(f"{self.database.name}*"):
            path.unlink()

    async def figures(self, *, forget: bool = False) -> dict[str, Any]:
        """Return what the providers have counted; ``forget`` makes them start again."""
        options = {"forget": "1"} if forget else {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.providers.url}/figures", params=options) as answer,
        ):
            return await answer.json()

    async def end_all(self) -> None:
        """End all tasks that wait only for this order."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.providers.url}/end") as answer,
        ):
            answer.raise_for_status()

    async def ask(self, number: int) -> str:
        """Somebody types ``/video`` in one of the channels; the interaction's id."""
        channel_id = self._channels[number % len(self._channels)]
        options = {"prompt": f"question {number}", "duration": "6"}
        sent_at = time.perf_counter()
        interaction_id = await self.discord.people.command(
            TOM, channel_id, "video", options=options
        )
        self.watch.acks[interaction_id] = Ack(sent_at=sent_at)
        return interaction_id

    def finished_acks(self, ids: Sequence[str]) -> list[Ack]:
        """These interactions, with how each was answered."""
        for interaction_id in ids:
            interaction = self.discord.interactions.get(interaction_id)
            self.watch.acks[interaction_id].answered = interaction.callback == WITH_A_MESSAGE
        return [self.watch.acks[interaction_id] for interaction_id in ids]

    def _open_channels(self) -> list[str]:
        guild = self.discord.world.guilds[STUDIO]
        opened = [
            Channel(
                id=self.discord.ids.next(),
                kind=ChannelKind.TEXT,
                name=f"load-{number}",
                guild_id=guild.id,
            )
            for number in range(CHANNELS)
        ]
        return [self.discord.world.add_channel(channel).id for channel in opened]

    def _post_statuses(self) -> list[Spot]:
        """Create the status messages, spread over the channels, and threads for the videos."""
        spots: list[Spot] = []
        for number in range(self.load.count):
            channel = self.discord.world.channels[self._channels[number % CHANNELS]]
            card = {"type": 10, "id": 1, "content": f"Working on load {number}"}
            message = self.discord.messages.create(
                channel, self.discord.world.bot_id, Draft(components=[card], flags=COMPONENTS_V2)
            )
            thread = None
            if number >= self.load.staying:
                name = {"name": f"load {number}"}
                bot_id = self.discord.world.bot_id
                thread = self.discord.threads.create(channel, bot_id, name, starter=message)
            thread_id = None if thread is None else int(thread.id)
            spots.append((int(STUDIO), int(channel.id), int(message.id), thread_id))
        return spots

    def _configuration(self, providers: str) -> str:
        return f"""\
[discord]
token = "{self.discord.token}"
api_url = "{self.discord.base_url}/api/v10"
gateway_url = "{self.discord.gateway_url}"
guild_ready_timeout = 0.2

[database]
url = "sqlite+aiosqlite:///{self.database}"

[media]
dir = "{self.folder / "media"}"

[providers.evolink]
api_key = "{EVOLINK_KEY}"
api_url = "{providers}/evolink"
files_url = "{providers}/evolink-files"
max_running = 100000

[providers.apimart]
api_key = "{APIMART_KEY}"
api_url = "{providers}/apimart"

[limits]
videos = 0
seconds = 0
concurrent = 0

[replies]
grace_seconds = 0

[log]
level = "warning"

[http]
port = 0
"""


def _far_from_the_disk(make: Callable[[], DiscordStandIn]) -> DiscordStandIn:
    """Discord's disk is not the bot's: what is posted there goes into memory, where there is such
    a place.
    """
    memory = Path("/dev/shm")  # noqa: S108 - our folder is made in it
    usual_place, tempfile.tempdir = tempfile.tempdir, str(memory) if memory.is_dir() else None
    try:
        return make()
    finally:
        tempfile.tempdir = usual_place


class Deliveries:
    """The videos as they are posted, by their task's number. An asynchronous context."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.posted: dict[int, float] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        await ended(self._task)

    def between(self, first: float, last: float) -> dict[int, float]:
        """Those posted in that time."""
        return {number: at for number, at in self.posted.items() if first <= at <= last}

    async def until(self, count: int, *, seconds: float) -> None:
        """Wait for so many."""
        async with asyncio.timeout(seconds):
            while len(self.posted) < count:
                self._news.clear()
                await self._news.wait()

    async def _look(self) -> None:
        discord, after = self._harness.discord, self._harness.discord.position
        while True:
            event = await discord.wait(
                "MESSAGE_CREATE", lambda data: data.get("attachments"), after=after, timeout=3600
            )
            after = event["n"]
            if named := _NAMED.search(event["data"]["content"]):
                self.posted[int(named[1])] = time.time()
                self._news.set()
            for file in event["data"]["attachments"]:
                # Hundreds of videos of this size would fill the disk.
                discord.world.attachments[file["id"]].path.unlink(missing_ok=True)
