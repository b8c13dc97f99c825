"""The running bot: the order of start and stop, and what goes on beside the work."""

import asyncio
from datetime import timedelta

import discord
import structlog

from bot.app.errors import CannotRunError
from bot.app.housekeeping import Chore, Housekeeping
from bot.app.parts import Parts, Role, build
from bot.ops.heap import Heap
from bot.settings import Settings

log = structlog.get_logger(__name__)

CLEANING_SECONDS = 3600.0
LOGIN_AGAIN_SECONDS = 15.0
LEAVING_SECONDS = 2.0


async def run(settings: Settings, role: Role, stop: asyncio.Event) -> None:
    """Run the bot until ``stop`` is set.

    Raises:
        CannotRunError: with a sentence for the operator.
    """
    async with build(settings, role) as parts:
        try:
            await parts.side_door.start()
        except OSError as error:
            raise CannotRunError(
                f"The HTTP side door cannot listen on {settings.http.host} port"
                f" {settings.http.port} ({error.strerror}): set another [http] port,"
                " or 0 for any free one."
            ) from None
        try:
            if parts.desk is not None:
                await parts.desk.start()
            if await _log_in(parts, settings.discord.token.get_secret_value(), stop):
                with Heap(clock=parts.clock) as heap:
                    await _work(parts, role, settings, heap, stop)
        finally:
            if parts.desk is not None:
                await parts.desk.stop()
            await parts.side_door.stop()


async def _log_in(parts: Parts, token: str, stop: asyncio.Event) -> bool:
    """Log in, waiting for Discord if it is away; False when told to stop meanwhile."""
    while not stop.is_set():
        try:
            await parts.client.login(token)
        except discord.LoginFailure:
            raise CannotRunError(
                "Discord does not accept the token: copy it anew from the Bot page of your"
                " application into [discord] token."
            ) from None
        except (discord.HTTPException, OSError) as error:
            log.warning("login_failed", error=str(error), again_in=LOGIN_AGAIN_SECONDS)
            await parts.clock.wait(stop, LOGIN_AGAIN_SECONDS)
        else:
            return True
    return False


async def _work(
    parts: Parts, role: Role, settings: Settings, heap: Heap, stop: asyncio.Event
) -> None:
    """Start in the order of dependence; on ``stop`` refuse new work, put down the old, leave."""
    try:
        async with asyncio.TaskGroup() as group:
            attendants = [
                group.create_task(parts.messenger.run()),
                group.create_task(_housekeeping(parts, settings, heap).run()),
            ]
            work = None if role is Role.GATEWAY else group.create_task(parts.scheduler.run())
            connection = None if role is Role.WORKER else group.create_task(_connect(parts, stop))
            await stop.wait()
            log.info("stopping")
            parts.generate.stopping = True
            parts.scheduler.stop()
            if work is not None:
                await work
            for attendant in attendants:
                attendant.cancel()
            await parts.missed.beat()
            await _disconnect(parts.client, connection)
    except* CannotRunError as errors:
        raise CannotRunError(str(errors.exceptions[0])) from None


async def _connect(parts: Parts, stop: asyncio.Event) -> None:
    """Stay connected to the gateway; the library reconnects by itself until the client closes."""
    try:
        await parts.client.connect(reconnect=True)
    except discord.ConnectionClosed as error:
        if not stop.is_set():
            raise CannotRunError(
                f"Discord closed the gateway for good (code {error.code}): look at the"
                " application's page whether the token or the bot was changed."
            ) from None
    stop.set()


async def _disconnect(client: discord.Client, connection: asyncio.Task[None] | None) -> None:
    """Close the connection, and do not wait until the library has slept enough to notice.

    Between two tries to reconnect it sleeps, for minutes at worst.
    """
    await client.close()
    if connection is not None:
        await asyncio.wait({connection}, timeout=LEAVING_SECONDS)
        connection.cancel()


def _housekeeping(parts: Parts, settings: Settings, heap: Heap) -> Housekeeping:
    retention = timedelta(days=settings.media.retention_days)

    async def clean() -> None:
        removed = await parts.media.clean(parts.clock.now(), retention)
        log.info("media_cleaned", removed=removed)
        heap.look_anew()

    async def count() -> None:
        open_now = await parts.storage.read(lambda tx: tx.generations.count_open())
        parts.metrics.open_generations(open_now)

    return Housekeeping(
        clock=parts.clock,
        chores=(
            Chore(name="clean", work=clean, every=CLEANING_SECONDS),
            Chore(name="late_results", work=parts.late.look),
            Chore(name="gauges", work=count),
            Chore(name="presence", work=parts.missed.beat),
        ),
    )
