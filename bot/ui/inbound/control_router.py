"""The way from a pressed button to the handler that a cog registered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.ui.cards.custom_ids import Action, ControlId

Handler = Callable[[discord.Interaction[Any], ControlId], Awaitable[None]]


@dataclass(kw_only=True)
class ControlRouter:
    """Which handler serves which action. Cogs register theirs when they are loaded."""

    _handlers: dict[Action, Handler] = field(default_factory=dict[Action, Handler])

    def on(self, action: Action, handler: Handler) -> None:
        """Serve an action."""
        self._handlers[action] = handler

    def handler(self, action: Action) -> Handler | None:
        """The handler of an action; None if no cog registered one."""
        return self._handlers.get(action)
