"""Who may see and change a video: the one who asked, the members of its server, moderators.

Pure rules; the services ask them before they show or change anything.
"""

from dataclasses import dataclass

from bot.domain.generation import Generation, State
from bot.domain.ids import DIRECT, GuildId, UserId

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
