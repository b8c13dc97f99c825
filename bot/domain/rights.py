"""What the bot may do where a request is made, and what follows: asked before anything is spent.

Owns the rule that a request is refused where its video could not be posted, and where the video
goes when there can be no thread. Knows nothing of Discord's objects.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.errors import Code, Refused


class Right(StrEnum):
    """The permissions of the bot that a post may need."""

    VIEW_CHANNEL = "view_channel"
    SEND_MESSAGES = "send_messages"
    ATTACH_FILES = "attach_files"
    SEND_MESSAGES_IN_THREADS = "send_messages_in_threads"
    CREATE_PUBLIC_THREADS = "create_public_threads"
    CREATE_PRIVATE_THREADS = "create_private_threads"


_IN_CHANNEL = (Right.VIEW_CHANNEL, Right.SEND_MESSAGES, Right.ATTACH_FILES)
_IN_THREAD = (Right.VIEW_CHANNEL, Right.SEND_MESSAGES_IN_THREADS, Right.ATTACH_FILES)
_NEW_THREAD = frozenset({Right.CREATE_PUBLIC_THREADS, Right.SEND_MESSAGES_IN_THREADS})
_NEW_PRIVATE_THREAD = frozenset({*_IN_THREAD, Right.CREATE_PRIVATE_THREADS})


@dataclass(frozen=True, kw_only=True)
class PlaceRights:
    """What the bot may do in a channel or thread of a server, and what that place can hold.

    ``locked`` is true if it is a thread that a moderator has locked. ``holds_threads`` and
    ``holds_private_threads`` are true if the channel is of a kind that has such threads.
    """

    may: frozenset[Right]
    locked: bool = False
    holds_threads: bool = True
    holds_private_threads: bool = True

    def check(self, *, in_thread: bool, private: bool) -> None:
        """Refuse a request whose video could not be posted here.

        ``in_thread`` is true if the video goes to the thread that the request was made in.

        Raises:
            Refused: PLACE_LOCKED, or PLACE_RIGHTS with the permissions that are ``missing``.
        """
        if in_thread and self.locked:
            raise Refused(Code.PLACE_LOCKED)
        if private and not in_thread:
            # Where there can be no private thread, a direct message is always left.
            return
        needed = _IN_THREAD if in_thread else _IN_CHANNEL
        if missing := [str(right) for right in needed if right not in self.may]:
            raise Refused(Code.PLACE_RIGHTS, missing=missing)

    def threadless(self, *, private: bool) -> bool:
        """Whether no thread can be made here for the video."""
        if private:
            return not (self.holds_private_threads and self.may >= _NEW_PRIVATE_THREAD)
        return not (self.holds_threads and self.may >= _NEW_THREAD)
