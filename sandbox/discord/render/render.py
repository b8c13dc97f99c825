"""How Discord writes down messages and files; with `places`, where the world becomes JSON.

Owns their shapes, fresh addresses of files, and leaving out what a reader may not read. Must not
decide who may (`messages`), nor change anything.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sandbox.discord.render.places import PlaceRenderer
from sandbox.discord.rules.components import walk
from sandbox.discord.state.cdn import Cdn
from sandbox.discord.state.models import Attachment, Message, MessageFlag, MessageKind, Sticker
from sandbox.discord.state.snowflakes import iso
from sandbox.discord.state.world import World

Json = dict[str, Any]
_UNREADABLE: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
_OF_SNAPSHOT = (
    "type",
    "content",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "timestamp",
    "edited_timestamp",
    "flags",
    "components",
    "sticker_items",
)


class Renderer(PlaceRenderer):
    """Writes messages and files too."""

    def __init__(self, *, world: World, cdn: Cdn, application_id: str) -> None:
        super().__init__(world=world, application_id=application_id)
        self._cdn = cdn

    def attachment(self, attachment: Attachment) -> Json:
        url = self._cdn.url(attachment)
        rendered: Json = {
            "id": attachment.id,
            "filename": attachment.filename,
            "size": attachment.size,
            "url": url,
            "proxy_url": url,
            "content_type": attachment.content_type,
        }
        if attachment.width:
            rendered |= {"width": attachment.width, "height": attachment.height}
        if attachment.description:
            rendered["description"] = attachment.description
        if attachment.ephemeral:
            rendered["ephemeral"] = True
        return rendered

    def message(
        self, message: Message, *, reads: Callable[[Message], bool] | None = None, depth: int = 0
    ) -> Json:
        """A message as REST answers it; `reads` says whose content the reader may see."""
        flags = message.flags
        channel = self._world.channels.get(message.channel_id)
        has_thread = message.id in self._world.channels
        if has_thread:
            flags |= MessageFlag.HAS_THREAD
        rendered: Json = {
            "id": message.id,
            "type": message.kind.value,
            "channel_id": message.channel_id,
            "author": self.user(self._world.users[message.author_id]),
            "content": message.content,
            "timestamp": iso(message.created_at),
            "edited_timestamp": iso(message.edited_at) if message.edited_at else None,
            "tts": False,
            "pinned": False,
            "flags": flags,
            "mention_everyone": message.mention_everyone,
            "mentions": [
                self.user(self._world.users[user_id])
                for user_id in message.mentions
                if user_id in self._world.users
            ],
            "mention_roles": list(message.mention_roles),
            "embeds": deepcopy(message.embeds),
            "components": self._components(message),
            "attachments": self._attachments(message),
        }
        if message.stickers:
            rendered["sticker_items"] = [_sticker(sticker) for sticker in message.stickers]
        if message.snapshot:
            snapshot = self._snapshot(message.snapshot)
            rendered["message_snapshots"] = [{"message": snapshot}]
        if message.nonce is not None:
            rendered["nonce"] = message.nonce
        if message.interaction_id:
            rendered["webhook_id"] = self._application_id
        if message.interaction_id or message.author_id == self._world.bot_id:
            rendered["application_id"] = self._application_id
        if message.interaction_metadata:
            rendered["interaction_metadata"] = deepcopy(message.interaction_metadata)
        if channel and channel.thread:
            rendered["position"] = message.position
        if message.reference:
            rendered["message_reference"] = dict(message.reference)
        if message.kind in (MessageKind.REPLY, MessageKind.THREAD_STARTER_MESSAGE) and not depth:
            target = self._world.messages.get((message.reference or {}).get("message_id", ""))
            rendered["referenced_message"] = (
                self.message(target, reads=reads, depth=1) if target else None
            )
        if has_thread:
            rendered["thread"] = self.channel(self._world.channels[message.id])
        if reads is not None and not reads(message):
            rendered |= _UNREADABLE
            for snapshot in rendered.get("message_snapshots", []):
                snapshot["message"] |= _UNREADABLE
        return rendered

    def _snapshot(self, message: Message) -> Json:
        """What a forwarded message shows of the other one: neither its author nor its id."""
        whole = self.message(message, depth=1)
        return {name: whole[name] for name in _OF_SNAPSHOT if name in whole}

    def gateway_message(
        self, message: Message, *, reads: Callable[[Message], bool] | None = None
    ) -> Json:
        """A message as the gateway tells of it: with its server and its author's membership."""
        rendered = self.message(message, reads=reads)
        channel = self._world.channels[message.channel_id]
        rendered["channel_type"] = channel.kind.value
        if guild := self._world.guild_of(channel):
            rendered["guild_id"] = guild.id
            if member := guild.members.get(message.author_id):
                rendered["member"] = self.member(member, with_user=False)
            for mentioned in rendered["mentions"]:
                if member := guild.members.get(mentioned["id"]):
                    mentioned["member"] = self.member(member, with_user=False)
        return rendered

    def _attachments(self, message: Message) -> list[Json]:
        # What a V2 layout shows is left out of the list: it is in the layout.
        shown = set()
        if message.is_v2:
            shown = {media.get("attachment_id") for media in media_of(message.components)}
        return [self.attachment(file) for file in message.attachments if file.id not in shown]

    def _components(self, message: Message) -> list[Json]:
        components = deepcopy(message.components)
        files = {file.id: file for file in message.attachments}
        for media in media_of(components):
            file = files.get(media.get("attachment_id", ""))
            if file is None:
                continue
            url = self._cdn.url(file)
            media |= {
                "id": file.id,
                "url": url,
                "proxy_url": url,
                "width": file.width or 0,
                "height": file.height or 0,
                "content_type": file.content_type,
            }
        return components


def _sticker(sticker: Sticker) -> Json:
    return {"id": sticker.id, "name": sticker.name, "format_type": sticker.format_type}


def media_of(components: list[Json]) -> list[Json]:
    """Every media object within a layout."""
    found = []
    for component in walk(components):
        if component["type"] == 12:
            found += [item["media"] for item in component["items"]]
        elif component["type"] == 11:
            found.append(component["media"])
        elif component["type"] == 13:
            found.append(component["file"])
    return found
