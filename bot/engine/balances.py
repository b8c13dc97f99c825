"""Asking the providers that ran out of money, or refused the key, whether that is over.

Owns the rhythm. A top-up works within a minute, and no member's request has to find out. The
question is free.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.catalogue import ProviderName
from bot.domain.errors import ProviderError
from bot.engine.context import Ports
from bot.engine.queue import Queue

log = structlog.get_logger(__name__)

BALANCE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Balances:
    """``reopened`` is called when a provider may be asked for tasks again."""

    ports: Ports
    queue: Queue
    reopened: Callable[[], None]

    async def keep(self, stopped: asyncio.Event) -> None:
        """Ask every half minute, until ``stopped``."""
        while not await self.ports.clock.wait(stopped, BALANCE_SECONDS):
            for provider in self.queue.awaiting_operator():
                await self._ask(provider)

    async def _ask(self, provider: ProviderName) -> None:
        if provider not in self.ports.providers.names():
            return
        try:
            balance = await self.ports.providers.get(provider).balance()
        except ProviderError as error:
            log.info("balance_not_reported", provider=provider, error=str(error))
            return
        micro_usd = None if balance.unlimited else balance.micro_usd
        if self.queue.reported(provider, micro_usd, self.ports.clock.monotonic()):
            log.info("provider_can_be_paid_again", provider=provider)
            self.reopened()
