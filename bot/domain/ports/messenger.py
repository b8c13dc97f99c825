"""Discord as the services see it: the messages about generations."""

from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.errors import Code
from bot.domain.generation import Generation, LiveStatus, Place, Posting, Target
from bot.domain.media import FitStep


class Messenger(Protocol):
    """Posts and edits messages. Discord's errors are raised as ``PostError`` only."""

    async def open_status(
        self, generation: Generation, live_status: LiveStatus, *, again: bool
    ) -> Place:
        """Post the status message and make the thread; returns the place with their ids filled in.

        ``again`` is true when an earlier try may have succeeded: look for the message first. A
        thread that cannot be made is not an error (the place then has none); a channel that cannot
        be written to is a PostError with ``Accepted.NO``.
        """
        ...

    async def update_status(self, generation: Generation, live_status: LiveStatus) -> None:
        """Show the current state in the status message, if there is one and it changed.

        A missing message, channel or permission is not an error: the status is optional.
        """
        ...

    async def post_video(
        self,
        generation: Generation,
        posting: Posting,
        file: Path,
        *,
        step: FitStep,
        original_url: str | None,
    ) -> Posting:
        """Post the finished video at ``posting.target`` under ``posting.nonce``, with the one ping.

        ``original_url`` is a link to the full file, shown if ``step`` is PREVIEW. Returns the
        posting with the ids of the message and its channel.

        Raises:
            PostError: POST_TOO_LARGE, POST_FORBIDDEN, POST_TARGET_GONE, POST_REJECTED,
                POST_UNAVAILABLE (later); POST_UNKNOWN is the only one with ``Accepted.UNKNOWN``.
        """
        ...

    async def find_video(
        self, generation: Generation, target: Target, *, since: datetime
    ) -> Posting | None:
        """Return the video's message if one was posted there after ``since``, or None."""
        ...

    async def video_link(self, generation: Generation) -> str | None:
        """Return a link to the posted file that works for some hours; None if there is none.

        Discord's errors are never raised.
        """
        ...

    async def delete_video(self, generation: Generation) -> bool:
        """Delete the video's message; return True if there is none any more.

        Discord's errors are never raised: if it refuses or does not answer, the result is False.
        """
        ...

    async def tell_ended(self, generation: Generation, *, again: bool = False) -> None:
        """Notify the requester that a generation ended without a video.

        ``again`` is true when an earlier try may have succeeded: look for the message first.
        """
        ...

    def upload_limit(self, generation: Generation, target: Target) -> int:
        """Return how many bytes one file may have there, as far as known."""
        ...

    async def alert_owner(self, code: Code, facts: dict[str, object]) -> None:
        """Alert the bot's owner, once per code, provider and hour."""
        ...
