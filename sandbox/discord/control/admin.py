"""Control from behind the scenes over HTTP: faults, the gateway, the world, the record, waiting.

Owns reading these requests, as docs/reference/sandbox.md writes them. Must not know how a fault or
a change of the world works.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.discord.behaviour.interactions import Interactions
from sandbox.discord.behaviour.membership import Membership
from sandbox.discord.behaviour.places import Places
from sandbox.discord.control.replies import answering, json_body, seconds
from sandbox.discord.core import Core
from sandbox.discord.state import permissions
from sandbox.discord.state.models import Channel, ChannelKind
from sandbox.discord.wire.gateway import Gateway
from sandbox.discord.wire.rest.server import RestServer

Json = dict[str, Any]


class Admin:
    """HTTP in; faults, connections and the world out."""

    def __init__(
        self,
        core: Core,
        membership: Membership,
        places: Places,
        interactions: Interactions,
        gateway: Gateway,
        rest: RestServer,
    ) -> None:
        self._core = core
        self._membership = membership
        self._places = places
        self._interactions = interactions
        self._gateway = gateway
        self._rest = rest

    def mount(self, app: web.Application) -> None:
        for method, path, handler in (
            ("POST", "/faults", self._order_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/gateway", self._connection),
            ("POST", "/world", self._world),
            ("GET", "/exchanges", self._exchanges),
            ("POST", "/wait", self._wait),
        ):
            app.router.add_route(method, f"/control/discord{path}", answering(handler))

    async def _order_fault(self, request: web.Request) -> Json:
        return {"id": self._rest.faults.order(await json_body(request)).id}

    async def _clear_faults(self, request: web.Request) -> Json:
        self._rest.faults.clear()
        return {}

    async def _connection(self, request: web.Request) -> Json:
        body, gateway = await json_body(request), self._gateway
        resumable = body.get("resumable", True)
        match body.get("do"):
            case "reconnect":
                gateway.ask_to_reconnect()
            case "invalid_session":
                gateway.invalidate(resumable=resumable)
            case "drop":
                gateway.drop(resumable=resumable)
            case "refuse":
                gateway.refuse(float(body.get("seconds") or 0))
            case other:
                raise ValueError(f"the gateway cannot {other!r}")
        return {}

    async def _world(self, request: web.Request) -> Json:
        body, world = await json_body(request), self._core.world
        places, restrictions = self._places, self._core.restrictions
        match body.get("do"):
            case "permissions":
                places.set_permissions(
                    world.channel(str(body["channel_id"])),
                    allow=permissions.named(body.get("allow") or []),
                    deny=permissions.named(body.get("deny") or []),
                )
            case "delete_channel":
                places.delete_channel(world.channel(str(body["channel_id"])))
            case "archive":
                archived = body.get("archived", True)
                self._membership.archive(self._thread(body), archived=archived)
            case "lock":
                self._membership.lock(self._thread(body))
            case "kick_bot":
                places.kick_bot(world.guild(str(body["guild_id"])))
            case "invite_bot":
                places.invite_bot(world.guild(str(body["guild_id"])))
            case "upload_limit":
                world.guild(str(body["guild_id"])).upload_limit = int(body["bytes"])
            case "add_channel":
                guild, kind = world.guild(str(body["guild_id"])), ChannelKind[body["kind"].upper()]
                return {"id": places.add_channel(guild, str(body["name"]), kind).id}
            case "block_words":
                words = tuple(str(word) for word in body.get("words") or [])
                restrictions.blocked_words[str(body["guild_id"])] = words
            case "limit_uploads":
                restrictions.uploads_limited.add(str(body["guild_id"]))
            case "slow":
                channel = world.channel(str(body["channel_id"]))
                code = int(body.get("code") or 20028)
                restrictions.slow(channel.id, seconds=float(body["seconds"]), code=code)
            case "lose_files":
                restrictions.losing_files = int(body.get("times") or 1)
            case "upload_rate":
                restrictions.upload_rate = float(body["bytes"]) or None
            case "expire_attachments":
                self._core.cdn.expire_everything()
            case "close_dms":
                world.user(str(body["user_id"])).dms_open = bool(body.get("open", False))
            case "strict_rate_limits":
                self._rest.limits.strict = bool(body.get("on", True))
            case "advance":
                self._interactions.advance(float(body["seconds"]))
            case other:
                raise ValueError(f"the world cannot {other!r}")
        return {}

    def _thread(self, body: Json) -> Channel:
        channel = self._core.world.channel(str(body["channel_id"]))
        if channel.thread is None:
            raise ValueError("that channel is no thread")
        return channel

    async def _exchanges(self, request: web.Request) -> Json:
        after = int(request.query.get("after") or 0)
        return {
            "exchanges": self._rest.exchanges.after(after),
            "violations": len(self._rest.violations),
        }

    async def _wait(self, request: web.Request) -> Json:
        body = await json_body(request)
        timeout = seconds(body.get("timeout"), 10.0)
        return await self._core.log.wait(
            body["event"], body.get("match"), after=int(body.get("after") or 0), timeout=timeout
        )
