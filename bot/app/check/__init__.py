"""``retake check``: examines everything that the bot needs.

It changes nothing but the database's schema, as every start does, and not even that while a bot
runs.
"""

import asyncio
from collections.abc import Iterator

from bot.app import open_catalogue, open_providers, proxy_of
from bot.app.check.database import database
from bot.app.check.findings import Finding, ok, problem
from bot.app.check.machine import callbacks, media_folder, media_worker
from bot.app.check.outside import about_discord, about_provider, proxy_fault
from bot.operator.discord_check import inspect
from bot.ops.clock import SystemClock
from bot.providers.catalogue import CatalogueError
from bot.settings import Settings


def examine_config(settings: Settings) -> list[Finding]:
    """Return the findings about the configuration alone."""
    findings = [problem(sentence) for sentence in settings.problems_for_run()]
    findings = findings or [ok("The configuration is complete.")]
    return [*findings, *_catalogue(settings)]


async def examine(settings: Settings) -> list[Finding]:
    """Return all findings: Discord's first, which begin with the invitation."""
    findings = examine_config(settings)
    findings += [finding async for finding in database(settings)]
    findings.append(await media_worker())
    findings += media_folder(settings)
    findings += callbacks(settings)
    if (fault := await proxy_fault(settings)) is not None:
        # Every other request would fail for the same reason.
        return [*findings, fault]
    async with open_providers(settings, SystemClock()) as providers:
        for found in await asyncio.gather(*(about_provider(one, settings) for one in providers)):
            findings += found
    if token := settings.discord.token.get_secret_value():
        proxy = proxy_of(settings)
        report = await inspect(
            token,
            api_url=settings.discord.api_url,
            gateway_url=settings.discord.gateway_url,
            connector=None if proxy is None else proxy.connector(limit=0),
        )
        findings = [*about_discord(report), *findings]
    return findings


def _catalogue(settings: Settings) -> Iterator[Finding]:
    try:
        open_catalogue(settings)
    except CatalogueError as error:
        yield from map(problem, error.problems)
