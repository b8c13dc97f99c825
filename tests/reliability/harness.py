"""The real bot inside the test's own process, on stand-ins whose every call can go wrong.

Owns the start and the end of both, the short waits, and what is known of a request afterwards.
`faults` owns what goes wrong, `matrix` what must hold.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest
import structlog
from aiohttp import web
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route
from structlog.typing import EventDict

from bench.audit import open_work
from bot.app import running
from bot.app.build import Parts, Role, build
from bot.domain import breaker
from bot.domain.ids import GenerationId
from bot.engine import recovery, timing
from bot.engine.steps import (
    announcing,
    batches,
    fetching,
    polling,
    posting,
    submission,
    unknown,
)
from bot.ops.gc_tuner import GcTuner
from bot.providers import http, response_errors
from bot.settings.sources import load
from bot.ui import discord_errors
from bot.ui.inbound import answers, client
from bot.ui.messenger import messenger, status_editor, threads, uplink
from sandbox.clips import ClipSource
from sandbox.discord import DiscordStandIn
from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Providers
from tests.reliability.faults import Weather

Json = dict[str, Any]
SITES = ("cdn", "rest", "evolink", "files", "apimart", "results")
TASK_SECONDS = 0.3
ROWS = """
    SELECT g.id, g.state, g.announced,
        (SELECT COUNT(*) FROM ledger l WHERE l.generation_id = g.id AND l.kind = 'close') AS closes,
        (SELECT COALESCE(SUM(l.videos_spent), 0) FROM ledger l WHERE l.generation_id = g.id)
            AS spent
    FROM generations g WHERE json_extract(g.request, '$.prompt') = ?
"""


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Wait a tenth or less of what the bot would wait for others; the order of things stays."""

    def backoff(misses: int, *, first: float = 2.0, longest: float = 300.0) -> float:
        return min(first * 2 ** max(misses - 1, 0), longest) * 0.02

    for module in (recovery, announcing, fetching, posting, submission, polling, unknown):
        patch.setattr(module, "backoff", backoff)
    patch.setattr(breaker, "FIRST_PAUSE", 0.3)
    busy = response_errors._STATUSES[429]
    patch.setitem(response_errors._STATUSES, 429, replace(busy, retry_after=0.3))
    rule = timing.next_poll
    # Without an estimate a provider is first queried after many seconds.
    patch.setattr(timing, "next_poll", lambda *a, **k: min(rule(*a, **k), 0.4))
    whole = http.Timeouts
    patch.setattr(
        http,
        "Timeouts",
        lambda: whole(connect=1.0, submit=1.5, read=1.5, idle=1.0, transfer=3.0),
    )
    for module, name, seconds in (
        (messenger, "SEND_SECONDS", 2.0),
        (uplink, "MOST_SECONDS", 2.5),
        (threads, "SEND_SECONDS", 2.0),
        (status_editor, "EDIT_SECONDS", 2.0),
        (status_editor, "GAP_SECONDS", 0.2),
        (status_editor, "RETRY_SECONDS", 0.3),
        (discord_errors, "LATER_SECONDS", 0.2),
        (discord_errors, "BLOCKED_SECONDS", 0.3),
        (answers, "LONGEST_SECONDS", 2.0),
        (batches, "SINGLE_SECONDS", 0.5),
    ):
        patch.setattr(module, name, seconds)

    async def at_once(self: object, shard_id: object, *, initial: bool = False) -> None:
        """A fresh identify waits five seconds for Discord's sake."""

    patch.setattr(client.RetakeClient, "before_identify_hook", at_once)
    for owner, name in ((Route, "BASE"), (DiscordWebSocket, "DEFAULT_GATEWAY"), (Asset, "BASE")):
        patch.setattr(owner, name, getattr(owner, name))


class Complaints(logging.Handler):
    """What our log and the libraries' held that nobody may cause from outside."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def __call__(self, logger: object, method: str, event: EventDict) -> EventDict:
        """As a processor of structlog, for our own log: a sentence for the operator is in order, an
        exception nobody expected is not.
        """
        if method != "warning" and (trace := event.get("exception")):
            self.said.append(f"{event.get('event')}: {trace.strip().splitlines()[-1]}")
        raise structlog.DropEvent

    def emit(self, record: logging.LogRecord) -> None:
        """As a handler, for the libraries. The stand-ins' server and a provider that is away
        are not the bot's fault.
        """
        if record.name != "aiohttp.server" and "reconnect" not in record.getMessage():
            self.said.append(f"{record.name}: {record.getMessage()} {record.exc_info}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear everything meanwhile."""
        kept = structlog.get_config()
        structlog.configure(
            processors=[structlog.processors.format_exc_info, self],
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            cache_logger_on_first_use=False,
        )
        logging.getLogger().addHandler(self)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self)
            structlog.configure(**kept)


