"""The sandbox's one server: both stand-ins and the page on one loopback port.

Owns how they are joined. The bot itself is no part of it: see ``sandbox.process``.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox import page
from sandbox.clips import ClipSource
from sandbox.discord import DiscordStandIn
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.providers import APIMART_KEY, EVOLINK_KEY, Providers


class Sandbox:
    """Everything Retake talks to: an async context manager, or ``start`` and ``close``."""

    def __init__(
        self,
        *,
        directory: Path,
        clips: ClipSource | None = None,
        validator: OpenApiValidator | None = None,
        allow_insecure_callbacks: bool = False,
    ) -> None:
        self.discord = DiscordStandIn(validator=validator)
        self.providers = Providers(
            directory=directory,
            clips=clips,
            on_change=lambda: self.discord.publish("PROVIDERS", {}),
            allow_insecure_callbacks=allow_insecure_callbacks,
        )
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1 (0: any free port); returns the address.

        Raises:
            OSError: the port is taken.
        """
        app = web.Application(client_max_size=512 * 2**20)
        self.discord.mount(app)
        self.providers.mount(app)
        page.mount(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError:
            await self.close()
            raise
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.discord.base_url = self.url
        self.providers.base_url = self.url
        return self.url

    async def close(self) -> None:
        """Stop listening and drop everything."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self.providers.close()
        await self.discord.close()

    def bot_config(self, data: Path, *, port: int = 0) -> str:
        """A configuration that points the real bot here; ``data`` is where it keeps its files.

        ``port`` is the port of the bot's web server (0: any free one).
        """
        return f"""\
# Written by the sandbox at every start.
[discord]
token = "{self.discord.token}"
api_url = "{self.url}/api/v10"
gateway_url = "{self.discord.gateway_url}"
guild_ready_timeout = 0.2

[database]
url = "sqlite+aiosqlite:///{data / "retake.db"}"

[media]
dir = "{data / "media"}"

[providers]
# A video takes seconds here instead of minutes: look more often, so that progress is seen.
poll_lambda = 0.01

[providers.evolink]
api_key = "{EVOLINK_KEY}"
api_url = "{self.url}/evolink"
files_url = "{self.url}/evolink-files"

[providers.apimart]
api_key = "{APIMART_KEY}"
api_url = "{self.url}/apimart"

[http]
port = {port}
"""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
