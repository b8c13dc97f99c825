"""Building the bot's parts from the settings. Nothing is started here."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from bot.app.connection import DiscordLink
from bot.app.database import alone_on, beside_database, is_sqlite, open_database
from bot.app.database_watch import DatabaseWatch
from bot.app.errors import CannotRunError
from bot.app.health import health_of
from bot.app.providers import open_catalogue, open_providers, proxy_of
from bot.app.roles import Role
from bot.domain.catalogue import ProviderName
from bot.domain.errors import MediaError
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, new_worker_id
from bot.engine.build import build as build_engine
from bot.engine.context import Policy, Ports
from bot.engine.late_results import LateResults
from bot.engine.worker import Scheduler
from bot.media.engine import Engine
from bot.media.intake import Caps
from bot.media.store import DiskMediaStore
from bot.operator.control_socket import ControlSocket
from bot.operator.reconcile import carry_out_json
from bot.ops.clock import SystemClock
from bot.ops.metered import MeteredProvider
from bot.ops.metrics import Metrics
from bot.ops.presence import PresenceFile
from bot.providers.addresses import AddressPolicy
from bot.providers.http import HttpClient
from bot.providers.router import Router
from bot.services import Services
from bot.services.attachments import Intake
from bot.services.callbacks import Callbacks
from bot.services.cancel import Cancel
from bot.services.delete import Delete
from bot.services.generate import Generate
from bot.services.history import History
from bot.services.jobs import Jobs
from bot.services.limits import LimitService
from bot.services.lookup import VideoLookup
from bot.services.missed import MissedReplies
from bot.services.reconcile import Reconcile
from bot.services.revise import Revise
from bot.settings import Settings
from bot.storage import SqlStorage
from bot.ui.inbound.client import ClientOptions, RetakeClient, configure_endpoints
from bot.ui.messenger.messenger import DiscordMessenger
from bot.web.callbacks import CallbackSigner
from bot.web.health import PartHealth
from bot.web.server import WebServer
from cogs import EXTENSIONS

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The built bot."""

    clock: SystemClock
    storage: SqlStorage
    media: DiskMediaStore
    metrics: Metrics
    client: RetakeClient
    link: DiscordLink
    messenger: DiscordMessenger
    generate: Generate
    scheduler: Scheduler
    web_server: WebServer
    late: LateResults
    missed: MissedReplies
    control_socket: ControlSocket | None
    watch: DatabaseWatch | None


