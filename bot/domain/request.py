"""What a user requests, before a provider is chosen.

This module owns the shape of a request. It knows nothing of providers, prices or limits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bot.domain.media import StoredMedia


class Operation(StrEnum):
    """The kind of request: a new video, another version of one, or a longer one."""

    CREATE = "create"
    EDIT = "edit"
    EXTEND = "extend"


class ReplyMode(StrEnum):
    """What a reply to a finished video does: order an edit, ask first, or nothing."""

    EDIT = "edit"
    ASK = "ask"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """One request, as made. None means that the model's default applies.

    ``model`` is a family's name of the catalogue. ``images`` are in the order given, the first one
    being the first frame if the model supports frames; ``video`` is the user's file to edit (the
    video of a parent generation is named by the generation's ``parent_id`` instead).
    ``source_ms`` is the length of the video to edit or extend, whichever it is, in milliseconds.
    ``video_url`` is Discord's link to ``video``, for providers that accept nothing else.
    """

    operation: Operation = Operation.CREATE
    prompt: str = ""
    model: str | None = None
    aspect_ratio: str | None = None
    duration: int | Literal["auto"] | None = None
    resolution: str | None = None
    images: tuple[StoredMedia, ...] = ()
    last_frame: StoredMedia | None = None
    video: StoredMedia | None = None
    video_url: str | None = None
    source_ms: int = 0

    @property
    def pictures(self) -> tuple[StoredMedia, ...]:
        """``pictures`` are the images and the last frame."""
        return self.images if self.last_frame is None else (*self.images, self.last_frame)

    @property
    def has_files(self) -> bool:
        """``has_files`` is true if it has files that must be uploaded to a provider."""
        return bool(self.images or self.last_frame or self.video)

    @property
    def files(self) -> tuple[StoredMedia, ...]:
        """``files`` are all the files of the request, in the order of the fields."""
        return (*self.images, *filter(None, (self.last_frame, self.video)))
