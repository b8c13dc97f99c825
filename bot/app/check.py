"""``retake check``: looks at everything the bot needs, and says what it found in sentences.

Owns the questions. Changes nothing but what opening the database always does (its schema), and not
even that beside a bot that runs.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from bot.app import (
    AnotherBotError,
    CannotRunError,
    alone_on,
    open_catalogue,
    open_providers,
    proxy_of,
)
from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, MediaError, ProviderError, StorageUnavailable
from bot.domain.generation import State
from bot.domain.ids import GenerationId
from bot.domain.ports.provider import Balance, InformedProvider
from bot.domain.ports.storage import Transaction
from bot.engine.ownership import DEAD_SECONDS
from bot.media.engine import Engine
from bot.operator.discord_check import DiscordReport, inspect
from bot.operator.invitation import invitation
from bot.ops.clock import SystemClock
from bot.providers.addresses import AddressError, AddressPolicy, is_loopback_host
from bot.providers.catalogue import CatalogueError
from bot.services.reconcile import Kind, find_cases
from bot.settings import Settings
from bot.storage import SqlStorage, look_into, open_storage
from bot.web.callbacks import CallbackSigner

ENOUGH_DISK = 2 * 2**30
LOOK_BACK = timedelta(days=7)
MOST_SERVERS_NAMED = 20
SPENDING = timedelta(days=30)
MOST_ROWS_NAMED = 20
PATIENCE_SECONDS = 600.0
"""Adding up the books of years takes longer than a person would be kept waiting."""


class Mark(StrEnum):
    """How a finding is to be taken: all is well, worth knowing, or to be mended."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence, and how it is to be taken."""

    mark: Mark
    sentence: str


def ok(sentence: str) -> Finding:
    """Good news."""
    return Finding(mark=Mark.OK, sentence=sentence)


def note(sentence: str) -> Finding:
    """Worth knowing."""
    return Finding(mark=Mark.NOTE, sentence=sentence)


def problem(sentence: str) -> Finding:
    """Something to mend."""
    return Finding(mark=Mark.PROBLEM, sentence=sentence)


