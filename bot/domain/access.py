"""Who may see and change a video: its requester, the members of its server, and moderators.

These are pure rules; the services apply them before they show or change anything.
"""

from dataclasses import dataclass

from bot.domain.generation import Generation, State
from bot.domain.ids import DIRECT, GuildId, UserId

EDITABLE = frozenset({State.POSTING, State.DELIVERED, State.UNDELIVERABLE})
"""The states in which a video can be edited.

Users can see a video just before it is recorded as delivered, so ``POSTING`` counts as editable.
"""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A user and their server. ``moderator`` is true if they may manage messages there."""

    user_id: UserId
    guild_id: GuildId
    moderator: bool = False


def may_see(generation: Generation, user_id: UserId, guild_id: GuildId) -> bool:
    """Return True if a user may see a generation from a server or a direct message.

    The requester sees it in its server and in a direct message, where its video may have gone.
    Other members see it in its server, unless it is private.
    """
    place = generation.place
    if generation.requester_id == user_id:
        return guild_id in {place.guild_id, DIRECT}
    return place.guild_id == guild_id != DIRECT and not place.private


def may_change(generation: Generation, viewer: Viewer) -> bool:
    """Return True if a viewer may cancel or delete it: its requester and the moderators there."""
    if not may_see(generation, viewer.user_id, viewer.guild_id):
        return False
    return viewer.moderator or generation.requester_id == viewer.user_id
