"""Who may see and change a video: its requester, the members of its server, and moderators.

These are pure rules. Only the services ask them, before they show or change anything.
"""

from dataclasses import dataclass

from bot.domain.errors import Code, Refused
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


def may_see(generation: Generation, viewer: Viewer) -> bool:
    """Return True if the viewer may see a generation from their server or a direct message.

    The requester sees it in its server and in a direct message, where its video may have gone.
    Other members see it in its server, unless it is private.
    """
    place = generation.place
    if generation.requester_id == viewer.user_id:
        return viewer.guild_id in {place.guild_id, DIRECT}
    return place.guild_id == viewer.guild_id != DIRECT and not place.private


def visible(found: Generation | None, viewer: Viewer) -> Generation:
    """Return the generation if there is one and the viewer may see it.

    Raises:
        Refused: NOT_FOUND, which doesn't reveal whether it exists.
    """
    if found is None or not may_see(found, viewer):
        raise Refused(Code.NOT_FOUND)
    return found


def changeable(found: Generation | None, viewer: Viewer) -> Generation:
    """Return the generation if the viewer is its requester or a moderator where it was made.

    Raises:
        Refused: NOT_FOUND, or NOT_YOURS if the viewer may only see it.
    """
    seen = visible(found, viewer)
    if not viewer.moderator and seen.requester_id != viewer.user_id:
        raise Refused(Code.NOT_YOURS)
    return seen


def editable(found: Generation | None, viewer: Viewer) -> Generation:
    """Return the generation if the viewer may see it and its video can be edited or extended.

    Raises:
        Refused: NOT_FOUND, NOT_FINISHED, NOT_KEPT.
    """
    seen = visible(found, viewer)
    if seen.pruned_at is not None and seen.deleted_at is None:
        raise Refused(Code.NOT_KEPT)
    if seen.state not in EDITABLE or seen.deleted_at is not None:
        raise Refused(Code.NOT_FINISHED)
    return seen


def check_history(viewer: Viewer, of: UserId) -> None:
    """Check that the viewer may list a member's videos: their own, or any as a moderator.

    Raises:
        Refused: NOT_YOURS.
    """
    if of != viewer.user_id and not viewer.moderator:
        raise Refused(Code.NOT_YOURS)
