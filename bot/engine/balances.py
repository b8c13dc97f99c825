"""Checking the balance of providers that ran out of credit or refused the API key.

This module owns how often that is done. A top-up takes effect within a minute, without a member's
request as a test. The query is free of charge.
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
    """Checks paused providers. ``reopened`` is called when one accepts tasks again."""

    ports: Ports
    queue: Queue
    reopened: Callable[[], None]

    async def keep(self, stopped: asyncio.Event) -> None:
        """Check every half minute, until ``stopped``."""
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
