"""Small pictures that are sent inside a request instead of being uploaded.

A prepared body holds the path of such a picture, so that the stored request stays small. The
picture itself is inserted when the request is sent.
"""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.domain.errors import Accepted, Code, ProviderError
from bot.domain.media import StoredMedia

_MAX_BYTES = 1024 * 1024
"""A larger picture is uploaded: a request of many megabytes is slow to write and to send."""

_NAMED = "inline:"


def by_name(media: StoredMedia, *, root: Path) -> str | None:
    """Return the name of a picture in a prepared body; None if it is too large or deleted."""
    if media.size > _MAX_BYTES or not (root / media.path).exists():
        return None
    return f"{_NAMED}{media.mime}:{media.path}"


async def inlined(body: Mapping[str, Any], *, root: Path) -> Mapping[str, Any]:
    """Return the body to send, in which every named picture is a data URL.

    Raises:
        ProviderError: MEDIA_UNAVAILABLE, a file was deleted. Nothing was sent.
    """
    images = body.get("image_urls")
    if not isinstance(images, list) or not any(str(one).startswith(_NAMED) for one in images):
        return body
    return {**body, "image_urls": [await asyncio.to_thread(_data_url, one, root) for one in images]}


def _data_url(image: str, root: Path) -> str:
    if not image.startswith(_NAMED):
        return image
    mime, _, path = image.removeprefix(_NAMED).partition(":")
    try:
        content = (root / path).read_bytes()
    except OSError as error:
        raise ProviderError(
            Code.MEDIA_UNAVAILABLE, accepted=Accepted.NO, reason=type(error).__name__
        ) from None
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
