"""What people put into messages besides words: files, stickers, links shown, other messages.

Owns how these are made and what Discord keeps of them. Must not know who may send what (`people`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sandbox.discord.core import Core
from sandbox.discord.rules.errors import Refused
from sandbox.discord.state.models import Attachment, Channel, Message, Sticker

Json = dict[str, Any]


class Sharing:
    """Makes attachments and stickers of uploads, previews of links, references to messages."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
        self._uploads: dict[str, tuple[str, Path, int]] = {}

    def uploaded(self, name: str, path: Path) -> Json:
        """A spooled file made ready to be sent; its `id` goes into `uploads` or an option."""
        file = self._core.cdn.attachment(path, name, channel_id="0")
        self._world.attachments[file.id] = file
        self._uploads[file.id] = (name, path, file.size)
        return {
            "id": file.id,
            "filename": file.filename,
            "size": file.size,
            "content_type": file.content_type,
            "url": self._core.cdn.url(file),
        }

    def attach(
        self, uploads: Iterable[Any], channel: Channel, *, ephemeral: bool
    ) -> list[Attachment]:
        """Attachments made of uploads; each use of an upload is a file of its own."""
        made: list[Attachment] = []
        limit = self._world.largest_upload(channel)
        for upload in uploads:
            upload_id = upload["id"] if isinstance(upload, dict) else str(upload)
            try:
                name, path, size = self._uploads[upload_id]
            except KeyError:
                raise KeyError(f"there is no upload {upload_id}") from None
            if size > limit:
                raise Refused(f"{name} is larger than this server allows ({limit} bytes)")
            copy = self._core.cdn.spool.new()
            copy.hardlink_to(path)
            file = self._core.cdn.attachment(
                copy,
                name,
                channel_id=self._core.application_id if ephemeral else channel.id,
                ephemeral=ephemeral,
            )
            self._world.attachments[file.id] = file
            made.append(file)
        return made

    def add_sticker(self, name: str, upload: str, format_type: int) -> str:
        """A sticker made of an upload; its id goes into `stickers`."""
        sticker_id = self._core.ids.next()
        path = self._world.attachments[upload].path
        self._world.stickers[sticker_id] = Sticker(
            id=sticker_id, name=name, format_type=format_type, path=path
        )
        return sticker_id

    def preview(self, *, type: str, url: str, upload: str = "") -> Json:  # noqa: A002
        """What Discord shows of a link: an image, or a video.

        Without an upload the site has only a player of its own: an address, but no file.
        """
        if not upload:
            return {"type": type, "url": url, "video": {"url": url, "width": 640, "height": 360}}
        file = self._world.attachments[upload]
        media: Json = {"url": url, "proxy_url": self._core.cdn.external(file)}
        if file.width:
            media |= {"width": file.width, "height": file.height}
        part = "video" if type in ("video", "gifv") else "thumbnail"
        return {"type": type, "url": url, part: media}

    def forward_reference(self, shown: Message) -> Json:
        """How a forwarded message names the one it shows."""
        reference: Json = {
            "type": 1,
            "channel_id": shown.channel_id,
            "message_id": shown.id,
        }
        if guild := self._world.guild_of(self._world.channels[shown.channel_id]):
            reference["guild_id"] = guild.id
        return reference
