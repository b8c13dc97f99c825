"""The stand-in as a whole: builds its parts, joins them, and mounts them on one web application.

Owns the order of building and the few acts that touch several parts. Must not know details of any.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.discord.behaviour.answers import Answers
from sandbox.discord.behaviour.commands import Commands
from sandbox.discord.behaviour.interactions import Interactions
from sandbox.discord.behaviour.messages import Messages
from sandbox.discord.behaviour.people import People
from sandbox.discord.behaviour.threads import Threads
from sandbox.discord.control.admin import Admin
from sandbox.discord.control.people import Control
from sandbox.discord.render.render import Renderer
from sandbox.discord.rules.message_rules import MessageRules
from sandbox.discord.rules.restrictions import Restrictions
from sandbox.discord.state.cdn import Cdn
from sandbox.discord.state.events import EventLog, Match, Streams
from sandbox.discord.state.models import Channel, ChannelKind, Guild, Member, Overwrite, Thread
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.seed import APPLICATION_ID, opening_world
from sandbox.discord.state.sessions import Intent
from sandbox.discord.state.snowflakes import Clock, Snowflakes, iso
from sandbox.discord.state.world import World
from sandbox.discord.wire.faults import Faults, RateLimits
from sandbox.discord.wire.gateway import Gateway
from sandbox.discord.wire.loopback import loopback_only
from sandbox.discord.wire.openapi import OpenApiValidator
from sandbox.discord.wire.rest.server import RestServer

Json = dict[str, Any]


class DiscordStandIn:
    """Discord on loopback. `violations`, `unhandled` and `crashes` are empty when all is well."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        token: str = "sandbox-token",  # noqa: S107 - printed on the screen
        application_id: int = APPLICATION_ID,
        validator: OpenApiValidator | None = None,
    ) -> None:
        self.token = token
        self.application_id = str(application_id)
        self.base_url = ""
        self.judge = validator
        self.violations: list[str] = []
        self.unhandled: list[Json] = []
        self.crashes: list[Json] = []

        self.clock = Clock(clock)
        self.ids = Snowflakes(self.clock)
        self.world: World = opening_world(bot_id=self.application_id)
        self.cdn = Cdn(
            world=self.world, ids=self.ids, clock=self.clock, base_url=lambda: self.base_url
        )
        self.render = Renderer(world=self.world, cdn=self.cdn, application_id=self.application_id)
        self.log = EventLog()
        self.streams = Streams()
        self.faults = Faults()
        self.limits = RateLimits(self.clock)
        self.restrictions = Restrictions(clock=self.clock)
        self.rules = MessageRules(self.cdn)
        self.gateway = Gateway(self)
        self.messages = Messages(self)
        self.threads = Threads(self)
        self.commands = Commands(self)
        self.interactions = Interactions(self)
        self.answers = Answers(self)
        self.people = People(self)
        self._door = RestServer(self)
        self._control = Control(self)
        self._behind = Admin(self)
        self._was_online = False

    @property
    def gateway_url(self) -> str:
        return self.base_url.replace("http", "ws", 1) + "/gateway"

    @property
    def exchanges(self) -> list[Json]:
        """The newest REST exchanges, oldest first."""
        return self._door.exchanges.after(0)

    def exchanges_after(self, number: int) -> list[Json]:
        return self._door.exchanges.after(number)

    def mount(self, app: web.Application) -> None:
        """Adds `/api/v10`, `/gateway`, `/cdn` and `/control` to an application not yet started."""
        if loopback_only not in app.middlewares:
            app.middlewares.append(loopback_only)
        self._door.mount(app)
        self.gateway.mount(app)
        self.cdn.mount(app)
        self._control.mount(app)
        self._behind.mount(app)
        app.on_shutdown.append(self._hang_up)

    async def _hang_up(self, app: web.Application) -> None:
        self.streams.close_all()
        self.gateway.close()

    async def close(self) -> None:
        """Ends every connection and removes every file."""
        self.streams.close_all()
        self.gateway.close()
        self.interactions.close()
        self.cdn.spool.close()

    # Events

    def publish(self, type: str, data: object) -> None:  # noqa: A002 - the name on the wire
        """An event of our own, to every open stream and into the log."""
        self.log.append(type, data)
        self.streams.send(type, lambda _: data)

    async def wait(
        self, event: str, match: Match = None, *, after: int = 0, timeout: float = 10
    ) -> Json:
        """The first event of a type that fits: `{n, type, data}`; TimeoutError when none comes."""
        return await self.log.wait(event, match, after=after, timeout=timeout)

    @property
    def position(self) -> int:
        """The number of the newest event: pass it as `after` to wait only for later ones."""
        return self.log.position

    def tell(
        self,
        name: str,
        data: Json,
        *,
        sees: Callable[[str], bool],
        intent: Intent,
        to_bot: bool = True,
    ) -> None:
        """One and the same event for the log, for people and for the bot."""
        self.log.append(name, data)
        self.streams.send(name, lambda _: data, sees=sees)
        if to_bot:
            self.gateway.send(name, lambda _: data, intent=intent)

    def bot_presence_changed(self) -> None:
        if self.gateway.online != self._was_online:
            self._was_online = self.gateway.online
            self.publish("BOT", {"id": self.world.bot_id, "online": self._was_online})

    def commands_changed(self) -> None:
        self.publish("COMMANDS", {})

    def typing(self, channel: Channel) -> None:
        data: Json = {
            "channel_id": channel.id,
            "user_id": self.world.bot_id,
            "timestamp": int(self.clock()),
        }
        self.log.append("TYPING_START", data)
        self.streams.send(
            "TYPING_START", lambda _: data, sees=lambda user: self.world.sees(user, channel)
        )

    def rest_reads(self) -> Any:
        """The content rule for REST: it goes by what the application was granted."""
        return self.messages.readable_with(self.gateway.allowed_privileged)

    # Changes to the world from behind the scenes

    def advance(self, seconds: float) -> None:
        """Pushes the stand-in's clock forward."""
        self.clock.advance(seconds)
        self.interactions.tick()

    def open_dm(self, user_id: str) -> Channel:
        channel = self.world.add_channel(
            Channel(
                id=self.ids.next(),
                kind=ChannelKind.DM,
                name=None,
                guild_id=None,
                recipients=[user_id, self.world.bot_id],
            )
        )
        rendered = self.render.channel(channel)
        self.log.append("CHANNEL_CREATE", rendered)
        self.streams.send("CHANNEL_CREATE", lambda _: rendered, sees=lambda user: user == user_id)
        return channel

    def add_channel(self, guild: Guild, name: str, kind: ChannelKind) -> Channel:
        """A new channel of any kind in a server, told to everybody who may see it."""
        channel = self.world.add_channel(
            Channel(
                id=self.ids.next(),
                kind=kind,
                name=name,
                guild_id=guild.id,
                position=len(guild.channels),
            )
        )
        rendered = self.render.channel(channel)
        self.tell(
            "CHANNEL_CREATE",
            rendered,
            sees=lambda user: self.world.sees(user, channel),
            intent=Intent.GUILDS,
        )
        return channel

    def add_post(self, parent: Channel, author_id: str, name: str) -> Channel:
        """Somebody's post in a forum or media channel: a thread without a starter of ours."""
        now = self.clock()
        post = self.world.add_channel(
            Channel(
                id=self.ids.next(),
                kind=ChannelKind.PUBLIC_THREAD,
                name=name,
                guild_id=parent.guild_id,
                parent_id=parent.id,
                thread=Thread(
                    owner_id=author_id, private=False, created_at=now, members={author_id: now}
                ),
            )
        )
        self.threads.changed(post)
        return post

    def delete_channel(self, channel: Channel) -> None:
        if channel.thread:
            self.threads.delete(channel)
            return
        for thread in [
            item for item in self.world.channels.values() if item.parent_id == channel.id
        ]:
            self.threads.delete(thread)
        viewers = {user for user in self.world.users if self.world.sees(user, channel)}
        rendered = self.render.channel(channel)
        self.world.remove_channel(channel)
        self.tell(
            "CHANNEL_DELETE",
            rendered,
            sees=viewers.__contains__,
            intent=Intent.GUILDS,
            to_bot=self.world.bot_id in viewers,
        )

    def set_permissions(self, channel: Channel, *, allow: Permission, deny: Permission) -> None:
        """The bot's own overwrite in a channel."""
        bot = self.world.bot_id
        channel.overwrites[bot] = Overwrite(id=bot, of_member=True, allow=allow, deny=deny)
        rendered = self.render.channel(channel)
        self.tell(
            "CHANNEL_UPDATE",
            rendered,
            sees=lambda user: self.world.sees(user, channel),
            intent=Intent.GUILDS,
        )

    def invite_bot(self, guild: Guild) -> None:
        """Somebody who manages a server adds the bot to it, with the permissions of its invite."""
        role = next(role for role in guild.roles.values() if role.managed)
        guild.members[self.world.bot_id] = Member(
            user_id=self.world.bot_id, joined_at=self.clock(), roles=[role.id]
        )
        joined = self.render.guild_create(guild)
        self.log.append("GUILD_CREATE", {"id": guild.id})
        self.gateway.send("GUILD_CREATE", lambda _: joined, intent=Intent.GUILDS)
        self.commands_changed()

    def kick_bot(self, guild: Guild) -> None:
        guild.members.pop(self.world.bot_id, None)
        self.log.append("GUILD_DELETE", {"id": guild.id})
        self.gateway.send("GUILD_DELETE", lambda _: {"id": guild.id}, intent=Intent.GUILDS)
        self.commands_changed()

    def expire_attachments(self) -> None:
        self.cdn.expire_everything()
        self.log.append("ATTACHMENTS_EXPIRED", {"at": iso(self.clock())})
