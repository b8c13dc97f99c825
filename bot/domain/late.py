"""Which ended generations may still get their video from the provider."""

from bot.domain.errors import Code
from bot.domain.generation import Generation, State

UNFETCHED = frozenset(
    {
        Code.NO_VIDEO,
        Code.RESULT_GONE,
        Code.RESULT_BROKEN,
        Code.RESULT_TOO_LARGE,
        Code.RESULT_UNREACHABLE,
        Code.DISK,
    }
)
"""The failures of tasks that were completed but whose video could not be fetched."""


MAY_COME_LATE = UNFETCHED | {
    Code.DEADLINE,
    Code.SUBMIT_UNKNOWN,
    Code.PROVIDER_TASK_GONE,
    Code.INTERNAL,
}
"""The failures after which a task may still make a video. A refused task never does."""


def may_come_late(generation: Generation) -> bool:
    """Return True if its end was announced and its task may still bring a video."""
    return generation.announced and may_bring_a_video(generation)


def may_bring_a_video(generation: Generation) -> bool:
    """Return True if its task may bring a video that the requester wants. It is tried once."""
    wanted = not generation.abandoned and generation.deleted_at is None and not generation.late
    may_follow = generation.failure is not None and generation.failure.code in MAY_COME_LATE
    undecided = generation.state in {State.EXPIRED, State.FAILED} and may_follow
    return undecided and wanted and generation.task is not None
