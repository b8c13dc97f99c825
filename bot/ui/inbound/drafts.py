"""A request as a member made it, before anything was done about it: a value that can be kept.

This module owns what such a request consists of. ``context`` builds one from an interaction or a
reply; ``requests`` takes its files in and makes it.
"""

from dataclasses import dataclass

from bot.domain.ports.media import IncomingFile
from bot.services.admission import GenerationRequest
from bot.ui.inbound.mentions import Author


@dataclass(frozen=True, kw_only=True)
class IncomingFiles:
    """The files of a request by their purpose, before they are fetched.

    ``shown_images`` and ``shown_videos`` are the files of a message that the member chose: all of
    its images are used, or its first video. The content of a file decides which it is.
    """

    images: tuple[IncomingFile, ...] = ()
    last_frame: IncomingFile | None = None
    video: IncomingFile | None = None
    shown_images: tuple[IncomingFile, ...] = ()
    shown_videos: tuple[IncomingFile, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pictures or self.video or self.shown_images or self.shown_videos)

    @property
    def pictures(self) -> tuple[IncomingFile, ...]:
        """``pictures`` are ``images`` and the last frame."""
        return self.images if self.last_frame is None else (*self.images, self.last_frame)


NO_FILES = IncomingFiles()


@dataclass(frozen=True, kw_only=True)
class RequestDraft:
    """One member's request with the words as typed and the files not yet fetched.

    ``id`` is the id of the interaction or message that made it. ``asked`` has no files.
    """

    id: int
    asked: GenerationRequest
    author: Author
    files: IncomingFiles = NO_FILES
