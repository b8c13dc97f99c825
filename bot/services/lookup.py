"""Finding a finished video by its message or id."""

from dataclasses import dataclass

from bot.domain.access import Viewer, editable
from bot.domain.generation import Generation
from bot.domain.ids import GenerationId, MessageId
from bot.domain.ports.storage import Storage


@dataclass(frozen=True, kw_only=True)
class VideoLookup:
    """Finds the video to edit."""

    storage: Storage

    async def by_message(self, message_id: MessageId, *, viewer: Viewer) -> Generation:
        """Return the generation whose finished video is in that message.

        Raises:
            Refused: NOT_FOUND (not our video, or no access), NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.by_message(message_id))
        return editable(found, viewer)

    async def by_id(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """Return the finished generation with that id.

        Raises:
            Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return editable(found, viewer)
