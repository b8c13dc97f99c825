"""The running bot: the order of start and stop, and its background jobs."""

import asyncio
from datetime import timedelta

import discord
import structlog

from bot.app.build import Parts, Role, build
from bot.app.errors import CannotRunError, cannot_listen
from bot.app.housekeeping import Housekeeping, PeriodicJob
from bot.domain.errors import Code
from bot.engine.pruning import Pruning
from bot.ops.gc_tuner import GcTuner
from bot.settings import Settings

log = structlog.get_logger(__name__)

CLEANING_SECONDS = 3600.0
PATIENCE_SECONDS = 10.0
"""At the start, the worker waits this long for Discord: paid tasks must not wait longer."""

LEAVING_SECONDS = 2.0


async def run(settings: Settings, role: Role, stop: asyncio.Event) -> None:
    """Run the bot until ``stop`` is set.

    Raises:
        CannotRunError: the operator must fix something.
    """
    async with build(settings, role) as parts:
        try:
            await parts.web_server.start()
        except OSError as error:
            sentence = cannot_listen(settings, error)
            if settings.http.public_url:
                raise CannotRunError(sentence) from None
            log.warning("http_server_off", reason=sentence)
        try:
            if parts.control_socket is not None:
                await parts.control_socket.start()
            with GcTuner(clock=parts.clock) as gc_tuner:
                await _work(parts, role, settings, gc_tuner, stop)
        finally:
            if parts.control_socket is not None:
                await parts.control_socket.stop()
            await parts.web_server.stop()


async def _work(
    parts: Parts, role: Role, settings: Settings, gc_tuner: GcTuner, stop: asyncio.Event
) -> None:
    """Start in the order of dependence; on ``stop`` refuse work, release it, disconnect."""
    token = settings.discord.token.get_secret_value()
    try:
        async with asyncio.TaskGroup() as group:
            connection = group.create_task(_to_discord(parts, role, token, stop))
            await _patiently(parts, stop)
            background = [
                group.create_task(parts.messenger.run()),
                group.create_task(_housekeeping(parts, settings, gc_tuner).run()),
                group.create_task(_announce(parts, role, settings)),
            ]
            if parts.watch is not None:
                background.append(group.create_task(parts.watch.run()))
            work = None if role is Role.GATEWAY else group.create_task(parts.scheduler.run())
            await stop.wait()
            log.info("stopping")
            parts.generate.admission.stopping = True
            parts.scheduler.stop()
            if work is not None:
                await work
            for task in background:
                task.cancel()
            await parts.missed.beat()
            await _disconnect(parts.client, connection)
    except BaseExceptionGroup as errors:
        # Raised within ``except*``, Python 3.11.2 would wrap it in a group again.
        cannot_run, rest = errors.split(CannotRunError)
        if cannot_run is None or rest is not None:
            raise
        raise CannotRunError(str(cannot_run.exceptions[0])) from None


async def _to_discord(parts: Parts, role: Role, token: str, stop: asyncio.Event) -> None:
    if await parts.link.log_in(token, stop) and role is not Role.WORKER:
        await parts.link.stay(stop)


async def _announce(parts: Parts, role: Role, settings: Settings) -> None:
    """Log one line when the bot is ready for members (a worker: for work)."""
    await parts.link.logged_in.wait()
    client = parts.client
    facts: dict[str, object] = {}
    if role is not Role.WORKER:
        await client.wait_until_ready()
        facts = {"servers": len(client.guilds), "commands": len(client.tree.get_commands())}
    providers = ", ".join(settings.providers.enabled())
    http = f"{settings.http.host}:{parts.web_server.port}" if parts.web_server.port else "off"
    log.info("ready", bot=str(client.user), **facts, providers=providers, http=http)


async def _patiently(parts: Parts, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = {
            group.create_task(parts.link.logged_in.wait()),
            group.create_task(stop.wait()),
        }
        await asyncio.wait(waiting, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()


async def _disconnect(client: discord.Client, connection: asyncio.Task[None]) -> None:
    # Between two attempts to reconnect, the library may sleep for minutes before it notices.
    await client.close()
    await asyncio.wait({connection}, timeout=LEAVING_SECONDS)
    connection.cancel()


def _housekeeping(parts: Parts, settings: Settings, gc_tuner: GcTuner) -> Housekeeping:
    retention = timedelta(days=settings.media.retention_days)

    async def clean() -> None:
        removed = await parts.media.clean(parts.clock.now(), retention)
        if removed:
            log.info("media_cleaned", removed=removed)
        gc_tuner.unfreeze()

    async def count() -> None:
        open_now = await parts.storage.read(lambda tx: tx.generations.count_open())
        parts.metrics.open_generations(open_now)

    reported: set[str] = set()

    async def report_damage() -> None:
        if new := parts.storage.set_aside().keys() - reported:
            await parts.messenger.alert_owner(Code.ROW_UNREADABLE, {"rows": sorted(new)})
            reported.update(new)

    pruning = Pruning(storage=parts.storage, clock=parts.clock, retention=retention)
    return Housekeeping(
        clock=parts.clock,
        jobs=(
            PeriodicJob(name="clean", work=clean, every=CLEANING_SECONDS),
            PeriodicJob(name="late_results", work=parts.late.look),
            PeriodicJob(name="gauges", work=count),
            PeriodicJob(name="presence", work=parts.missed.beat),
            PeriodicJob(name="damage", work=report_damage),
            PeriodicJob(name="prune", work=pruning.look),
        ),
    )
