"""Files that people attach are taken in before anything is held: all together or none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import Refused
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile, MediaStore


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Fetches, checks and keeps attachments, several at a time."""

    media: MediaStore

    async def take(
        self, files: Sequence[IncomingFile], *, kinds: Sequence[MediaKind]
    ) -> tuple[StoredMedia, ...]:
        """The files, checked by content, in the order given.

        Raises:
            Refused: the first refusal among them (MEDIA_*).
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.media.take(file, kinds=kinds)) for file in files]
        except* Refused as refusals:
            raise _first(refusals) from None
        return tuple(task.result() for task in tasks)


def _first(group: BaseExceptionGroup[Refused]) -> Refused:
    for inner in group.exceptions:
        return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
    raise AssertionError("an exception group is never empty")
