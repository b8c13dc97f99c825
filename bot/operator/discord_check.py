"""Checking the bot's account at Discord, and its permissions in every server.

It neither connects to the gateway nor needs an intent.
"""

import asyncio
from dataclasses import dataclass

import aiohttp
import discord

from bot.operator.invitation import PERMISSIONS
from bot.ui.inbound.client import configure_endpoints

RESPONSE_SECONDS = 30.0
PAGE = 200
MAX_PAGES = 50
MAX_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server, and the names of the permissions that the bot needs and lacks there."""

    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DiscordReport:
    """``refused`` is true if the token is invalid; ``silent`` is why there was no response."""

    refused: bool = False
    silent: str = ""
    name: str = ""
    application_id: int = 0
    servers: tuple[Server, ...] = ()


async def inspect(
    token: str, *, api_url: str, gateway_url: str, connector: aiohttp.BaseConnector | None = None
) -> DiscordReport:
    """Log in and list the servers."""
    configure_endpoints(api_url, gateway_url)
    async with discord.Client(intents=discord.Intents.none(), connector=connector) as client:
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                await client.login(token)
                return DiscordReport(
                    name=str(client.user),
                    application_id=client.application_id or 0,
                    servers=tuple(await _servers(client)),
                )
        except discord.LoginFailure:
            return DiscordReport(refused=True)
        except (discord.HTTPException, discord.RateLimited, OSError, TimeoutError) as error:
            return DiscordReport(silent=type(error).__name__)


async def _servers(client: discord.Client) -> list[Server]:
    found: list[Server] = []
    after: int | None = None
    for _ in range(MAX_PAGES):
        page = await client.http.get_guilds(PAGE, after=after, with_counts=False)
        found += [_server(guild["name"], int(guild.get("permissions", 0))) for guild in page]
        if len(page) < PAGE:
            break
        after = max(int(guild["id"]) for guild in page)
    return found


def _server(name: str, allowed: int) -> Server:
    has = discord.Permissions(allowed)
    missing = [
        permission.replace("_", " ").title().replace(" In ", " in ")
        for permission, wanted in PERMISSIONS
        if wanted and not (has.administrator or getattr(has, permission))
    ]
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    return Server(name=shown[:MAX_NAME], missing=tuple(missing))
