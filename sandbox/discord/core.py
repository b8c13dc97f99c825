"""The core of the stand-in: its world, its time and ids, and everybody who hears of a change.

Owns building these parts and publishing an event to the log, to people and to the bot. Must not
know what people and the bot do (`behaviour`), nor how they connect (`wire`, `control`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.discord.render.render import Renderer
from sandbox.discord.rules.message_rules import MessageRules
from sandbox.discord.rules.restrictions import Restrictions
from sandbox.discord.state.cdn import Cdn
from sandbox.discord.state.events import EventLog, Streams, everybody
from sandbox.discord.state.seed import opening_world
from sandbox.discord.state.sessions import Intent, Sessions
from sandbox.discord.state.snowflakes import Clock, Snowflakes


class Core:
    """The state of the stand-in, and the one way in which a change of it is published."""

    def __init__(self, *, clock: Callable[[], float], token: str, application_id: str) -> None:
        self.token = token
        self.application_id = application_id
        self.base_url = ""
        self.clock = Clock(clock)
        self.ids = Snowflakes(self.clock)
        self.world = opening_world(bot_id=application_id)
        self.cdn = Cdn(
            world=self.world, ids=self.ids, clock=self.clock, base_url=lambda: self.base_url
        )
        self.render = Renderer(world=self.world, cdn=self.cdn, application_id=application_id)
        self.rules = MessageRules(self.cdn)
        self.restrictions = Restrictions(clock=self.clock)
        self.log = EventLog()
        self.streams = Streams()
        self.sessions = Sessions(self.clock)

    @property
    def gateway_url(self) -> str:
        return self.base_url.replace("http", "ws", 1) + "/gateway"

    def publish(
        self,
        name: str,
        data: Any,
        *,
        sees: Callable[[str], bool] = everybody,
        intent: Intent | None = None,
    ) -> None:
        """Publish an event to the log and to the people who see it.

        With an intent, the bot's sessions that asked for it receive the event too.
        """
        self.log.append(name, data)
        self.streams.send(name, data, sees=sees)
        if intent is not None:
            self.sessions.send(name, data, intent=intent)
