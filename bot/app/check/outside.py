"""The findings about the proxy, the providers and Discord."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from bot.app import open_catalogue, proxy_of
from bot.app.check.findings import Finding, note, ok, problem
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError
from bot.domain.ports.provider import Balance, InformedProvider
from bot.operator.discord_check import DiscordReport
from bot.operator.invitation import invitation
from bot.ops.clock import SystemClock
from bot.providers.addresses import is_loopback_host
from bot.providers.catalogue import CatalogueError
from bot.settings import Settings

MAX_SERVERS_NAMED = 20
SPENDING = timedelta(days=30)


async def proxy_fault(settings: Settings) -> Finding | None:
    proxy = proxy_of(settings)
    discord = urlsplit(settings.discord.api_url)
    if proxy is None or not discord.hostname or is_loopback_host(discord.hostname):
        return None
    fault = await proxy.fault(discord.hostname, discord.port or 443)
    if fault is None:
        return None
    return problem(
        f"Discord can't be reached through [network] proxy: {fault}. Check its address, user"
        " name and password."
    )


async def about_provider(provider: InformedProvider, settings: Settings) -> list[Finding]:
    """Check the key and the balance, then what was spent and whether our models are listed."""
    name = provider.name
    try:
        balance = await provider.balance()
    except ProviderError as error:
        if error.code is Code.PROVIDER_AUTH:
            return [problem(f"{name} doesn't accept the key in [providers.{name}] api_key.")]
        return [problem(f"{name} did not report its balance ({error.code}): try again later.")]
    return [_money(name, balance), *await _spent(provider), *await _listed(provider, settings)]


def _money(name: ProviderName, balance: Balance) -> Finding:
    if balance.unlimited or balance.micro_usd is None:
        return ok(f"{name} accepts the key; it reports no spending limit.")
    if balance.micro_usd <= 0:
        return problem(f"{name} is out of credit: top it up.")
    return ok(f"{name} accepts the key; {balance.micro_usd / 1e6:.2f} USD are left.")


async def _spent(provider: InformedProvider) -> list[Finding]:
    try:
        spent = await provider.spent(since=SystemClock().now() - SPENDING)
    except ProviderError as error:
        return [note(f"{provider.name} did not report recent spending ({error.code}).")]
    if spent is None:
        return []
    days = SPENDING.days
    return [ok(f"{provider.name}: {spent / 1e6:.2f} USD spent in the last {days} days.")]


async def _listed(provider: InformedProvider, settings: Settings) -> list[Finding]:
    name = provider.name
    try:
        listed = await provider.listed_models()
        offers = open_catalogue(settings).offers
    except (ProviderError, CatalogueError):
        return []
    ids = sorted({offer.model_id for offer in offers if offer.provider == name})
    missing = [] if listed is None else [model for model in ids if model not in listed]
    if not missing:
        return []
    return [
        note(
            f"{name} does not list {', '.join(missing)}: requests for it may be refused. Disable it"
            f" with enabled = false in [providers.{name}.models]; see docs/howto/models.md."
        )
    ]


def about_discord(report: DiscordReport) -> Iterator[Finding]:
    if report.refused:
        yield problem(
            "Discord doesn't accept the token: copy it again from your application's Bot page"
            " into [discord] token."
        )
        return
    if report.silent:
        yield problem(f"Discord didn't respond ({report.silent}): try again later.")
        return
    yield ok(f"Invite the bot with this link: {invitation(report.application_id)}")
    yield ok(f"Discord accepts the token: the bot is {report.name}.")
    lacking = [server for server in report.servers if server.missing]
    for server in lacking[:MAX_SERVERS_NAMED]:
        yield problem(
            f"In the server “{server.name}” the bot lacks: {', '.join(server.missing)}. Give its"
            " role these permissions, or invite it again."
        )
    if (more := len(lacking) - MAX_SERVERS_NAMED) > 0:
        yield problem(f"The bot lacks permissions in {more} more servers.")
    if not report.servers:
        yield note("The bot is in no server yet.")
    elif not lacking:
        servers = "1 server" if len(report.servers) == 1 else f"{len(report.servers)} servers"
        yield ok(f"The bot has the permissions it needs in {servers} (channels may differ).")
