"""The way from a pressed button to the handler that a cog registered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from bot.ui.inbound.client import RetakeClient
from bot.ui.cards.custom_ids import ControlId, Verb

Handler = Callable[[discord.Interaction["RetakeClient"], ControlId], Awaitable[None]]


@dataclass(kw_only=True)
class Switchboard:
    """Which handler serves which verb. Cogs register theirs when they are loaded."""

    _handlers: dict[Verb, Handler] = field(default_factory=dict[Verb, Handler])

    def on(self, verb: Verb, handler: Handler) -> None:
        """Serve a verb."""
        self._handlers[verb] = handler

    def handler(self, verb: Verb) -> Handler | None:
        """Who serves it."""
        return self._handlers.get(verb)
