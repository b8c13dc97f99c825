"""Discord's CDN: files on disk, handed out under signed addresses that expire.

Owns the spool directory, the signatures and the answers with ranges. Must not know which message a
file hangs on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from sandbox.discord.state.dimensions import content_type, dimensions
from sandbox.discord.state.models import Attachment
from sandbox.discord.state.snowflakes import Snowflakes
from sandbox.discord.state.world import World

LIFETIME = 24 * 3600
# Files given to a command or a modal belong to nobody's message and go with the interaction.
EPHEMERAL_LIFETIME = 15 * 60
STICKER_SUFFIXES = {1: "png", 2: "png", 3: "json", 4: "gif"}


class Spool:
    """A private directory for uploaded bytes, gone when the stand-in closes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="retake-discord-"))
        self._made = 0

    def new(self) -> Path:
        self._made += 1
        return self.folder / f"{self._made}.bin"

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Cdn:
    """Signs addresses of attachments and answers them."""

    def __init__(
        self,
        *,
        world: World,
        ids: Snowflakes,
        clock: Callable[[], float],
        base_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._ids = ids
        self._clock = clock
        self._base_url = base_url
        self._secret = secrets.token_bytes(32)
        self.spool = Spool()

    def attachment(
        self,
        path: Path,
        filename: str,
        *,
        channel_id: str,
        description: str | None = None,
        ephemeral: bool = False,
    ) -> Attachment:
        """An attachment made of a spooled file."""
        name = safe_name(filename)
        size = dimensions(path)
        return Attachment(
            id=self._ids.next(),
            channel_id=channel_id,
            filename=name,
            size=path.stat().st_size,
            content_type=content_type(name),
            path=path,
            width=size[0] if size else None,
            height=size[1] if size else None,
            description=description,
            ephemeral=ephemeral,
        )

    def url(self, attachment: Attachment) -> str:
        """A fresh address, signed from now on."""
        issued = int(self._clock())
        lifetime = EPHEMERAL_LIFETIME if attachment.ephemeral else LIFETIME
        expires, issued_at = f"{issued + lifetime:x}", f"{issued:x}"
        kind = "ephemeral-attachments" if attachment.ephemeral else "attachments"
        path = f"{attachment.channel_id}/{attachment.id}/{quote(attachment.filename)}"
        signature = self._signature(attachment.id, expires, issued_at)
        return f"{self._base_url()}/cdn/{kind}/{path}?ex={expires}&is={issued_at}&hm={signature}&"

    def expire_everything(self) -> None:
        """Make every address handed out so far worthless."""
        self._secret = secrets.token_bytes(32)

    def _signature(self, attachment_id: str, expires: str, issued: str) -> str:
        text = f"{attachment_id}:{expires}:{issued}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    def mount(self, app: web.Application) -> None:
        for kind in ("attachments", "ephemeral-attachments"):
            app.router.add_get(f"/cdn/{kind}/{{channel}}/{{attachment}}/{{name}}", self._answer)
        app.router.add_get("/cdn/stickers/{name}", self._sticker)
        app.router.add_get("/cdn/external/{attachment}/{name}", self._external)

    def external(self, attachment: Attachment) -> str:
        """The address under which Discord's proxy shows a file of another site."""
        return f"{self._base_url()}/cdn/external/{attachment.id}/{quote(attachment.filename)}"

    async def _external(self, request: web.Request) -> web.StreamResponse:
        attachment = self._world.attachments.get(request.match_info["attachment"])
        if attachment is None or not attachment.path.exists():
            return web.Response(status=404, text="This content is no longer available.")
        return web.FileResponse(attachment.path, headers={"Content-Type": attachment.content_type})

    async def _sticker(self, request: web.Request) -> web.StreamResponse:
        """Stickers have plain addresses, with an ending that must be their own."""
        stem, _, suffix = request.match_info["name"].rpartition(".")
        sticker = self._world.stickers.get(stem)
        if sticker is None or suffix != STICKER_SUFFIXES[sticker.format_type]:
            return web.Response(status=404, text="This content is no longer available.")
        return web.FileResponse(
            sticker.path, headers={"Content-Type": content_type(request.match_info["name"])}
        )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        attachment = self._world.attachments.get(request.match_info["attachment"])
        query = request.query
        expires, issued = query.get("ex", ""), query.get("is", "")
        expected = self._signature(request.match_info["attachment"], expires, issued)
        signed = hmac.compare_digest(query.get("hm", "").encode(), expected.encode())
        gone = (
            attachment is None
            or not signed
            or int(expires, 16) < self._clock()
            or attachment.channel_id != request.match_info["channel"]
            or attachment.filename != request.match_info["name"]
            or not attachment.path.exists()
        )
        if attachment is None or gone:
            return web.Response(status=404, text="This content is no longer available.")
        return web.FileResponse(
            attachment.path,
            headers={
                "Content-Type": attachment.content_type,
                "Content-Disposition": f'inline; filename="{quote(attachment.filename)}"',
                "Cache-Control": "private, max-age=600",
            },
        )


def safe_name(filename: str) -> str:
    """A file's name as Discord keeps it: no paths, spaces as underscores, plain characters."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1].replace(" ", "_")
    return re.sub(r"[^A-Za-z0-9._-]", "", name).lstrip(".") or "unknown"
