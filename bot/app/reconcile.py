"""Carrying out an operator's command in the running bot, or here if none runs.

On SQLite only one process writes (``docs/decisions/one-writer.md``), so a running bot gets the
command through its control socket. On PostgreSQL every process may write.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.app.database import alone_on, beside_database, open_database
from bot.app.errors import AnotherBotError, CannotRunError
from bot.app.providers import open_catalogue, open_providers
from bot.operator.control_socket import ControlSocketClosedError, send
from bot.operator.reconcile import Command, Outcome, carry_out
from bot.ops.clock import SystemClock
from bot.providers.router import Router
from bot.services.reconcile import Reconcile
from bot.settings import Settings


async def run_reconcile(settings: Settings, command: Command) -> Outcome:
    """Carry out a command where that is safe.

    Raises:
        CannotRunError: it cannot be carried out now.
    """
    try:
        async with _open_reconcile(settings) as reconcile:
            return await carry_out(reconcile, command)
    except AnotherBotError:
        return await _send(settings, command)


async def _send(settings: Settings, command: Command) -> Outcome:
    try:
        outcome = await send(beside_database(settings, ".control"), command.model_dump(mode="json"))
    except ControlSocketClosedError as error:
        raise CannotRunError(
            f"A bot is running on this database but can't be reached ({error}): try again in a"
            " moment, or stop the bot first."
        ) from None
    return Outcome.model_validate(outcome)


@asynccontextmanager
async def _open_reconcile(settings: Settings) -> AsyncIterator[Reconcile]:
    clock = SystemClock()
    catalogue = open_catalogue(settings)
    with alone_on(settings):
        async with (
            open_database(settings, clock) as storage,
            open_providers(settings, clock) as providers,
        ):
            router = Router(catalogue=catalogue, providers=providers)
            yield Reconcile(storage=storage, clock=clock, providers=router)
