"""The stand-in as a whole: the core, what stands on it, and the application that it answers on.

Owns the order of building. Must not know details of any part.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from sandbox.discord.behaviour.answers import Answers
from sandbox.discord.behaviour.commands import Commands
from sandbox.discord.behaviour.interactions import Interactions
from sandbox.discord.behaviour.membership import Membership
from sandbox.discord.behaviour.messages import Messages
from sandbox.discord.behaviour.people import People
from sandbox.discord.behaviour.places import Places
from sandbox.discord.behaviour.threads import Threads
from sandbox.discord.control.admin import Admin
from sandbox.discord.control.people import Control
from sandbox.discord.core import Core
from sandbox.discord.state.events import Match
from sandbox.discord.state.seed import APPLICATION_ID
from sandbox.discord.wire.gateway import Gateway
from sandbox.discord.wire.loopback import loopback_only
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.discord.wire.rest.call import Call
from sandbox.discord.wire.rest.server import RestServer

Json = dict[str, Any]


class DiscordStandIn(Core):
    """Discord on loopback. `violations`, `unhandled` and `crashes` are empty when all is well."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        token: str = "sandbox-token",  # noqa: S107 - printed on the screen
        application_id: int = APPLICATION_ID,
        validator: OpenApiValidator | None = None,
    ) -> None:
        super().__init__(clock=clock, token=token, application_id=str(application_id))
        self.membership = Membership(self)
        self.messages = Messages(self, self.membership)
        self.threads = Threads(self, self.membership, self.messages)
        self.places = Places(self, self.membership, self.threads)
        self.commands = Commands(self)
        self.interactions = Interactions(self)
        self.answers = Answers(self, self.messages, self.interactions)
        self.people = People(self, self.messages, self.commands, self.interactions)
        self.gateway = Gateway(self)
        call = partial(
            Call,
            core=self,
            messages=self.messages,
            membership=self.membership,
            threads=self.threads,
            places=self.places,
            commands=self.commands,
            answers=self.answers,
        )
        self.rest = RestServer(self, call, validator)
        self.faults, self.limits = self.rest.faults, self.rest.limits
        self.violations = self.rest.violations
        self.unhandled = self.rest.unhandled
        self.crashes = self.rest.crashes
        self._control = Control(self, self.commands, self.people)
        self._admin = Admin(
            self, self.membership, self.places, self.interactions, self.gateway, self.rest
        )

    @property
    def exchanges(self) -> list[Json]:
        """The newest REST exchanges, oldest first."""
        return self.rest.exchanges.after(0)

    def mount(self, app: web.Application) -> None:
        """Adds `/api/v10`, `/gateway`, `/cdn` and `/control` to an application not yet started."""
        if loopback_only not in app.middlewares:
            app.middlewares.append(loopback_only)
        for part in (self.rest, self.gateway, self.cdn, self._control, self._admin):
            part.mount(app)
        app.on_shutdown.append(self._hang_up)

    async def _hang_up(self, *_: web.Application) -> None:
        self.streams.close_all()
        self.gateway.close()

    async def close(self) -> None:
        """Ends every connection and removes every file."""
        await self._hang_up()
        self.interactions.close()
        self.cdn.spool.close()

    async def wait(
        self, event: str, match: Match = None, *, after: int = 0, timeout: float = 10
    ) -> Json:
        """The first event of a type that fits: `{n, type, data}`; TimeoutError when none comes."""
        return await self.log.wait(event, match, after=after, timeout=timeout)

    @property
    def position(self) -> int:
        """The number of the newest event: pass it as `after` to wait only for later ones."""
        return self.log.position

    def advance(self, seconds: float) -> None:
        """Pushes the stand-in's clock forward."""
        self.interactions.advance(seconds)
