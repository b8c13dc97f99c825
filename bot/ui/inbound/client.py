"""The Discord client: its settings, the command tree, and the handlers of buttons and forms.

It passes the services to the cogs and decides nothing about videos.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog
import yarl
from discord import app_commands
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.domain.errors import Code, Refused
from bot.domain.ports.media import IncomingFile
from bot.domain.request import ReplyMode
from bot.ui.cards.buttons import Control
from bot.ui.cards.custom_ids import FORMS, Action, ControlId
from bot.ui.cards.theme import CardContext
from bot.ui.discord_errors import TROUBLE
from bot.ui.inbound.answers import answer
from bot.ui.inbound.drafts import RequestDraft
from bot.ui.inbound.errors import ErrorBoundary, sentence
from bot.ui.inbound.membership import leave
from bot.ui.inbound.memory import Memory
from bot.ui.inbound.registration import register
from bot.ui.inbound.rivals import Rivals
from bot.ui.text.messages import Messages
from bot.ui.text.translation import CatalogueTranslator

if TYPE_CHECKING:
    from bot.services import Services

log = structlog.get_logger(__name__)

Handler = Callable[[discord.Interaction[Any], ControlId], Awaitable[None]]

DISCORD_HOST = "discord.com"
SYNC_SECONDS = 60.0
LONGEST_RATE_LIMIT = 30.0
"""The longest rate limit, in seconds, that the library waits for; longer ones are raised."""


def configure_endpoints(api_url: str, gateway_url: str) -> None:
    """Point the library at another host. Call it before a client logs in; process-wide."""
    api = yarl.URL(api_url.rstrip("/"))
    Route.BASE = str(api)
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    if api.host != DISCORD_HOST:
        # The library declares it as a literal; there is no other way to change it.
        Asset.BASE = str(api.origin() / "cdn")  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """Settings of a client.

    ``sync_guild`` is the one server that gets the commands (0: everywhere), ``patience`` the
    seconds after which a command is acknowledged without its answer. ``sync`` is true if the
    commands are registered at start. ``allowed_servers`` are the only servers that are served
    (empty: all are). ``replies`` is what a reply to a video does, and ``reply_grace`` how many
    seconds its edit can be undone.
    """

    sync_guild: int = 0
    guild_ready_timeout: float = 2.0
    patience: float = 1.2
    sync: bool = True
    allowed_servers: frozenset[int] = frozenset()
    replies: ReplyMode = ReplyMode.EDIT
    reply_grace: int = 5


class RetakeTree(app_commands.CommandTree["RetakeClient"]):
    """The commands; all their errors become sentences."""

    async def interaction_check(self, interaction: discord.Interaction["RetakeClient"], /) -> bool:
        """Refuse commands and menus from a server that is not allowed, in words."""
        client = interaction.client
        if client.serves(interaction.guild_id):
            return True
        if interaction.type is not discord.InteractionType.autocomplete:
            await answer(
                interaction, client.messages(interaction).explain(Code.SERVER_NOT_ALLOWED, {})
            )
        return False

    async def on_error(
        self,
        interaction: discord.Interaction["RetakeClient"],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        client = interaction.client
        await answer(interaction, sentence(error, client.messages(interaction), client.titles()))


class RetakeClient(commands.Bot):
    """The bot's connection to Discord. ``attach`` the services before it starts.

    ``handlers`` serve the buttons and forms; each cog adds its own.
    """

    def __init__(
        self,
        *,
        extensions: Sequence[str],
        options: ClientOptions | None = None,
        connector: aiohttp.BaseConnector | None = None,
    ) -> None:
        self.options = options or ClientOptions()
        # The bot uses no voice, so nothing is missing without the voice libraries.
        discord.VoiceClient.warn_nacl = False
        discord.VoiceClient.warn_dave = False
        super().__init__(
            # Never used: there are no text commands, and this one needs no privileged intent.
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=RetakeTree,
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=self.options.guild_ready_timeout,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT,
            connector=connector,
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        self.handlers: dict[Action, Handler] = {}
        self.sources = Memory[tuple[IncomingFile, ...]](forgotten=Code.FILES_FORGOTTEN, most=500)
        # Discord's links to a request's files work for at least this long.
        self.retries = Memory[RequestDraft](
            forgotten=Code.REQUEST_FORGOTTEN, most=300, kept_seconds=900
        )
        self.rivals = Rivals()
        self._names = tuple(extensions)
        self._services: Services | None = None
        self._left: set[int] = set()

    def attach(self, services: "Services") -> None:
        """Give the cogs what they call."""
        self._services = services

    @property
    def attached(self) -> bool:
        """``attached`` is true if there are services to call."""
        return self._services is not None

    @property
    def services(self) -> "Services":
        """``services`` are what the cogs call.

        Raises:
            Refused: STOPPING before services are attached.
        """
        if self._services is None:
            raise Refused(Code.STOPPING)
        return self._services

    def messages(self, interaction: discord.Interaction[Any]) -> Messages:
        """Return the sentences in the user's language."""
        return Messages.for_locale(interaction.locale.value)

    def card_context(self, interaction: discord.Interaction[Any]) -> CardContext:
        """Return what cards for this user are made with."""
        return CardContext(
            messages=self.messages(interaction),
            catalogue=self.services.catalogue,
            replies=self.options.replies,
        )

    def titles(self) -> dict[str, str]:
        """Return the models' display titles; none before services are attached."""
        if self._services is None:
            return {}
        return {str(name): title for name, title in self._services.catalogue.titles.items()}

    def serves(self, guild_id: int | None) -> bool:
        """Return whether a server is allowed; direct messages belong to none, and are."""
        allowed = self.options.allowed_servers
        return not guild_id or not allowed or guild_id in allowed

    def check_served(self, guild_id: int | None) -> None:
        """Refuse what comes from a server that is not allowed.

        Raises:
            Refused: SERVER_NOT_ALLOWED.
        """
        if not self.serves(guild_id):
            raise Refused(Code.SERVER_NOT_ALLOWED)

    async def setup_hook(self) -> None:
        await self.tree.set_translator(CatalogueTranslator())
        self.add_dynamic_items(Control)
        for name in self._names:
            await self.load_extension(name)
        if self.options.sync:
            await self._sync_commands()

    async def serve(self, interaction: discord.Interaction[Any], custom_id: str) -> None:
        """Pass a press or a form to the handler that is registered for it."""
        messages = self.messages(interaction)

        async def tell(text: str) -> None:
            await answer(interaction, text)

        async with ErrorBoundary(messages=messages, titles=self.titles(), tell=tell):
            self.check_served(interaction.guild_id)
            control = ControlId.parse(custom_id)
            is_form = interaction.type is discord.InteractionType.modal_submit
            handler = None if control is None else self.handlers.get(control.action)
            if control is None or handler is None or (control.action in FORMS) != is_form:
                log.warning("unknown_control", custom_id=custom_id[:100])
                await answer(interaction, messages.say("failure.unknown_control"))
                return
            await handler(interaction, control)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Serve forms here: after a restart the library no longer knows them."""
        if interaction.type is discord.InteractionType.modal_submit:
            custom_id = str((interaction.data or {}).get("custom_id", ""))
            await self.serve(interaction, custom_id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._stay_or_leave(guild)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Check every server at each start: the configured list may have changed."""
        await self._stay_or_leave(guild)

    async def _stay_or_leave(self, guild: discord.Guild) -> None:
        if self.serves(guild.id):
            return
        reason = guild.id not in self._left
        self._left.add(guild.id)
        await leave(guild, say_why=reason)

    async def on_message(self, message: discord.Message, /) -> None:
        """Ignore messages: there are no text commands, and a cog handles replies."""

    async def _sync_commands(self) -> None:
        """Register the commands if Discord has others; if that fails, the others stay in force."""
        guild = discord.Object(self.options.sync_guild) if self.options.sync_guild else None
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        try:
            async with asyncio.timeout(SYNC_SECONDS):
                changed = await register(self.tree, guild)
        except TROUBLE as error:
            log.warning("commands_not_synced", guild=self.options.sync_guild, error=str(error))
            return
        if changed:
            log.info("commands_synced", guild=self.options.sync_guild)


Interaction = discord.Interaction[RetakeClient]
"""An interaction as the cogs see it."""
