"""Finding a finished video by message or id, and checking access to it."""

from dataclasses import dataclass

from bot.domain.access import EDITABLE, Viewer, visible
from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, MessageId
from bot.domain.ports.storage import Storage


@dataclass(frozen=True, kw_only=True)
class VideoLookup:
    """Finds the video to edit."""

    storage: Storage

    async def subject(self, message_id: MessageId, *, viewer: Viewer) -> Generation:
        """Return the generation whose finished video is in that message.

        Raises:
            Refused: NOT_FOUND (not our video, or no access), NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.by_message(message_id))
        return self._checked(found, viewer)

    async def by_id(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Return the finished generation with that id.

        Raises:
            Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return self._checked(found, viewer)

    def _checked(self, found: Generation | None, viewer: Viewer) -> Generation:
        found = visible(found, viewer)
        if found.pruned_at is not None and found.deleted_at is None:
            raise Refused(Code.NOT_KEPT)
        if found.state not in EDITABLE or found.deleted_at:
            raise Refused(Code.NOT_FINISHED)
        return found
