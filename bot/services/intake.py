"""Files that people attach are taken in before anything is held: all together or none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import Code, Refused
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

    async def pick(
        self, files: Sequence[IncomingFile], *, kind: MediaKind, most: int
    ) -> list[tuple[IncomingFile, StoredMedia]]:
        """Take the first ``most`` files that are of that kind by their content.

        They are tried one after the other, so that nothing is fetched that is not needed.

        Raises:
            Refused: MEDIA_TYPE (or MEDIA_TOO_LARGE) when none is of that kind; or why one that is
                cannot be used (MEDIA_*).
        """
        picked: list[tuple[IncomingFile, StoredMedia]] = []
        other: Refused | None = None
        for file in files:
            if len(picked) == most:
                break
            try:
                picked.append((file, await self.media.take(file, kinds=(kind,))))
            except Refused as refused:
                unread = refused.code is Code.MEDIA_TOO_LARGE and not file.claims(kind)
                if refused.code is not Code.MEDIA_TYPE and not unread:
                    raise
                other = other or refused
        if not picked and other is not None:
            raise other
        return picked


def _first(group: BaseExceptionGroup[Refused]) -> Refused:
    for inner in group.exceptions:
        return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
    raise AssertionError("an exception group is never empty")
