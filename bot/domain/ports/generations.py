"""The queries about generations, of ``storage.Transaction``."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.catalogue import ProviderName
from bot.domain.generation import Generation, State
from bot.domain.ids import GenerationId, GuildId, MessageId, TaskId, UserId, WorkerId


class Generations(Protocol):
    """The rows of generations and their history.

    A row that cannot be read is set aside: it is left out of every list, logged and reported. A
    query for that row alone raises ``RowUnreadable``.
    """

    async def add(self, generation: Generation) -> bool:
        """Insert it with its first history row; return False if its ``request_key`` exists."""
        ...

    async def get(self, generation_id: GenerationId) -> Generation | None:
        """Return one generation, or None."""
        ...

    async def by_request_key(self, request_key: str) -> Generation | None:
        """Return the generation of an interaction or message, or None."""
        ...

    async def by_message(self, message_id: MessageId) -> Generation | None:
        """Return the generation whose finished video is in that message, or None."""
        ...

    async def by_task(self, provider: ProviderName, task_id: TaskId) -> Generation | None:
        """Return the generation that a provider's task belongs to, or None; None once pruned."""
        ...

    async def save(self, before: Generation, after: Generation) -> Generation:
        """Replace ``before`` if its id, state, owner and revision are still the stored ones.

        A change of the state adds a history row. Returns ``after`` as stored (revision + 1).

        Raises:
            Superseded: the stored row has changed.
            ValueError: the new state may not follow the old one, a field that never changes was
                changed, or ``ended_at`` does not agree with the state.
        """
        ...

    async def claim(
        self, worker_id: WorkerId, *, now: datetime, dead_before: datetime, limit: int
    ) -> Sequence[Generation]:
        """Claim unannounced generations without a live owner, the oldest first.

        An owner is dead if its heartbeat is older than ``dead_before`` or missing. A claim counts
        as a revision, and as a heartbeat of the worker. Returns those claimed, at most ``limit``.
        """
        ...

    async def any_unowned(self) -> bool:
        """Return True if there is an unannounced generation without an owner.

        An index of exactly those makes it cheap enough to run several times a second.
        """
        ...

    async def owned_ids(self, worker_id: WorkerId) -> Sequence[GenerationId]:
        """Return the ids of a worker's generations that are not announced yet."""
        ...

    async def disown(self, worker_id: WorkerId) -> int:
        """Release all of a worker's generations (an orderly stop); return how many."""
        ...

    async def open_of(self, guild_id: GuildId, requester_id: UserId) -> Sequence[Generation]:
        """Return a member's generations in progress in a server, oldest first."""
        ...

    async def ended_of(
        self, guild_id: GuildId, requester_id: UserId, *, limit: int, offset: int = 0
    ) -> Sequence[Generation]:
        """Return a member's ended generations in a server, newest first."""
        ...

    async def posted(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        """Return generations made after ``since`` whose video is in a message, newest first.

        Those that are being posted count: the message may exist already.
        """
        ...

    async def tasks_of_others(
        self, generation_id: GenerationId, provider: ProviderName, *, since: datetime
    ) -> Collection[TaskId]:
        """Return the tasks at a provider of other generations that had not ended by ``since``."""
        ...

    async def count_open(self) -> dict[State, int]:
        """Return the number of generations in progress by state."""
        ...

    async def unconfirmed_submissions(self) -> Sequence[Generation]:
        """Return all generations in ``submit_unknown``, oldest first."""
        ...

    async def ended_without_video(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        """Return generations with a task that ended after ``since`` without a video, newest first.

        These are failed, expired and undeliverable ones; the caller checks why they ended.
        """
        ...

    async def erase(self, generation: Generation) -> Generation:
        """Remove the content of a deleted generation (``without_content``) and its input list.

        Returns it as stored (revision + 1).
        """
        ...

    async def prune(self, *, ended_before: datetime, at: datetime, limit: int) -> int:
        """Remove the content and history of generations that ended before a time, oldest first.

        Only announced ones are pruned, at most ``limit``; returns how many. ``at`` becomes their
        ``pruned_at``. Ledger entries, ids, times, states and links stay.
        """
        ...

    async def used_inputs(
        self, paths: Collection[str], *, by_others_than: GenerationId
    ) -> set[str]:
        """Return those of the files that another generation, not erased yet, was made from."""
        ...

    async def files_in_work(self) -> set[str]:
        """Return the paths of all files that unannounced generations of any worker need.

        These are the videos themselves, their input files, and the videos that they edit.
        """
        ...

    async def look_through(self) -> None:
        """Read all unannounced generations, so that unreadable rows are set aside."""
        ...
