"""Which finished video somebody means, and whether they may touch it."""

from dataclasses import dataclass

from bot.domain.errors import Code, Refused
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, GuildId, MessageId, UserId
from bot.domain.ports.storage import Storage


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who looks, and from where. ``moderator``: may manage messages there."""

    user_id: UserId
    guild_id: GuildId
    moderator: bool = False


def may_see(generation: Generation, user_id: UserId, guild_id: GuildId) -> bool:
    """Only inside the same server; a private conversation or a direct message only by its own."""
    place = generation.place
    if place.guild_id != guild_id:
        return False
    shared = bool(guild_id) and not place.private
    return shared or generation.requester_id == user_id


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
            Refused: NOT_FOUND (no video of ours, or not for this viewer), NOT_FINISHED.
        """
        found = await self.storage.read(lambda tx: tx.generations.by_message(message_id))
        return self._checked(found, viewer)

    async def by_id(self, generation_id: GenerationId, *, viewer: Viewer) -> Generation:
        """The finished generation of that id.

        Raises:
            Refused: NOT_FOUND, NOT_FINISHED.
        """
        found = await self.storage.read(lambda tx: tx.generations.get(generation_id))
        return self._checked(found, viewer)

    def _checked(self, found: Generation | None, viewer: Viewer) -> Generation:
        if found is None or not may_see(found, viewer.user_id, viewer.guild_id):
            raise Refused(Code.NOT_FOUND)
        if found.state not in {State.DELIVERED, State.UNDELIVERABLE} or found.deleted_at:
            raise Refused(Code.NOT_FINISHED)
        return found
