"""Media files as values: their kind, size and place in the media directory."""

from dataclasses import dataclass
from enum import StrEnum


class MediaKind(StrEnum):
    """The kind of a file, by its content."""

    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True, kw_only=True)
class StoredMedia:
    """A checked file in the media directory.

    ``path`` is relative to that directory, ``size`` in bytes, ``sha256`` in hex, ``width`` and
    ``height`` in pixels, ``duration_ms`` in milliseconds (0 for an image), ``name`` a safe file
    name to show to members.
    ``first_picture_only`` is true if the attached file had more pictures (an animation).
    ``lost_credentials`` is true if content credentials (C2PA) were lost because the file had to be
    rewritten to play.
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


class FitStep(StrEnum):
    """How a copy of a video was made to fit, from the best quality to the worst."""

    ORIGINAL = "original"
    REMUXED = "remuxed"
    REENCODED = "reencoded"
    """The resolution is the same."""
    PREVIEW = "preview"
    """The picture is smaller, so the original deserves a link."""


@dataclass(frozen=True, kw_only=True)
class FittedMedia:
    """A copy of a video that is small enough to post. ``path`` is absolute, ``size`` in bytes."""

    path: str
    size: int
    step: FitStep
