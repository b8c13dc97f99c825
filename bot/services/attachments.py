"""Attached files are checked and stored before anything is held: all of them or none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import Code, MediaError, Refused, RetakeError
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile, MediaStore
from bot.engine.room import Room


@dataclass(frozen=True, kw_only=True)
class Intake:
    """Fetches, checks and stores attachments, several at a time."""

    media: MediaStore
    room: Room

    async def take(
        self, files: Sequence[IncomingFile], *, kinds: Sequence[MediaKind]
    ) -> tuple[StoredMedia, ...]:
        """Return the stored files, checked by content, in the given order.

        Raises:
            Refused: the first refusal among them (MEDIA_*), or NO_ROOM.
            MediaError: INTERNAL if the media worker does not start.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._take(file, kinds)) for file in files]
        except BaseExceptionGroup as errors:
            # Raised within ``except*``, Python 3.11.2 would wrap it in a group again.
            refused, rest = errors.split(RetakeError)
            if refused is None or rest is not None:
                raise
            raise _first(refused) from None
        return tuple(task.result() for task in tasks)

    async def pick(
        self, files: Sequence[IncomingFile], *, kind: MediaKind, most: int
    ) -> list[tuple[IncomingFile, StoredMedia]]:
        """Take the first ``most`` files that are of that kind by their content.

        They are tried one by one, so that no unneeded file is fetched.

        Raises:
            Refused: MEDIA_TYPE (or MEDIA_TOO_LARGE) when none is of that kind; or why one that is
                cannot be used (MEDIA_*, NO_ROOM).
        """
        picked: list[tuple[IncomingFile, StoredMedia]] = []
        other: Refused | None = None
        for file in files:
            if len(picked) == most:
                break
            try:
                picked.append((file, await self._take(file, (kind,))))
            except Refused as refused:
                unread = refused.code is Code.MEDIA_TOO_LARGE and not file.claims(kind)
                if refused.code is not Code.MEDIA_TYPE and not unread:
                    raise
                other = other or refused
        if not picked and other is not None:
            raise other
        return picked

    async def _take(self, file: IncomingFile, kinds: Sequence[MediaKind]) -> StoredMedia:
        await self.room.check()
        try:
            return await self.media.take(file, kinds=kinds)
        except MediaError as error:
            if await self.room.note(error):
                raise Refused(Code.NO_ROOM) from error
            raise


def _first(group: BaseExceptionGroup[RetakeError]) -> RetakeError:
    for inner in group.exceptions:
        return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
    raise AssertionError("an exception group is never empty")