@dataclass(kw_only=True)
class Harness:
    """An asynchronous context: stand-ins and bot, which may be stopped and started in it."""

    folder: Path
    clips: ClipSource
    media: Path | None = None
    database: Path | None = None
    complaints: Complaints = field(default_factory=Complaints)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.discord = DiscordStandIn()
        self.providers = Providers(directory=self.folder / "providers", clips=self.clips)
        self.weather = Weather(providers=self.providers)
        self._stack = AsyncExitStack()
        self._sites: dict[str, web.TCPSite] = {}
        self._lives = 0
        self._dropped = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**28, middlewares=[self.weather.middleware])
        self.discord.mount(app)
        self.providers.mount(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        self._stack.push_async_callback(self.discord.close)
        self._stack.push_async_callback(self.providers.close)
        self._stack.push_async_callback(self._runner.cleanup)
        for name in SITES:
            await self.up(name)
            self.ports[name] = self._runner.addresses[-1][1]
        self.discord.base_url = self.url("cdn")
        self.providers.base_url = self.url("results")
        for provider in (self.providers.evolink, self.providers.apimart):
            provider.settings.seconds = TASK_SECONDS
            provider.balance_usd = 100_000
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._stack.aclose()

    def url(self, site: str) -> str:
        return f"http://127.0.0.1:{self.ports[site]}"

    async def down(self, name: str) -> None:
        """Connections are refused there; nobody keeps one open."""
        site = self._sites.pop(name, None)
        if site is not None:
            await site.stop()

    async def up(self, name: str) -> None:
        if name not in self._sites:
            site = web.TCPSite(self._runner, "127.0.0.1", self.ports.get(name, 0))
            await site.start()
            self._sites[name] = site

    # The bot.

    async def start(self, *, again: bool = False) -> None:
        """A bot, online: with empty books, or ``again`` with those of the last one."""
        if not again:
            self._lives += 1
            self.home = self.folder / f"life-{self._lives}"
            self.home.mkdir()
            config = self.home / "config.toml"
            config.write_text(self._configuration())
            self.settings = load(config, {})
        self._stop = asyncio.Event()
        position = self.discord.position
        opened: asyncio.Future[Parts] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run(opened))
        await asyncio.wait({self.task, opened}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            await self.task
        self.parts = opened.result()
        self._watch(self.parts)
        await self.discord.wait("BOT", {"online": True}, after=position, timeout=30)

    async def _run(self, opened: asyncio.Future[Parts]) -> None:
        async with build(self.settings, Role.ALL) as parts:
            opened.set_result(parts)
            with GcTuner(clock=parts.clock) as heap:
                await running._work(parts, Role.ALL, self.settings, heap, self._stop)

    def _watch(self, parts: Parts) -> None:
        flights = parts.scheduler.flights
        drop = flights.drop

        def dropped(generation_id: GenerationId) -> None:
            drop(generation_id)
            self._dropped.set()

        flights.drop = dropped

    async def stop(self) -> None:
        if self.ended:
            return
        self._stop.set()
        async with asyncio.timeout(20):
            await asyncio.wait({self.task})
        self.task.result()

    @property
    def ended(self) -> bool:
        """Whether the bot ended by itself, which it never may."""
        return self.task.done() and not self._stop.is_set()

    async def resting(self) -> None:
        """Wait until nothing is under way, nor left from an earlier life."""
        while self.parts.scheduler.flights.live or open_work(self.database_file):
            self._dropped.clear()
            await self._dropped.wait()

    @property
    def database_file(self) -> Path:
        return Path(self.settings.database.url.partition(":///")[2])

    def forget_failures(self) -> None:
        """As if nothing had gone wrong before."""
        self.parts.scheduler.flights.queue.breakers.clear()

    # The outcome of a request.

    def rows(self, prompt: str) -> list[Json]:
        with closing(sqlite3.connect(self.database_file)) as books:
            books.row_factory = sqlite3.Row
            return [dict(row) for row in books.execute(ROWS, [prompt])]

    def tasks(self, prompt: str) -> int:
        """How many tasks the providers ever took for it."""
        every = [*self.providers.evolink.tasks.values(), *self.providers.apimart.tasks.values()]
        return sum(task.submission.first_line == prompt for task in every)

    def messages(self, prompt: str) -> list[Json]:
        """The bot's messages that name it, as they stand now."""
        world, render = self.discord.world, self.discord.render
        own = [m for m in world.messages.values() if m.author_id == world.bot_id]
        shown = [render.message(m) for m in own if m.visible_to is None]
        return [m for m in shown if f"**{prompt}**" in _text(m)]

    def _configuration(self) -> str:
        media = self.media or self.home / "media"
        database = self.database or self.home / "retake.db"
        return f"""\
[discord]
token = "{self.discord.token}"
api_url = "{self.url("rest")}/api/v10"
gateway_url = "{self.discord.gateway_url}"
guild_ready_timeout = 0.1
[database]
url = "sqlite+aiosqlite:///{database}"
[media]
dir = "{media}"
[providers.evolink]
api_key = "{EVOLINK_KEY}"
api_url = "{self.url("evolink")}/evolink"
files_url = "{self.url("files")}/evolink-files"
[providers.apimart]
api_key = "{APIMART_KEY}"
api_url = "{self.url("apimart")}/apimart"
[http]
port = 0
[limits]
videos = 0
concurrent = 0
[replies]
grace_seconds = 0
"""


def _text(message: Json) -> str:
    found = [message.get("content") or ""]
    waiting = list(message.get("components", ()))
    while waiting:
        part = waiting.pop(0)
        found.append(part.get("content") or "")
        waiting = [*part.get("components", ()), *waiting]
    return "\n".join(found)
