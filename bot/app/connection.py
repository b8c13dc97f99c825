"""The connection to Discord: logging in, staying connected, and waiting when Discord says so.

Owns when it is tried again, and what the log and ``/readyz`` report about it. Only errors that the
operator must fix end the process; work that doesn't need Discord continues in the meantime.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import discord
import structlog
from discord.ext import commands

from bot.app.errors import CannotRunError
from bot.domain.ports.clock import Clock
from bot.ui.discord_errors import TROUBLE, UNREADABLE

log = structlog.get_logger(__name__)

FIRST_WAIT = 15.0
MAX_WAIT = 300.0
GATEWAY_TIMEOUT = 30.0


@dataclass(kw_only=True)
class DiscordLink:
    """Logs a client in and keeps it connected. ``detail`` is the status, for the operator."""

    client: discord.Client
    clock: Clock
    detail: str = "connecting"
    logged_in: asyncio.Event = field(default_factory=asyncio.Event)

    async def log_in(self, token: str, stop: asyncio.Event) -> bool:
        """Log in and set ``logged_in``, however long it takes; return False if stopped before.

        Raises:
            CannotRunError: Discord does not accept the token.
        """
        failures = 0
        while not stop.is_set():
            self._let_go()
            try:
                await self.client.login(token)
            except discord.LoginFailure:
                raise CannotRunError(
                    "Discord doesn't accept the token: copy it again from your application's"
                    " Bot page into [discord] token."
                ) from None
            except commands.ExtensionError:
                # This is a bug in Retake: waiting does not help.
                raise
            except TROUBLE as error:
                failures += 1
                await self._wait("login_failed", error, failures, stop)
            else:
                self.detail = "connecting"
                self.logged_in.set()
                return True
        return False

    async def stay(self, stop: asyncio.Event) -> None:
        """Stay connected to the gateway until ``stop`` is set.

        Raises:
            CannotRunError: Discord closed the connection permanently.
        """
        failures = 0
        while not stop.is_set() and not self.client.is_closed():
            try:
                await self._starts_left(stop)
                if stop.is_set():
                    return
                # The library reconnects by itself while it understands Discord's responses.
                await self.client.connect(reconnect=True)
            except (discord.ConnectionClosed, discord.PrivilegedIntentsRequired) as error:
                if stop.is_set():
                    return
                raise CannotRunError(_closed_for_good(error)) from None
            except TROUBLE as error:
                if stop.is_set():
                    return
                failures += 1
                await self._wait("connection_failed", error, failures, stop)
        stop.set()

    async def _starts_left(self, stop: asyncio.Event) -> None:
        # Discord resets the token of a bot that starts more sessions than allowed.
        failures = 0
        while not stop.is_set():
            try:
                async with asyncio.timeout(GATEWAY_TIMEOUT):
                    _, _, limit = await self.client.http.get_bot_gateway()
                left, resets_in = int(limit["remaining"]), limit["reset_after"] / 1000
            except discord.RateLimited as error:
                failures += 1
                await self._wait("gateway_limited", error, failures, stop)
                continue
            except TROUBLE as error:
                # The limit is unknown; connecting will show whether Discord is available.
                log.info("session_starts_not_known", error=str(error))
                return
            if left > 0:
                return
            self._say("no_session_start_left", resets_in)
            await self.clock.wait(stop, resets_in)

    def _let_go(self) -> None:
        # The library opens a session for every attempt and never closes it.
        session = getattr(self.client.http, "_HTTPClient__session", None)
        if isinstance(session, aiohttp.ClientSession):
            # The connections stay open: the next session uses the same connector.
            session.detach()

    async def _wait(self, event: str, error: Exception, failures: int, stop: asyncio.Event) -> None:
        seconds = max(_asked(error), min(FIRST_WAIT * 2 ** (failures - 1), MAX_WAIT))
        if isinstance(error, UNREADABLE):
            # It may be a bug in Retake, so the log needs the traceback.
            log.warning("unreadable_answer", exc_info=error)
        self._say(event, seconds, error=str(error) or type(error).__name__)
        await self.clock.wait(stop, seconds)

    def _say(self, event: str, seconds: float, **facts: object) -> None:
        until = self.clock.now() + timedelta(seconds=seconds)
        self.detail = f"waiting until {until:%Y-%m-%d %H:%M:%S} UTC ({event})"
        log.warning(event, again_in=round(seconds), until=until.isoformat(), **facts)


def _asked(error: Exception) -> float:
    if isinstance(error, discord.RateLimited):
        return error.retry_after
    if isinstance(error, discord.HTTPException):
        named = error.response.headers.get("Retry-After", "")
        return float(named) if named.isdecimal() else 0.0
    return 0.0


def _closed_for_good(error: discord.ClientException) -> str:
    code = error.code if isinstance(error, discord.ConnectionClosed) else 4014
    return (
        f"Discord closed the connection permanently (code {code}): check on your application's page"
        " whether the token or the bot was changed."
    )
