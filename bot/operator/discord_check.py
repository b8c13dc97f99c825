"""A look at Discord as the bot sees it: who it is, and what it lacks in which server.

Owns the questions to Discord; what to say about the answers is ``bot.app.check``'s business.
Connects to no gateway and needs no intent.
"""

import asyncio
from dataclasses import dataclass

import aiohttp
import discord

from bot.operator.invitation import PERMISSIONS
from bot.ui.inbound.client import configure_endpoints

ANSWER_SECONDS = 30.0
PAGE = 200
MOST_PAGES = 50
LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server, and the permissions the bot needs and does not have there, by their names."""

    name: str
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DiscordReport:
    """``refused``: the token is not accepted; ``silent``: why there was no answer, or nothing."""

    refused: bool = False
    silent: str = ""
    name: str = ""
    application_id: int = 0
    servers: tuple[Server, ...] = ()


async def inspect(
    token: str, *, api_url: str, gateway_url: str, connector: aiohttp.BaseConnector | None = None
) -> DiscordReport:
    """Log in and look around, without connecting."""
    configure_endpoints(api_url, gateway_url)
    async with discord.Client(intents=discord.Intents.none(), connector=connector) as client:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
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
    """Every server with what its roles allow the bot; the list itself tells it, page by page."""
    found: list[Server] = []
    after: int | None = None
    for _ in range(MOST_PAGES):
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
    return Server(name=shown[:LONGEST_NAME], missing=tuple(missing))