def examine_config(settings: Settings) -> list[Finding]:
    """What can be said of the configuration without opening or asking anything."""
    findings = [problem(sentence) for sentence in settings.problems_for_run()]
    findings = findings or [ok("The configuration is complete.")]
    return [*findings, *_catalogue(settings)]


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order an operator would mend them."""
    findings = examine_config(settings)
    findings += [finding async for finding in _database(settings)]
    findings.append(await _media_worker())
    findings += _media_folder(settings)
    findings += _callbacks(settings)
    if (fault := await _proxy_fault(settings)) is not None:
        # Nothing outside can be asked: one cause is told once.
        return [*findings, fault]
    async with open_providers(settings, SystemClock()) as providers:
        for found in await asyncio.gather(*(_provider(one, settings) for one in providers)):
            findings += found
    if token := settings.discord.token.get_secret_value():
        proxy = proxy_of(settings)
        report = await inspect(
            token,
            api_url=settings.discord.api_url,
            gateway_url=settings.discord.gateway_url,
            connector=None if proxy is None else proxy.connector(limit=0),
        )
        findings += _discord(report)
    return findings


async def _proxy_fault(settings: Settings) -> Finding | None:
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


def _catalogue(settings: Settings) -> Iterator[Finding]:
    try:
        open_catalogue(settings)
    except CatalogueError as error:
        yield from map(problem, error.problems)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    """Beside a running bot it is only looked into; else nobody may start while it is open."""
    with ExitStack() as stack:
        running = False
        try:
            stack.enter_context(alone_on(settings))
        except AnotherBotError:
            running = True
            yield ok("A bot is running on this database.")
        except CannotRunError as error:
            yield problem(str(error))
            return
        if not running:
            for finding in _port(settings):
                yield finding
        opened = look_into if running else open_storage
        try:
            async with opened(
                settings.database.url, clock=SystemClock(), patience_s=PATIENCE_SECONDS
            ) as storage:
                findings = [finding async for finding in _books(storage)]
        except (StorageUnavailable, ValueError) as error:
            reason = error.facts["reason"] if isinstance(error, StorageUnavailable) else error
            yield problem(f"The database can't be opened: {reason}.")
            return
        for finding in findings:
            yield finding


async def _books(storage: SqlStorage) -> AsyncIterator[Finding]:
    counts = await storage.read(lambda tx: tx.generations.count_open())
    faults = await storage.read(lambda tx: tx.ledger.faults())
    yield ok(f"The database opens; {_many(sum(counts.values()))} in progress.")
    for fault in faults:
        yield problem(f"The ledger is wrong: {fault}.")
    if not faults:
        yield ok("The ledger adds up.")
    await storage.read(lambda tx: tx.generations.look_through())
    if unconfirmed := counts.get(State.SUBMIT_UNKNOWN, 0):
        yield note(f"{_many(unconfirmed)} unconfirmed: see `retake reconcile`.")
    now = SystemClock().now()
    found = await storage.read(lambda tx: find_cases(tx, since=now - LOOK_BACK))
    cases = [case for case in found if case.kind is not Kind.UNCONFIRMED]
    if cases:
        days = LOOK_BACK.days
        ended = _many(len(cases), "has", "have")
        yield note(
            f"{ended} ended in the last {days} days and may need attention: see `retake reconcile`."
        )

    damaged = storage.set_aside()
    for row in sorted(damaged)[:MOST_ROWS_NAMED]:
        yield problem(f"The row of {row} can't be read and is skipped: {damaged[row]}.")
    if (more := len(damaged) - MOST_ROWS_NAMED) > 0:
        yield problem(f"{more} more rows can't be read.")

    async def silent(tx: Transaction) -> int:
        dead_before = await tx.workers.clock(now) - timedelta(seconds=DEAD_SECONDS)
        return sum(beat < dead_before for beat in (await tx.workers.beats()).values())

    if count := await storage.read(silent):
        workers, work = (
            ("1 worker has", "its") if count == 1 else (f"{count} workers have", "their")
        )
        yield note(f"{workers} stopped responding; a running bot will take over {work} work.")


async def _media_worker() -> Finding:
    try:
        async with Engine() as engine:
            versions = await engine.versions()
    except MediaError:
        return problem(
            "The process that opens images and videos doesn't start: install Retake again."
        )
    return ok(f"Images and videos can be opened: {versions}.")


def _media_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.media.dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or _is_read_only(folder):
        yield problem(
            f"{folder} can't be written to: set another [media] dir or fix the folder's"
            " permissions."
        )
        return
    free = shutil.disk_usage(folder).free
    gib = f"{free / 2**30:.1f} GiB"
    if free < ENOUGH_DISK:
        yield problem(f"Only {gib} free for [media] dir: make room, because videos are large.")
    else:
        yield ok(f"{gib} free for [media] dir.")


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _port(settings: Settings) -> Iterator[Finding]:
    """Whether the side door could listen; a running bot has it, of course."""
    host, port = settings.http.host, settings.http.port
    if not port:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
    except OSError as error:
        yield problem(
            f"The HTTP server can't listen on {host} port {port} ({error.strerror}): set"
            " another [http] port, or 0 for any free one."
        )


def _callbacks(settings: Settings) -> Iterator[Finding]:
    """Whether the address is one that a provider would call."""
    public_url = settings.http.public_url
    if not public_url:
        return
    signer = CallbackSigner("only its length matters")
    try:
        url = signer.callback_url(public_url, ProviderName("evolink"), GenerationId("0" * 20))
        AddressPolicy.beside(settings.providers.evolink.api_url).check_url(url)
    except (AddressError, ValueError) as error:
        yield problem(
            f"No provider will call [http] public_url ({error}): set an https address that the"
            " whole internet can reach, or leave it empty."
        )
        return
    yield ok(f"Providers are asked to call {public_url}; see docs/howto/callbacks.md.")
    if settings.providers.apimart.api_key.get_secret_value() and not settings.http.usual_port:
        yield note(
            "APIMart calls only ports 80 and 443, so it isn't given [http] public_url and is polled"
            " instead; the other providers will call."
        )


async def _provider(provider: InformedProvider, settings: Settings) -> list[Finding]:
    """The key and the money; then what was spent, and whether our models are listed."""
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
    """The catalogue's ids that the provider does not list; nothing where it has no list."""
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


def _discord(report: DiscordReport) -> Iterator[Finding]:
    if report.refused:
        yield problem(
            "Discord doesn't accept the token: copy it again from your application's Bot page"
            " into [discord] token."
        )
        return
    if report.silent:
        yield problem(f"Discord didn't respond ({report.silent}): try again later.")
        return
    link = invitation(report.application_id)
    yield ok(f"Discord accepts the token: the bot is {report.name}. Invite it with {link}")
    lacking = [server for server in report.servers if server.missing]
    for server in lacking[:MOST_SERVERS_NAMED]:
        yield problem(
            f"In the server “{server.name}” the bot lacks: {', '.join(server.missing)}. Give its"
            " role these permissions, or invite it again."
        )
    if (more := len(lacking) - MOST_SERVERS_NAMED) > 0:
        yield problem(f"The bot lacks permissions in {more} more servers.")
    if not report.servers:
        yield note("The bot is in no server yet.")
    elif not lacking:
        servers = "1 server" if len(report.servers) == 1 else f"{len(report.servers)} servers"
        yield ok(f"The bot has the permissions it needs in {servers} (channels may differ).")


def _many(count: int, one: str = "is", more: str = "are") -> str:
    return f"1 generation {one}" if count == 1 else f"{count} generations {more}"
