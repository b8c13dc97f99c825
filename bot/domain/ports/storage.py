"""The database as the services see it: a transaction with named queries.

One contract suite runs over every backend. A backend may run the work given to ``transact`` more
than once, so the work has no effects outside of the transaction and never waits for the network.
The module is longer than 300 lines because the protocols of one transaction belong together.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.catalogue import ProviderName
from bot.domain.generation import Generation, State
from bot.domain.ids import (
    ConversationId,
    GenerationId,
    GuildId,
    MessageId,
    TaskId,
    UserId,
    WorkerId,
)
from bot.domain.limits import Amounts, Usage
from bot.domain.ports.limits import Guilds

T = TypeVar("T")


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
            ValueError: the new state may not follow the old one.
        """
        ...

    async def claim(
        self, worker_id: WorkerId, *, now: datetime, dead_before: datetime, limit: int
    ) -> Sequence[Generation]:
        """Claim unannounced generations without a live owner, the oldest first.

        An owner is dead if its heartbeat is older than ``dead_before`` or missing. A claim counts
        as a revision. Returns those claimed, at most ``limit``.
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


class Conversations(Protocol):
    """The version counters of conversations. Each turn of a conversation is a generation."""

    async def add(self, conversation_id: ConversationId) -> None:
        """Insert a conversation without versions."""
        ...

    async def next_version(self, conversation_id: ConversationId) -> int:
        """Increment the version counter and return it."""
        ...


class Ledger(Protocol):
    """Quota and money. It is append-only, with one entry of each kind per generation."""

    async def lock(self, guild_id: GuildId, user_id: UserId) -> None:
        """Make other transactions about the same member wait; create the account if needed."""
        ...

    async def usage(self, guild_id: GuildId, user_id: UserId, *, since: datetime) -> Usage:
        """Return what is held and spent since ``since`` or the last reset, whichever is later."""
        ...

    async def hold(self, generation: Generation, asked: Amounts, *, at: datetime) -> None:
        """Available → held: what a request takes. Without a video, no cooldown begins."""
        ...

    async def settle(self, generation_id: GenerationId, *, seconds: int, at: datetime) -> None:
        """Close a hold: at most the held seconds are spent, and all else that was held."""
        ...

    async def release(self, generation_id: GenerationId, *, at: datetime) -> None:
        """Close a hold: everything is released."""
        ...

    async def reset(self, guild_id: GuildId, user_id: UserId, *, at: datetime) -> None:
        """Count a member's usage from ``at`` on."""
        ...

    async def record_spend(
        self,
        generation_id: GenerationId,
        *,
        provider: ProviderName,
        task_id: TaskId,
        micro_usd: int,
        at: datetime,
    ) -> None:
        """Record the cost that a provider reports for a task. Repeats change nothing."""
        ...

    async def faults(self) -> Sequence[str]:
        """Return a sentence about every broken invariant; empty if the ledger is correct."""
        ...


class Workers(Protocol):
    """The worker processes and their heartbeats."""

    async def clock(self, now: datetime) -> datetime:
        """Return the time of the clock that all workers share and heartbeats are compared with.

        It is the database server's clock. A database file is used by a single process, so there it
        is ``now``.
        """
        ...

    async def beat(self, worker_id: WorkerId, *, now: datetime) -> None:
        """Insert or refresh a worker."""
        ...

    async def cap_beats(self, now: datetime) -> None:
        """Set heartbeats that are later than ``now`` to ``now``.

        They were written before the shared clock was set back. If they were kept, a dead worker
        would look alive until the clock reached them; if they were removed, a live one would look
        dead.
        """
        ...

    async def remove(self, worker_id: WorkerId) -> None:
        """Remove a worker that stopped."""
        ...

    async def forget_silent(self, before: datetime) -> int:
        """Remove workers without a heartbeat since ``before`` that no longer own anything.

        Their generations were claimed by others. Returns how many were removed.
        """
        ...

    async def keep_only(self, worker_id: WorkerId) -> None:
        """Remove all other workers: this one is known to be the only one."""
        ...

    async def beats(self) -> Mapping[WorkerId, datetime]:
        """Return the last heartbeat of each worker."""
        ...


class Durations(Protocol):
    """The durations of past tasks, for the poll timing and the ETA."""

    async def add(self, key: str, seconds: float, *, at: datetime) -> None:
        """Add one, in seconds. Only the latest 200 of a key are kept."""
        ...

    async def recent(self, key: str) -> Sequence[float]:
        """Return the latest ones, at most 200, in seconds."""
        ...

    async def forget(self, before: datetime) -> None:
        """Remove those from before a time: kinds of tasks that are no longer requested."""
        ...


class Transaction(Protocol):
    """All queries, inside one transaction."""

    @property
    def generations(self) -> Generations: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def guilds(self) -> Guilds: ...
    @property
    def workers(self) -> Workers: ...
    @property
    def durations(self) -> Durations: ...


class Storage(Protocol):
    """A database. Its methods raise ``StorageUnavailable`` if it does not answer."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in a write transaction. It commits on return and rolls back on errors.

        In two cases it may be committed anyway: after a ``StorageUnavailable`` with UNKNOWN,
        and after a cancellation.
        """
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` on a consistent snapshot; writing there is an error."""
        ...
