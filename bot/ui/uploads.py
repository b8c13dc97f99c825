"""The files of messages that a form was opened about, until the form comes back.

Without the privileged intent a message of somebody else's can be seen only in the interaction that
points at it, so what it holds is remembered here: a few hundred messages, in memory. After a
restart the person is asked to open the form again.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.errors import Code, Refused
from bot.domain.ports.media import IncomingFile

MOST = 500


@dataclass(kw_only=True)
class SourceMemory:
    """Files by the message they are in; the oldest are forgotten first."""

    _files: OrderedDict[int, tuple[IncomingFile, ...]] = field(
        default_factory=OrderedDict[int, tuple[IncomingFile, ...]]
    )

    def remember(self, message_id: int, files: Sequence[IncomingFile]) -> None:
        """Keep a message's files."""
        self._files[message_id] = tuple(files)
        self._files.move_to_end(message_id)
        while len(self._files) > MOST:
            self._files.popitem(last=False)

    def recall(self, message_id: int | None) -> tuple[IncomingFile, ...]:
        """The files of a message.

        Raises:
            Refused: MEDIA_UNAVAILABLE when they are forgotten.
        """
        if message_id is None or message_id not in self._files:
            raise Refused(Code.MEDIA_UNAVAILABLE)
        return self._files[message_id]
