"""One request to Discord's REST interface: its parameters, its body and its files on disk.

Owns reading JSON and multipart bodies. Must not know what a route does with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.discord.behaviour.answers import Answers
from sandbox.discord.behaviour.commands import Commands
from sandbox.discord.behaviour.membership import Membership
from sandbox.discord.behaviour.messages import Messages
from sandbox.discord.behaviour.places import Places
from sandbox.discord.behaviour.threads import Threads
from sandbox.discord.core import Core
from sandbox.discord.rules.errors import DiscordError, missing_access, too_large, unknown
from sandbox.discord.rules.message_rules import Upload
from sandbox.discord.rules.restrictions import CHUNK, Restrictions
from sandbox.discord.state.cdn import Spool
from sandbox.discord.state.models import Channel, Guild, Message
from sandbox.discord.state.permissions import Permission

Json = dict[str, Any]
FILE_FIELD = re.compile(r"^files\[(\d)\]$")
LARGEST_REQUEST = 600 * 1024 * 1024


@dataclass(kw_only=True)
class Body:
    data: Any = None
    uploads: dict[int, Upload] = field(default_factory=dict)
    multipart: bool = False

    def release(self) -> None:
        """Files that no message took go at once."""
        for upload in self.uploads.values():
            if not upload.claimed:
                upload.path.unlink(missing_ok=True)


@dataclass(kw_only=True)
class Call:
    """A request, and what it can read and change."""

    core: Core
    messages: Messages
    membership: Membership
    threads: Threads
    places: Places
    commands: Commands
    answers: Answers
    params: dict[str, str]
    query: Mapping[str, str]
    body: Body

    @property
    def json(self) -> Json:
        """The body where only an object makes sense."""
        if self.body.data is None:
            return {}
        if not isinstance(self.body.data, dict):
            raise DiscordError(400, 50109, "The request body contains invalid JSON.")
        return self.body.data

    @property
    def bot_id(self) -> str:
        return self.core.world.bot_id

    def channel(self) -> Channel:
        """The channel of the route, when the bot may see it."""
        channel = self.core.world.channels.get(self.params["channel_id"])
        if channel is None:
            raise unknown("Channel")
        if not self.allowed(channel) & Permission.VIEW_CHANNEL:
            raise missing_access()
        return channel

    def message(self, channel: Channel) -> Message:
        """The message of the route, when it is one that everybody in the channel sees."""
        message = channel.messages.get(self.params["message_id"])
        if message is None or message.ephemeral:
            raise unknown("Message")
        return message

    def allowed(self, channel: Channel) -> Permission:
        return self.core.world.allowed(self.bot_id, channel)

    def guild(self) -> Guild:
        """The server of the route, when the bot is in it."""
        guild = self.core.world.guilds.get(self.params["guild_id"])
        if guild is None:
            raise unknown("Guild")
        if self.bot_id not in guild.members:
            raise missing_access()
        return guild

    def own_application(self) -> None:
        given = self.params.get("application_id") or self.params.get("webhook_id")
        if given != self.core.application_id:
            raise unknown("Application" if "application_id" in self.params else "Webhook")


Answer = tuple[int, Any]
Handler = Callable[[Call], Awaitable[Answer] | Answer]


@dataclass(kw_only=True, frozen=True)
class Route:
    method: str
    template: str
    handler: Handler
    # Interaction callbacks and their webhooks are authorized by the token in the address.
    by_token: bool = False


async def read_body(request: web.Request, spool: Spool, restrictions: Restrictions) -> Body:
    """The body of a request; files go to disk as they come."""
    if not request.can_read_body:
        return Body()
    if request.content_type == "multipart/form-data":
        return await _multipart(request, spool, restrictions)
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise DiscordError(
            400, 50035, 'Expected "Content-Type" header to be one of {"application/json"}.'
        )
    return Body(data=_parsed(await request.read()))


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise DiscordError(400, 50109, "The request body contains invalid JSON.") from None


async def _multipart(request: web.Request, spool: Spool, restrictions: Restrictions) -> Body:
    body = Body(data={}, multipart=True)
    reader = await request.multipart()
    total = 0
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise DiscordError(400, 50035, "Invalid Form Body")
        if part.name == "payload_json":
            body.data = _parsed(bytes(await part.read()))
            continue
        found = FILE_FIELD.match(part.name or "")
        if not found:
            raise DiscordError(400, 50035, f"Unexpected form field {part.name}")
        path = spool.new()
        size = 0
        with path.open("wb") as file:
            while chunk := await part.read_chunk(CHUNK if restrictions.upload_rate else 2**18):
                await restrictions.read(len(chunk))
                size += len(chunk)
                total += len(chunk)
                if total > LARGEST_REQUEST:
                    raise too_large()
                file.write(chunk)
        index = int(found[1])
        body.uploads[index] = Upload(
            index=index, filename=part.filename or "unknown", path=path, size=size
        )
    return body
