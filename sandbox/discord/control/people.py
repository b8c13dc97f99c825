"""Acting as a person over HTTP, as docs/reference/sandbox.md writes it.

Owns reading bodies and the event streams. Must not decide what acting as a person means (`people`),
nor know the control from behind the scenes (`admin`).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.discord.behaviour.commands import Commands
from sandbox.discord.behaviour.people import People
from sandbox.discord.control.replies import answering, json_body, refusal, seconds
from sandbox.discord.core import Core
from sandbox.discord.state.models import Channel, ChannelKind, Guild
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.world import in_guild

Json = dict[str, Any]
KEEP_ALIVE_SECONDS = 15.0


class Control:
    """HTTP in, people and the world out."""

    def __init__(self, core: Core, commands: Commands, people: People) -> None:
        self._core = core
        self._world = core.world
        self._commands = commands
        self._people = people

    def mount(self, app: web.Application) -> None:
        add = app.router.add_route
        for method, path, handler in (
            ("GET", "/state", self._state),
            ("GET", "/channels/{id}/messages", self._messages),
            ("POST", "/uploads", self._upload),
            ("POST", "/stickers", self._add_sticker),
            ("POST", "/users/{id}/messages", self._send),
            ("PATCH", "/users/{id}/messages/{message_id}", self._edit),
            ("DELETE", "/users/{id}/messages/{message_id}", self._delete),
            ("POST", "/users/{id}/commands", self._command),
            ("POST", "/users/{id}/autocomplete", self._autocomplete),
            ("POST", "/users/{id}/context", self._context),
            ("POST", "/users/{id}/components", self._component),
            ("POST", "/users/{id}/modals", self._modal),
            ("GET", "/interactions/{id}", self._interaction),
        ):
            add(method, f"/control{path}", answering(handler))
        add("GET", "/control/events", self._events)

    # What a person sees

    async def _state(self, request: web.Request) -> Json:
        world = self._world
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
            "commands": self._commands.offered(user.id),
            "bot": {"id": world.bot_id, "online": self._core.sessions.online},
        }

    def _user(self, user_id: str) -> Json:
        world = self._world
        user = world.users[user_id]
        return {
            "id": user.id,
            "username": user.username,
            "global_name": user.global_name,
            "bot": user.bot,
            "admin": any(
                in_guild(guild, user_id) & (Permission.ADMINISTRATOR | Permission.MANAGE_GUILD)
                for guild in world.guilds.values()
            ),
            "color": user.color,
        }

    def _guild(self, guild: Guild, user_id: str) -> Json:
        world, render = self._world, self._core.render
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
            "permissions": str(self._world.allowed(user_id, channel).value),
        }

    async def _messages(self, request: web.Request) -> Json:
        world = self._world
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
        return {"messages": [self._core.render.message(item) for item in seen[-limit:]]}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            user = self._world.user(request.query["user"])
        except KeyError as error:
            return refusal(404, error)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        stream = self._core.streams.open(user.id)
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
            self._core.streams.close(stream)

    # What a person does

    async def _upload(self, request: web.Request) -> Json:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or part.name != "file":
                continue
            path = self._core.cdn.spool.new()
            with path.open("wb") as file:
                while chunk := await part.read_chunk(256 * 1024):
                    file.write(chunk)
            return self._people.sharing.uploaded(part.filename or "unknown", path)
        raise ValueError("the form has no field called file")

    async def _add_sticker(self, request: web.Request) -> Json:
        body = await json_body(request)
        sharing = self._people.sharing
        return {"id": sharing.add_sticker(body["name"], body["upload"], int(body["format_type"]))}

    async def _send(self, request: web.Request) -> Json:
        body = await json_body(request)
        if forwarded := body.get("forward"):
            message = await self._people.forward(
                request.match_info["id"], str(forwarded), str(body["channel_id"])
            )
            return {"message": message}
        message = await self._people.send(
            request.match_info["id"],
            str(body["channel_id"]),
            body.get("content") or "",
            uploads=body.get("uploads") or [],
            reply_to=body.get("reply_to"),
            ping=body.get("ping", True),
            stickers=body.get("stickers") or [],
            previews=body.get("previews") or [],
        )
        return {"message": message}

    async def _edit(self, request: web.Request) -> Json:
        body = await json_body(request)
        message = await self._people.edit(
            request.match_info["id"], request.match_info["message_id"], str(body.get("content", ""))
        )
        return {"message": message}

    async def _delete(self, request: web.Request) -> Json:
        await self._people.delete(request.match_info["id"], request.match_info["message_id"])
        return {}

    async def _command(self, request: web.Request) -> Json:
        body = await json_body(request)
        begun = await self._people.command(
            request.match_info["id"], str(body["channel_id"]), body["name"], **_filled(body)
        )
        return {"interaction_id": begun}

    async def _autocomplete(self, request: web.Request) -> Json:
        body = await json_body(request)
        choices = await self._people.autocomplete(
            request.match_info["id"],
            str(body["channel_id"]),
            body["name"],
            **_filled(body),
            focused=body["focused"],
        )
        return {"choices": choices}

    async def _context(self, request: web.Request) -> Json:
        body = await json_body(request)
        channel_id, message_id = str(body["channel_id"]), str(body["message_id"])
        begun = await self._people.context(
            request.match_info["id"], channel_id, body["name"], message_id
        )
        return {"interaction_id": begun}

    async def _component(self, request: web.Request) -> Json:
        body = await json_body(request)
        message_id, values = str(body["message_id"]), body.get("values") or []
        begun = await self._people.press(
            request.match_info["id"], message_id, body["custom_id"], values=values
        )
        return {"interaction_id": begun}

    async def _modal(self, request: web.Request) -> Json:
        body = await json_body(request)
        opener, values = str(body["interaction_id"]), body.get("values") or {}
        begun = await self._people.submit(request.match_info["id"], opener, values)
        return {"interaction_id": begun}

    async def _interaction(self, request: web.Request) -> Json:
        wait = seconds(request.query.get("wait"))
        return await self._people.interaction(request.match_info["id"], wait=wait)


def _filled(body: Json) -> Json:
    """Return the subcommand meant, and its options as they were filled in."""
    return {"path": body.get("path") or [], "options": body.get("options") or {}}
