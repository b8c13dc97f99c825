"""What people put into messages besides words and files: stickers, links shown, other messages.

Owns how these are made and what Discord keeps of them. Must not know who may send what (`people`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.discord.state.models import Message, Sticker

if TYPE_CHECKING:
    from sandbox.discord.standin import DiscordStandIn

Json = dict[str, Any]


class Sharing:
    """Makes stickers of uploads, previews of links, and references to forwarded messages."""

    def __init__(self, standin: DiscordStandIn) -> None:
        self._standin = standin
        self._world = standin.world

    def add_sticker(self, name: str, upload: str, format_type: int) -> str:
        """A sticker made of an upload; its id goes into `stickers`."""
        sticker_id = self._standin.ids.next()
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
        media: Json = {"url": url, "proxy_url": self._standin.cdn.external(file)}
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
