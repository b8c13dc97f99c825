"""The ladder: the places that a video may be posted to, in order."""

from bot.domain.errors import Code
from bot.domain.generation import Failure, Generation, Posting, Target, TargetKind
from bot.domain.ids import message_nonce

OF_THE_SERVER = frozenset({Code.POST_UPLOADS_LIMITED})
"""The refusals of one place that apply to the whole server."""


def places(generation: Generation) -> list[Target]:
    """Return the ladder: the thread, its channel (unless private), a direct message."""
    place = generation.place
    ladder: list[Target] = []
    if place.thread_id is not None:
        ladder.append(Target(kind=TargetKind.THREAD, id=place.thread_id))
    if not place.guild_id:
        return [Target(kind=TargetKind.CHANNEL, id=place.channel_id)]
    if not place.private:
        ladder.append(Target(kind=TargetKind.CHANNEL, id=place.channel_id))
    ladder.append(Target(kind=TargetKind.DIRECT, id=generation.requester_id))
    return ladder


def nonce_of(generation: Generation, target: Target, turn: int) -> str:
    """Return the nonce of an attempt; each ``turn`` in the same place has its own."""
    again = f":{turn}" if turn else ""
    return message_nonce(generation.id, f"video:{target.kind}:{target.id}{again}")


def closed_by(failure: Failure, generation: Generation, posting: Posting) -> set[Target]:
    """Return the places that the failure of a post rules out: its own, or all of the server."""
    if failure.code not in OF_THE_SERVER:
        return {posting.target}
    ladder = places(generation)
    return {posting.target, *(at for at in ladder if at.kind is not TargetKind.DIRECT)}
