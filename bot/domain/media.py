"""Media as the rest of the house speaks of it: what kind, how large, where it is kept.

Knows nothing of how a file is probed, stored or sent.
"""

from dataclasses import dataclass
from enum import StrEnum


class MediaKind(StrEnum):
    """What a file really is, by its content."""

    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, kw_only=True)
class StoredMedia:
    """A checked file in the media directory.

    ``path`` is relative to that directory, ``size`` in bytes, ``sha256`` in hex, ``width`` and
    ``height`` in pixels, ``duration_ms`` in milliseconds (0 for an image), ``name`` the file name
    to show a person (already made safe).
    ``first_picture_only`` is true if the file attached had more pictures (an animation), which were
    left out. ``lost_credentials`` is true if content credentials (C2PA) that were in the file could
    not be kept, because it had to be rewritten to play.
    """

    kind: MediaKind
    path: str
    mime: str
    size: int
    sha256: str
    width: int
    height: int
    duration_ms: int = 0
    name: str = ""
    first_picture_only: bool = False
    lost_credentials: bool = False


@dataclass(frozen=True, kw_only=True)
class FittedMedia:
    """A copy of a video that is small enough to post, and how it was made.

    ``path`` is absolute, ``size`` in bytes. ``how``: ``original``, ``remuxed``, ``reencoded`` (same
    resolution) or ``preview`` (smaller picture: the original deserves a link).
    """

    path: str
    size: int
    how: str