@asynccontextmanager
async def build(settings: Settings, role: Role) -> AsyncIterator[Parts]:
    """Build everything, without a connection to Discord, and close it in reverse order.

    Raises:
        CannotRunError: a file or folder of the bot cannot be opened.
        CatalogueError: the operator's models are invalid.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        catalogue = open_catalogue(settings)
        stack.enter_context(alone_on(settings))
        storage = await stack.enter_async_context(open_database(settings, clock))
        metrics = Metrics()
        providers = [
            MeteredProvider(provider, telemetry=metrics, clock=clock)
            for provider in await stack.enter_async_context(open_providers(settings, clock))
        ]
        proxy = proxy_of(settings)
        attachments = await stack.enter_async_context(
            HttpClient(
                service="discord",
                policy=AddressPolicy.for_urls(settings.discord.api_url),
                proxy=proxy,
            )
        )
        media_engine = await stack.enter_async_context(Engine())
        media = _media(settings, media_engine, attachments)
        configure_endpoints(settings.discord.api_url, settings.discord.gateway_url)
        client = RetakeClient(
            extensions=() if role is Role.WORKER else EXTENSIONS,
            options=ClientOptions(
                sync_guild=settings.discord.sync_guild,
                guild_ready_timeout=settings.discord.guild_ready_timeout,
                sync=role is not Role.WORKER,
                allowed_servers=frozenset(settings.discord.allowed_servers),
                replies=settings.replies.mode,
                reply_grace=settings.replies.grace_seconds,
            ),
            connector=None if proxy is None else proxy.connector(limit=0),
        )
        await stack.enter_async_context(client)
        link = DiscordLink(client=client, clock=clock)
        messenger = DiscordMessenger(client=client, clock=clock, catalogue=catalogue)
        signer = _signer(settings)
        ports = Ports(
            storage=storage,
            clock=clock,
            providers=Router(catalogue=catalogue, providers=providers),
            media=media,
            messenger=messenger,
            telemetry=metrics,
            policy=_policy(settings, signer),
        )
        media.needed = lambda: storage.read(lambda tx: tx.generations.files_in_work())
        engine = build_engine(
            ports, worker_id=new_worker_id(clock.now()), alone=is_sqlite(settings)
        )
        flights, scheduler, late = engine.flights, engine.scheduler, engine.late
        generate = Generate(
            ports=ports,
            flights=flights,
            owner=(lambda: None) if role is Role.GATEWAY else scheduler.ownership.owner,
            wake=scheduler.take,
        )
        limits = LimitService(storage=storage, clock=clock, default=ports.policy.limits)
        missed = MissedReplies(
            storage=storage,
            clock=clock,
            presence=PresenceFile(settings.media.dir / "listening-until"),
        )
        cancel = Cancel(ports=ports, flights=flights, wake=scheduler.wake)
        client.attach(
            Services(
                generate=generate,
                lookup=VideoLookup(storage=storage),
                intake=Intake(media=media, room=ports.room),
                cancel=cancel,
                revise=Revise(ports=ports, flights=flights, cancel=cancel),
                jobs=Jobs(storage=storage, clock=clock, flights=flights),
                delete=Delete(storage=storage, media=media, clock=clock, messenger=messenger),
                history=History(storage=storage, media=media, clock=clock),
                limits=limits,
                missed=missed,
                catalogue=catalogue,
            )
        )
        callbacks = Callbacks(
            storage=storage, clock=clock, flights=flights, scheduler=scheduler, late=late
        )

        def changed(generation: Generation) -> None:
            flights.refresh(generation)
            scheduler.wake(generation.id)

        reconcile = Reconcile(storage=storage, clock=clock, providers=ports.providers, wake=changed)
        watch = DatabaseWatch(storage=storage, clock=clock) if role is Role.GATEWAY else None
        web_server = WebServer(
            host=settings.http.host,
            port=settings.http.port,
            metrics=metrics,
            health=lambda: health_of(
                role,
                discord=_discord_health(client, link, role),
                closed=client.is_closed(),
                database=(watch or scheduler.steps.lease).answers(),
                workers=watch and watch.workers,
                stopping=generate.admission.stopping,
                breakers=flights.queue.breakers,
            ),
            called=callbacks.called,
            signer=signer,
        )
        yield Parts(
            clock=clock,
            storage=storage,
            media=media,
            metrics=metrics,
            client=client,
            link=link,
            messenger=messenger,
            generate=generate,
            scheduler=scheduler,
            web_server=web_server,
            late=late,
            missed=missed,
            control_socket=_control_socket(settings, reconcile),
            watch=watch,
        )


def _media(settings: Settings, engine: Engine, attachments: HttpClient) -> DiskMediaStore:
    config = settings.media
    try:
        return DiskMediaStore(
            root=config.dir,
            engine=engine,
            fetch=attachments.fetch,
            caps=Caps(upload_bytes=config.max_upload_mib * 2**20),
            clock=SystemClock(),
            max_bytes=config.max_gib * 2**30,
        )
    except MediaError:
        raise CannotRunError(
            f"{config.dir} can't be written to: set another [media] dir or fix the folder's"
            " permissions."
        ) from None


def _policy(settings: Settings, signer: CallbackSigner | None) -> Policy:
    config = settings.providers
    public_url = settings.http.public_url

    def callback_url(provider: ProviderName, generation_id: GenerationId) -> str:
        if signer is None:
            raise ValueError("callbacks are off")
        return signer.callback_url(public_url, provider, generation_id)

    return Policy(
        limits=settings.limits.as_limits(),
        max_running={name: section.max_running for name, section in config.sections().items()},
        poll_lambda=config.poll_lambda,
        queue_deadline=settings.deadlines.queued,
        unknown_deadline=settings.deadlines.submit_unknown,
        running_deadline=settings.deadlines.running,
        fetch_deadline=settings.deadlines.fetching,
        post_deadline=settings.deadlines.posting,
        callback_url=callback_url if signer is not None else None,
    )


def _control_socket(settings: Settings, reconcile: Reconcile) -> ControlSocket | None:
    if not is_sqlite(settings):
        return None  # the command line may write itself
    handle = partial(carry_out_json, reconcile)
    return ControlSocket(beside_database(settings, ".control"), handle)


def _signer(settings: Settings) -> CallbackSigner | None:
    if not settings.http.public_url:
        return None
    return CallbackSigner(settings.discord.token.get_secret_value())


def _discord_health(client: RetakeClient, link: DiscordLink, role: Role) -> PartHealth:
    if role is Role.WORKER:
        ok = link.logged_in.is_set()
        return PartHealth(ok=ok, detail="logged in" if ok else link.detail)
    online = client.is_ready() and not client.is_closed()
    detail = "connected" if online else link.detail
    if client.rivals.suspected(link.clock.now()):
        detail += "; another bot runs with the same token"
    return PartHealth(ok=online, detail=detail)
