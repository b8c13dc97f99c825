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
    """Files by who may use them and the message they are in; the oldest are forgotten first."""

    _files: OrderedDict[tuple[int, int], tuple[IncomingFile, ...]] = field(
        default_factory=OrderedDict[tuple[int, int], tuple[IncomingFile, ...]]
    )

    def remember(self, user_id: int, message_id: int, files: Sequence[IncomingFile]) -> None:
        """Keep what a person was shown of a message."""
        self._files[user_id, message_id] = tuple(files)
        self._files.move_to_end((user_id, message_id))
        while len(self._files) > MOST:
            self._files.popitem(last=False)

    def recall(self, user_id: int, message_id: int | None) -> tuple[IncomingFile, ...]:
        """The files of a message, for the person who was shown them.

        Raises:
            Refused: FILES_FORGOTTEN when they are forgotten.
        """
        if message_id is None or (user_id, message_id) not in self._files:
            raise Refused(Code.FILES_FORGOTTEN)
        return self._files[user_id, message_id]
