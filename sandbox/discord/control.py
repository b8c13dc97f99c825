"""The control interface of the Discord stand-in over HTTP, as docs/reference/sandbox.md writes it.

Owns reading bodies, statuses and the event streams. Must not decide what acting as a person means
(`people`) or what a fault does (`faults`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from sandbox.discord import permissions
from sandbox.discord.permissions import Permission
from sandbox.discord.world import Channel, ChannelKind, Guild

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

Json = dict[str, Any]
KEEP_ALIVE_SECONDS = 15.0
LONGEST_WAIT = 120.0


class Control:
    """HTTP in, people and the world out."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin

    def mount(self, app: web.Application) -> None:
        add = app.router.add_route
        for method, path, handler in (
            ("GET", "/state", self._state),
            ("GET", "/channels/{id}/messages", self._messages),
            ("POST", "/uploads", self._upload),
            ("POST", "/users/{id}/messages", self._send),
            ("DELETE", "/users/{id}/messages/{message_id}", self._delete),
            ("POST", "/users/{id}/commands", self._command),
            ("POST", "/users/{id}/autocomplete", self._autocomplete),
            ("POST", "/users/{id}/context", self._context),
            ("POST", "/users/{id}/components", self._component),
            ("POST", "/users/{id}/modals", self._modal),
            ("GET", "/interactions/{id}", self._interaction),
            ("POST", "/discord/faults", self._order_fault),
            ("DELETE", "/discord/faults", self._clear_faults),
            ("POST", "/discord/gateway", self._gateway),
            ("POST", "/discord/world", self._world),
            ("GET", "/discord/exchanges", self._exchanges),
            ("POST", "/discord/wait", self._wait),
        ):
            add(method, f"/control{path}", _answering(handler))
        add("GET", "/control/events", self._events)

    # What a person sees

    async def _state(self, request: web.Request) -> Json:
        standin, world = self._standin, self._standin.world
        user = world.user(request.query.get("user") or next(iter(world.users)))
        return {
            "me": self._user(user.id),
            "users": [self._user(user_id) for user_id in world.users],
            "guilds": [
                self._guild(guild, user.id)
                for guild in world.guilds.values()
                if user.id in guild.members
            ],
            "dms": [
                {
                    "id": channel.id,
                    "type": channel.kind.value,
                    "recipients": [self._user(user_id) for user_id in channel.recipients],
                    "last_message_id": channel.last_message_id,
                }
                for channel in world.channels.values()
                if channel.kind is ChannelKind.DM and user.id in channel.recipients
            ],
            "commands": standin.commands.offered(user.id),
            "bot": {"id": world.bot_id, "online": standin.gateway.online},
        }

    def _user(self, user_id: str) -> Json:
        world = self._standin.world
        user = world.users[user_id]
        return {
            "id": user.id,
            "username": user.username,
            "global_name": user.global_name,
            "bot": user.bot,
            "admin": any(
                permissions.in_guild(guild, user_id)
                & (Permission.ADMINISTRATOR | Permission.MANAGE_GUILD)
                for guild in world.guilds.values()
            ),
            "color": user.color,
        }

    def _guild(self, guild: Guild, user_id: str) -> Json:
        world, render = self._standin.world, self._standin.render
        return {
            "id": guild.id,
            "name": guild.name,
            "owner_id": guild.owner_id,
            "premium_tier": guild.premium_tier,
            "upload_limit": guild.largest_upload,
            "channels": [
                self._channel(channel, user_id)
                for channel in guild.channels.values()
                if world.sees(user_id, channel)
            ],
            "members": [
                {"user_id": member.user_id, "nick": member.nick, "roles": list(member.roles)}
                for member in guild.members.values()
            ],
            "roles": [render.role(role) for role in guild.roles.values()],
        }

    def _channel(self, channel: Channel, user_id: str) -> Json:
        thread = channel.thread
        return {
            "id": channel.id,
            "type": channel.kind.value,
            "name": channel.name,
            "topic": channel.topic,
            "guild_id": channel.guild_id,
            "parent_id": channel.parent_id,
            "position": channel.position,
            "archived": bool(thread and thread.archived),
            "locked": bool(thread and thread.locked),
            "owner_id": thread.owner_id if thread else None,
            "private": bool(thread and thread.private),
            "last_message_id": channel.last_message_id,
            "permissions": str(self._standin.world.allowed(user_id, channel).value),
        }

    async def _messages(self, request: web.Request) -> Json:
        world = self._standin.world
        user = world.user(request.query["user"])
        channel = world.channel(request.match_info["id"], seen_by=user.id)
        if not world.sees(user.id, channel):
            raise KeyError(f"there is no channel {channel.id}")
        limit = min(max(int(request.query.get("limit") or 50), 1), 200)
        before = int(request.query.get("before") or 1 << 63)
        seen = [
            message
            for message in channel.messages.values()
            if int(message.id) < before and world.sees_message(user.id, message)
        ]
        return {"messages": [self._standin.render.message(item) for item in seen[-limit:]]}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._standin.world.user(request.query["user"])
        except KeyError as error:
            return _refusal(404, error)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        stream = self._standin.streams.open(user.id)
        try:
            await response.write(b": open\n\n")
            while True:
                try:
                    event = await asyncio.wait_for(stream.queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if event is None:
                    return response
                await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        except ConnectionError:
            return response
        finally:
            self._standin.streams.close(stream)

    # What a person does

    async def _upload(self, request: web.Request) -> Json:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or part.name != "file":
                continue
            path = self._standin.cdn.spool.new()
            with path.open("wb") as file:
                while chunk := await part.read_chunk(256 * 1024):
                    file.write(chunk)
            return self._standin.people.uploaded(part.filename or "unknown", path)
        raise ValueError("the form has no field called file")

    async def _send(self, request: web.Request) -> Json:
        body = await _body(request)
        message = await self._standin.people.send(
            request.match_info["id"],
            str(body["channel_id"]),
            body.get("content") or "",
            uploads=body.get("uploads") or [],
            reply_to=body.get("reply_to"),
            ping=body.get("ping", True),
        )
        return {"message": message}

    async def _delete(self, request: web.Request) -> Json:
        await self._standin.people.delete(
            request.match_info["id"], request.match_info["message_id"]
        )
        return {}

    async def _command(self, request: web.Request) -> Json:
        body = await _body(request)
        return {
            "interaction_id": await self._standin.people.command(
                request.match_info["id"],
                str(body["channel_id"]),
                body["name"],
                path=body.get("path") or [],
                options=body.get("options") or {},
            )
        }

    async def _autocomplete(self, request: web.Request) -> Json:
        body = await _body(request)
        return {
            "choices": await self._standin.people.autocomplete(
                request.match_info["id"],
                str(body["channel_id"]),
                body["name"],
                path=body.get("path") or [],
                options=body.get("options") or {},
                focused=body["focused"],
            )
        }

    async def _context(self, request: web.Request) -> Json:
        body = await _body(request)
        return {
            "interaction_id": await self._standin.people.context(
                request.match_info["id"],
                str(body["channel_id"]),
                body["name"],
                str(body["message_id"]),
            )
        }

    async def _component(self, request: web.Request) -> Json:
        body = await _body(request)
        return {
            "interaction_id": await self._standin.people.press(
                request.match_info["id"],
                str(body["message_id"]),
                body["custom_id"],
                values=body.get("values") or [],
            )
        }

    async def _modal(self, request: web.Request) -> Json:
        body = await _body(request)
        return {
            "interaction_id": await self._standin.people.submit(
                request.match_info["id"], str(body["interaction_id"]), body.get("values") or {}
            )
        }

    async def _interaction(self, request: web.Request) -> Json:
        wait = min(float(request.query.get("wait") or 0), LONGEST_WAIT)
        return await self._standin.people.interaction(request.match_info["id"], wait=wait)

    # From behind

    async def _order_fault(self, request: web.Request) -> Json:
        return {"id": self._standin.faults.order(await _body(request)).id}

    async def _clear_faults(self, request: web.Request) -> Json:
        self._standin.faults.clear()
        return {}

    async def _gateway(self, request: web.Request) -> Json:
        body, gateway = await _body(request), self._standin.gateway
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
        body, standin, world = await _body(request), self._standin, self._standin.world
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
            case "upload_limit":
                world.guild(str(body["guild_id"])).upload_limit = int(body["bytes"])
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
        body = await _body(request)
        timeout = min(float(body.get("timeout", 10)), LONGEST_WAIT)
        return await self._standin.wait(
            body["event"], body.get("match"), after=int(body.get("after") or 0), timeout=timeout
        )


Handled = Callable[[web.Request], Awaitable[Json]]


def _answering(handler: Handled) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON out; what was asked wrongly is a sentence with 400, 404 or 409."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except KeyError as error:
            return _refusal(404 if " " in str(error) else 400, error)
        except TimeoutError as error:
            return _refusal(409, error)
        except ValueError as error:
            return _refusal(400, error)

    return answer


def _refusal(status: int, error: Exception) -> web.Response:
    said = str(error.args[0]) if error.args else type(error).__name__
    if isinstance(error, KeyError) and " " not in said:
        said = f"{said} is missing"
    return web.json_response({"error": said}, status=status)


async def _body(request: web.Request) -> Json:
    raw = await request.read()
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ValueError("the body is a JSON object")
    return body
