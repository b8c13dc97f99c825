"""The media and the words that a message shows: attached, forwarded, a sticker, a link's preview.

This module owns where in a message a file may be and which addresses are Discord's own. Only its
content decides what a file is; a name or a declared type decides only which one is tried first.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import discord
from discord.asset import Asset

from bot.domain.media import MediaKind
from bot.domain.ports.media import IncomingFile

# The files of a message are at most ten; so are its embeds.
MOST_FILES = 10
_DISCORDS = re.compile(r"(cdn|media|images-ext-\d+)\.discordapp\.(com|net)")

Shown = discord.Message | discord.MessageSnapshot


def videos(message: discord.Message) -> tuple[IncomingFile, ...]:
    """Return the files that may be a video, the likeliest first."""
    attached = _likeliest_first(MediaKind.VIDEO, _attached(message))
    # A picture attached next to a link's video is the wrong one; its content will show that.
    return (*attached, *_of_embeds(message, ("video",)))[:MOST_FILES]


def images(message: discord.Message) -> tuple[IncomingFile, ...]:
    """Return the files that may be images, the likeliest first."""
    found = _attached(message) or _stickers(message) or _of_embeds(message, ("image", "thumbnail"))
    return _likeliest_first(MediaKind.IMAGE, found)


def has_lottie(message: discord.Message) -> bool:
    """Return True if there is a sticker that is an animation without a picture file."""
    return any(
        sticker.format is discord.StickerFormatType.lottie
        for shown in _shown(message)
        for sticker in shown.stickers
    )


def words(message: discord.Message) -> str:
    """Return the text of a message, or the text of the message that it forwards."""
    return next((shown.content for shown in _shown(message) if shown.content.strip()), "")


def incoming(attachment: discord.Attachment) -> IncomingFile:
    """Return an attachment as Discord describes it."""
    return IncomingFile(
        url=attachment.url,
        name=attachment.filename,
        size=attachment.size,
        content_type=attachment.content_type,
    )


def _shown(message: discord.Message) -> Iterator[Shown]:
    yield message
    yield from message.message_snapshots


def _attached(message: discord.Message) -> list[IncomingFile]:
    return [incoming(file) for shown in _shown(message) for file in shown.attachments]


def _stickers(message: discord.Message) -> list[IncomingFile]:
    return [
        IncomingFile(url=_sticker_url(sticker), name=f"{sticker.name}.{suffix}", size=0)
        for shown in _shown(message)
        for sticker in shown.stickers
        if (suffix := sticker.format.file_extension) != "json"
    ]


def _sticker_url(sticker: discord.StickerItem) -> str:
    """The library hard-codes the host of GIF stickers; other hosts keep them with the others."""
    if _DISCORDS.fullmatch(urlsplit(Asset.BASE).hostname or ""):
        return sticker.url
    return f"{Asset.BASE}/stickers/{sticker.id}.{sticker.format.file_extension}"


def _of_embeds(message: discord.Message, parts: Iterable[str]) -> list[IncomingFile]:
    """One file for each preview that has one at Discord: nothing is fetched from other sites."""
    found: list[IncomingFile] = []
    for shown in _shown(message):
        for embed in shown.embeds:
            media = (getattr(embed, part) for part in parts)
            found += [file for one in media if (file := _at_discord(one)) is not None][:1]
    return found


def _at_discord(media: Any) -> IncomingFile | None:
    """The file of an embed, if one of Discord's own hosts has it."""
    own = urlsplit(Asset.BASE).hostname
    for url in (media.proxy_url, media.url):
        parsed = urlsplit(url or "")
        host = parsed.hostname or ""
        if _DISCORDS.fullmatch(host) or (host and host == own):
            return IncomingFile(url=str(url), name=PurePosixPath(parsed.path).name, size=0)
    return None


def _likeliest_first(kind: MediaKind, files: list[IncomingFile]) -> tuple[IncomingFile, ...]:
    return tuple(sorted(files, key=lambda file: not file.claims(kind))[:MOST_FILES])
