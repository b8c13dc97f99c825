"""Deleting a video: the message, every file, and all of its content in the database.

This is the only way to delete, whoever asks. Deleting again finishes an interrupted deletion.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from bot.domain.access import Viewer, changeable
from bot.domain.errors import Code, PostError, Refused, Superseded
from bot.domain.generation import Generation, LiveStatus, State
from bot.domain.ids import GenerationId
from bot.domain.media import StoredMedia
from bot.domain.ports.clock import Clock
from bot.domain.ports.limits import AuditEntry
from bot.domain.ports.media import MediaStore
from bot.domain.ports.messenger import Messenger
from bot.domain.ports.storage import Storage, Transaction
from bot.services.history import SEEN_SECONDS, SEEN_TIMES

log = structlog.get_logger(__name__)


class DeletionReason(StrEnum):
    """Why a video is deleted. The audit trail records it."""

    BUTTON = "button"


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Deletes videos."""

    storage: Storage
    media: MediaStore
    clock: Clock
    messenger: Messenger

    async def check(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Return the generation if the viewer may delete its video.

        Raises:
            Refused: NOT_FOUND, NOT_YOURS.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return changeable(found, viewer)

    async def video(
        self, generation_id: GenerationId, *, viewer: Viewer, reason: DeletionReason
    ) -> bool:
        """Delete a video permanently; return True if its message is gone as well.

        The files go first, then the content of the row, then the message. A deletion by anybody
        but the requester is recorded in the audit trail.

        Raises:
            Refused: NOT_FOUND, NOT_YOURS, or NOT_FINISHED.
        """
        found = await self._ended(generation_id, viewer)
        if found.deleted_at is None:
            for media in await self._files(found):
                await self.media.discard(media)
            found = await self._erase(found, viewer, reason)
        message_gone = await self.messenger.delete_video(found)
        try:
            await self.messenger.update_status(found, LiveStatus())
        except PostError as error:
            log.info("deletion_not_shown", generation=found.id, error=str(error))
        return message_gone

    async def _ended(self, generation_id: GenerationId, viewer: Viewer) -> Generation:
        found = await self.check(generation_id, viewer=viewer)
        for _ in range(SEEN_TIMES):
            if found.state is not State.POSTING:
                break
            # Users can see a video just before it is recorded as delivered.
            await self.clock.sleep(SEEN_SECONDS)
            found = await self.check(generation_id, viewer=viewer)
        if not found.ended:
            raise Refused(Code.NOT_FINISHED)
        return found

    async def _files(self, generation: Generation) -> list[StoredMedia]:
        """Return its video, and its input files unless another generation uses them."""
        given = generation.request.files
        shared = await self.storage.read(
            lambda tx: tx.generations.used_inputs(
                [media.path for media in given], by_others_than=generation.id
            )
        )
        own = [media for media in given if media.path not in shared]
        return own if generation.file is None else [generation.file, *own]

    async def _erase(self, found: Generation, viewer: Viewer, reason: DeletionReason) -> Generation:
        now = self.clock.now()

        async def work(tx: Transaction) -> Generation:
            fresh = await tx.generations.get(found.id) or found
            if fresh.deleted_at is not None:
                return fresh
            if viewer.user_id != fresh.requester_id:
                await tx.guilds.audit(
                    AuditEntry(
                        guild_id=fresh.place.guild_id,
                        actor_id=viewer.user_id,
                        action="video.delete",
                        subject=fresh.id,
                        details={"reason": reason},
                        at=now,
                    )
                )
            deleted = replace(fresh, deleted_at=now)
            return await tx.generations.erase(await tx.generations.save(fresh, deleted))

        try:
            return await self.storage.transact(work)
        except Superseded:  # it was changed elsewhere at the same moment
            return await self.storage.transact(work)
