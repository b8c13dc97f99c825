"""Which finished video somebody means, and whether they may touch it."""

from dataclasses import dataclass

from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import DIRECT, GenerationId, GuildId, MessageId, UserId
from bot.domain.ports.storage import Storage

EDITABLE = frozenset({State.POSTING, State.DELIVERED, State.UNDELIVERABLE})
"""A video is seen a moment before it is written down as delivered: who is quick is not refused."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who looks, and from where. ``moderator``: may manage messages there."""

    user_id: UserId
    guild_id: GuildId
    moderator: bool = False


def may_see(generation: Generation, user_id: UserId, guild_id: GuildId) -> bool:
    """Inside the same server, or one's own in a direct message, where a video may have ended up.

    A private conversation or a direct message is only for who asked.
    """
    place = generation.place
    if generation.requester_id == user_id:
        return guild_id in {place.guild_id, DIRECT}
    return place.guild_id == guild_id != DIRECT and not place.private


def may_change(generation: Generation, viewer: Viewer) -> bool:
    """Whether somebody may cancel or delete it: whoever asked, and moderators of the place."""
    if not may_see(generation, viewer.user_id, viewer.guild_id):
        return False
    return viewer.moderator or generation.requester_id == viewer.user_id


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Finds the subject of an edit."""

    storage: Storage

    async def subject(self, message_id: MessageId, *, viewer: Viewer) -> Generation:
        """The generation whose finished video that message holds.

        Raises:
            Refused: NOT_FOUND (no video of ours, or not for this viewer), NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.by_message(message_id))
        return self._checked(found, viewer)

    async def by_id(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """The finished generation of that id.

        Raises:
            Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return self._checked(found, viewer)

    def _checked(self, found: Generation | None, viewer: Viewer) -> Generation:
        if found is None or not may_see(found, viewer.user_id, viewer.guild_id):
            raise Refused(Code.NOT_FOUND)
        if found.pruned_at is not None and found.deleted_at is None:
            raise Refused(Code.NOT_KEPT)
        if found.state not in EDITABLE or found.deleted_at:
            raise Refused(Code.NOT_FINISHED)
        return found
