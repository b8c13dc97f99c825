"""``retake check``: looks at everything the bot needs, and says what it found in sentences.

Owns the questions. Changes nothing but what opening the database always does (its schema).
"""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import discord

from bot.app import open_providers
from bot.domain.errors import Code, MediaError, ProviderError, StorageUnavailable
from bot.domain.ports.provider import Provider
from bot.media.ffmpeg import Ffmpeg, find_ffmpeg
from bot.ops.clock import SystemClock
from bot.settings import Settings
from bot.storage import open_storage
from bot.ui.client import configure_endpoints
from bot.ui.invitation import invitation

ENOUGH_DISK = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence, and whether it is good news."""

    ok: bool
    sentence: str


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order an operator would mend them."""
    findings = [Finding(ok=False, sentence=problem) for problem in settings.problems_for_run()]
    findings = findings or [Finding(ok=True, sentence="The configuration is complete.")]
    findings += [finding async for finding in _database(settings)]
    findings.append(await _ffmpeg(settings))
    findings.append(_disk(settings))
    async with open_providers(settings, SystemClock()) as providers:
        findings += [await _balance(provider) for provider in providers]
    if settings.discord.token.get_secret_value():
        findings.append(await _discord(settings))
    return findings


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with open_storage(settings.database.url, clock=SystemClock()) as storage:
            faults = await storage.read(lambda tx: tx.ledger.faults())
            counts = await storage.read(lambda tx: tx.generations.count_open())
    except (StorageUnavailable, ValueError) as error:
        reason = error.facts["reason"] if isinstance(error, StorageUnavailable) else error
        yield Finding(ok=False, sentence=f"The database cannot be opened: {reason}")
        return
    under_way = sum(counts.values())
    yield Finding(ok=True, sentence=f"The database opens; {under_way} generations are under way.")
    for fault in faults:
        yield Finding(ok=False, sentence=f"The ledger is wrong: {fault}")
    if not faults:
        yield Finding(ok=True, sentence="The ledger adds up.")


async def _ffmpeg(settings: Settings) -> Finding:
    try:
        program = find_ffmpeg(settings.media.ffmpeg)
        version = await Ffmpeg(program).version()
    except MediaError:
        return Finding(
            ok=False,
            sentence="No ffmpeg was found: install it, or name one in [media] ffmpeg.",
        )
    if not version:
        return Finding(
            ok=False, sentence=f"{program} does not run: name another in [media] ffmpeg."
        )
    return Finding(ok=True, sentence=f"ffmpeg runs: {version.split(' Copyright')[0]}.")


def _disk(settings: Settings) -> Finding:
    folder = settings.media.dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    gib = f"{free / 2**30:.1f} GiB"
    if free < ENOUGH_DISK:
        return Finding(
            ok=False, sentence=f"Only {gib} are free for [media] dir: make room, videos are large."
        )
    return Finding(ok=True, sentence=f"{gib} are free for [media] dir.")


async def _balance(provider: Provider) -> Finding:
    name = provider.name
    try:
        balance = await provider.balance()
    except ProviderError as error:
        if error.code is Code.PROVIDER_AUTH:
            return Finding(
                ok=False, sentence=f"{name} does not accept the key in [providers.{name}] api_key."
            )
        return Finding(ok=False, sentence=f"{name} did not tell its balance ({error.code}).")
    if balance.unlimited or balance.micro_usd is None:
        return Finding(ok=True, sentence=f"{name} accepts the key; it sets no limit of its own.")
    if balance.micro_usd <= 0:
        return Finding(ok=False, sentence=f"{name} has no money left: top it up.")
    return Finding(
        ok=True, sentence=f"{name} accepts the key; {balance.micro_usd / 1e6:.2f} USD are left."
    )


async def _discord(settings: Settings) -> Finding:
    configure_endpoints(settings.discord.api_url, settings.discord.gateway_url)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(settings.discord.token.get_secret_value())
        except discord.LoginFailure:
            return Finding(
                ok=False,
                sentence="Discord does not accept the token: copy it anew from your application's"
                " Bot page into [discord] token.",
            )
        except (discord.HTTPException, OSError) as error:
            kind = type(error).__name__
            return Finding(ok=False, sentence=f"Discord did not answer ({kind}): try again later.")
        link = invitation(client.application_id or 0)
        return Finding(
            ok=True,
            sentence=f"Discord accepts the token: the bot is {client.user}. Invite it with {link}",
        )
