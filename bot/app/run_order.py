"""Where an operator's order is carried out: in the running bot, or here while none runs.

Owns that choice. On SQLite only one process writes (``docs/decisions/one-writer.md``), so a running
bot is asked through its control socket; on PostgreSQL every process may write.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.app.build import open_catalogue, open_database
from bot.app.errors import AnotherBotError, CannotRunError
from bot.app.lock import alone_on, beside_database
from bot.app.providers import open_providers
from bot.operator.control_socket import ControlSocketClosedError, ask
from bot.operator.reconcile import Answer, Order, carry_out
from bot.ops.clock import SystemClock
from bot.providers.router import Router
from bot.services.reconcile import Reconcile
from bot.settings import Settings


async def give_order(settings: Settings, order: Order) -> Answer:
    """Carry an order out where that is safe.

    Raises:
        CannotRunError: with a sentence for the operator.
    """
    try:
        async with _open_reconcile(settings) as reconcile:
            return await carry_out(reconcile, order)
    except AnotherBotError:
        return await _ask(settings, order)


async def _ask(settings: Settings, order: Order) -> Answer:
    try:
        answer = await ask(beside_database(settings, ".desk"), order.model_dump(mode="json"))
    except ControlSocketClosedError as error:
        raise CannotRunError(
            f"A bot is running on this database but can't be reached ({error}): try again in a"
            " moment, or stop the bot first."
        ) from None
    return Answer.model_validate(answer)


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
