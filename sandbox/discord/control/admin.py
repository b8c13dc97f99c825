"""Control from behind the scenes over HTTP: faults, the gateway, the world, the record, waiting.

Owns reading these requests, as docs/reference/sandbox.md writes them. Must not know how a fault or
a change of the world works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.discord.control.replies import answering, json_body, seconds
from sandbox.discord.state import permissions
from sandbox.discord.state.models import Channel, ChannelKind

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

Json = dict[str, Any]


class Admin:
    """HTTP in; faults, connections and the world out."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin

    def mount(self, app: web.Application) -> None:
        for method, path, handler in (
            ("POST", "/faults", self._order_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/gateway", self._gateway),
            ("POST", "/world", self._world),
            ("GET", "/exchanges", self._exchanges),
            ("POST", "/wait", self._wait),
        ):
            app.router.add_route(method, f"/control/discord{path}", answering(handler))

    async def _order_fault(self, request: web.Request) -> Json:
        return {"id": self._standin.faults.order(await json_body(request)).id}

    async def _clear_faults(self, request: web.Request) -> Json:
        self._standin.faults.clear()
        return {}

    async def _gateway(self, request: web.Request) -> Json:
        body, gateway = await json_body(request), self._standin.gateway
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
        body, standin, world = await json_body(request), self._standin, self._standin.world
        match body.get("do"):
            case "permissions":
                standin.set_permissions(
                    world.channel(str(body["channel_id"])),
                    allow=permissions.named(body.get("allow") or []),
                    deny=permissions.named(body.get("deny") or []),
                )
            case "delete_channel":
                standin.delete_channel(world.channel(str(body["channel_id"])))
            case "archive":
                channel = self._thread(body)
                standin.threads.archive(channel, archived=body.get("archived", True))
            case "lock":
                standin.threads.lock(self._thread(body))
            case "kick_bot":
                standin.kick_bot(world.guild(str(body["guild_id"])))
            case "invite_bot":
                standin.invite_bot(world.guild(str(body["guild_id"])))
            case "upload_limit":
                world.guild(str(body["guild_id"])).upload_limit = int(body["bytes"])
            case "add_channel":
                guild, kind = world.guild(str(body["guild_id"])), ChannelKind[body["kind"].upper()]
                return {"id": standin.add_channel(guild, str(body["name"]), kind).id}
            case "block_words":
                words = tuple(str(word) for word in body.get("words") or [])
                standin.restrictions.blocked_words[str(body["guild_id"])] = words
            case "limit_uploads":
                standin.restrictions.uploads_limited.add(str(body["guild_id"]))
            case "slow":
                channel = world.channel(str(body["channel_id"]))
                code = int(body.get("code") or 20028)
                standin.restrictions.slow(channel.id, seconds=float(body["seconds"]), code=code)
            case "lose_files":
                standin.restrictions.losing_files = int(body.get("times") or 1)
            case "upload_rate":
                standin.restrictions.upload_rate = float(body["bytes"]) or None
            case "expire_attachments":
                standin.expire_attachments()
            case "close_dms":
                world.user(str(body["user_id"])).dms_open = bool(body.get("open", False))
            case "strict_rate_limits":
                standin.limits.strict = bool(body.get("on", True))
            case "advance":
                standin.advance(float(body["seconds"]))
            case other:
                raise ValueError(f"the world cannot {other!r}")
        return {}

    def _thread(self, body: Json) -> Channel:
        channel = self._standin.world.channel(str(body["channel_id"]))
        if channel.thread is None:
            raise ValueError("that channel is no thread")
        return channel

    async def _exchanges(self, request: web.Request) -> Json:
        after = int(request.query.get("after") or 0)
        return {
            "exchanges": self._standin.exchanges_after(after),
            "violations": len(self._standin.violations),
        }

    async def _wait(self, request: web.Request) -> Json:
        body = await json_body(request)
        timeout = seconds(body.get("timeout"), 10.0)
        return await self._standin.wait(
            body["event"], body.get("match"), after=int(body.get("after") or 0), timeout=timeout
        )
