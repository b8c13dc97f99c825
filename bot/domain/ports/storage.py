"""The database as the services see it: a transaction with named queries.

One contract suite runs over every backend. Work given to ``transact`` may be run more than once on
a backend that retries, so it has no effects but through the transaction, and never waits for the
network.
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
from bot.domain.ports.limits import Guilds
from bot.domain.quota import Usage

T = TypeVar("T")


class Generations(Protocol):
    """Rows of generations and their history.

    A row that cannot be read is set aside: it is left out of every list, logged and reported; who
    asks for that row alone gets ``RowUnreadable``.
    """

    async def add(self, generation: Generation) -> bool:
        """Insert with its first history row; False when its ``request_key`` is known already."""
        ...

    async def get(self, generation_id: GenerationId) -> Generation | None:
        """One generation."""
        ...

    async def by_request_key(self, request_key: str) -> Generation | None:
        """The generation that an interaction or message asked for."""
        ...

    async def by_message(self, message_id: MessageId) -> Generation | None:
        """The generation whose finished video is in that message."""
        ...

    async def by_task(self, provider: ProviderName, task_id: TaskId) -> Generation | None:
        """The generation that a provider's task belongs to, until it is pruned."""
        ...

    async def save(self, before: Generation, after: Generation) -> Generation:
        """Compare-and-set on (id, state, owner, revision) of ``before``.

        Writes a history row when the state changed. Returns ``after`` as stored (revision + 1).

        Raises:
            Superseded: no such row any more.
            ValueError: the new state may not follow the old one.
        """
        ...

    async def claim(
        self, worker_id: WorkerId, *, now: datetime, dead_before: datetime, limit: int
    ) -> Sequence[Generation]:
        """Take generations that are not announced yet and that nobody owns, or whose owner's
        heartbeat is older than ``dead_before`` (or that has none); oldest first. Counts a revision.
        """
        ...

    async def any_unowned(self) -> bool:
        """Whether there is one that is not announced yet and that nobody owns.

        Cheap enough to be asked several times a second: it looks into an index of just those.
        """
        ...

    async def owned_ids(self, worker_id: WorkerId) -> Sequence[GenerationId]:
        """The ids of a worker's generations that are not announced yet."""
        ...

    async def disown(self, worker_id: WorkerId) -> int:
        """Give up all of a worker's generations (an orderly stop)."""
        ...

    async def open_of(self, guild_id: GuildId, requester_id: UserId) -> Sequence[Generation]:
        """A person's unended generations in a server, oldest first."""
        ...

    async def ended_of(
        self, guild_id: GuildId, requester_id: UserId, *, limit: int, offset: int = 0
    ) -> Sequence[Generation]:
        """A person's ended generations in a server, newest first."""
        ...

    async def posted(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        """Generations made after ``since`` whose video stands in a message, newest first.

        Those that are being posted count: the message may be there already.
        """
        ...

    async def tasks_of_others(
        self, generation_id: GenerationId, provider: ProviderName, *, since: datetime
    ) -> Collection[TaskId]:
        """The tasks at a provider of all other generations that had not ended by ``since``."""
        ...

    async def count_open(self) -> dict[State, int]:
        """How many unended generations are in each state."""
        ...

    async def unconfirmed_submissions(self) -> Sequence[Generation]:
        """All generations in ``submit_unknown``, oldest first."""
        ...

    async def ended_without_video(self, *, since: datetime, limit: int) -> Sequence[Generation]:
        """Generations with a task that ended without their video after ``since``, newest first.

        Failed, expired and undeliverable ones; why they ended is for the caller to judge.
        """
        ...

    async def erase(self, generation: Generation) -> Generation:
        """Remove the content of a generation that was deleted (``without_content``), and the note
        of which files it was made from. Returns it as stored (revision + 1).
        """
        ...

    async def prune(self, *, ended_before: datetime, at: datetime, limit: int) -> int:
        """Remove the content and the history of those that ended before a time, the oldest first.

        Only those whose end was shown. At most ``limit``; returns how many. They carry ``at`` as
        their ``pruned_at``; the books, ids, times, states and links stay.
        """
        ...

    async def used_inputs(
        self, paths: Collection[str], *, by_others_than: GenerationId
    ) -> set[str]:
        """Those of the files that another generation, not erased yet, is made from."""
        ...

    async def files_in_work(self) -> set[str]:
        """Return the paths of all files that are needed until every open generation is announced.

        These are the videos themselves, what they are made from, and the videos they change; of
        all workers.
        """
        ...

    async def look_through(self) -> None:
        """Read all whose end was not shown yet, so that what cannot be read is set aside."""
        ...


class Conversations(Protocol):
    """Counters of the versions of conversations; their turns are generations."""

    async def add(self, conversation_id: ConversationId) -> None:
        """Insert one without any version."""
        ...

    async def next_version(self, conversation_id: ConversationId) -> int:
        """Count one version up and return it."""
        ...


class Ledger(Protocol):
    """Quota and money. Append-only; one entry of a kind per generation."""

    async def lock(self, guild_id: GuildId, user_id: UserId) -> None:
        """Make other transactions about the same member wait (and make the account)."""
        ...

    async def usage(self, guild_id: GuildId, user_id: UserId, *, since: datetime) -> Usage:
        """Held and spent since ``since`` or the last reset, whichever is later."""
        ...

    async def hold(
        self, generation: Generation, *, seconds: int, at: datetime, videos: int = 1
    ) -> None:
        """Available → held: one video and ``seconds``; with no ``videos``, no pause begins."""
        ...

    async def settle(self, generation_id: GenerationId, *, seconds: int, at: datetime) -> None:
        """Close: one video and at most the held seconds → spent; the rest goes back."""
        ...

    async def release(self, generation_id: GenerationId, *, at: datetime) -> None:
        """Close: everything held goes back."""
        ...

    async def reset(self, guild_id: GuildId, user_id: UserId, *, at: datetime) -> None:
        """Count a member's usage from ``at``."""
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
        """Money a provider reports for a task; once per task, repeats change nothing."""
        ...

    async def faults(self) -> Sequence[str]:
        """Sentences about every broken invariant; empty when the books are right."""
        ...


class Workers(Protocol):
    """Processes and their heartbeats."""

    async def clock(self, now: datetime) -> datetime:
        """The time by the one clock that all workers share; heartbeats are judged by no other.

        That is the database server's. Where the database is a file there is one process and no
        server: then it is ``now``, the process's own time.
        """
        ...

    async def beat(self, worker_id: WorkerId, *, now: datetime) -> None:
        """Insert or refresh a worker."""
        ...

    async def cap_beats(self, now: datetime) -> None:
        """Heartbeats later than ``now`` count as given now.

        They come from before the shared clock was set back. Left as they are, a dead worker would
        look alive until the clock is there again; forgotten, a living one would look dead.
        """
        ...

    async def remove(self, worker_id: WorkerId) -> None:
        """Forget a worker that stopped."""
        ...

    async def forget_silent(self, before: datetime) -> int:
        """Forget workers without a sign of life since ``before`` that own nothing any more.

        What they owned was claimed by others. Returns how many were forgotten.
        """
        ...

    async def keep_only(self, worker_id: WorkerId) -> None:
        """Forget all others: this one is known to be alone."""
        ...

    async def beats(self) -> Mapping[WorkerId, datetime]:
        """The last sign of life of each."""
        ...


class Durations(Protocol):
    """How long tasks took, for the poll timing and the ETA."""

    async def add(self, key: str, seconds: float, *, at: datetime) -> None:
        """Remember one (only the latest 200 of a key are kept)."""
        ...

    async def recent(self, key: str) -> Sequence[float]:
        """The latest, at most 200, in seconds."""
        ...

    async def forget(self, before: datetime) -> None:
        """Forget those from before a time: kinds of tasks that nobody asks for any more."""
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
    """A database. Raises ``StorageUnavailable`` when it does not answer."""

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` in a writing transaction; committed when this returns, undone when it
        raises.

        There are two exceptions, in which it may be committed all the same: a
        ``StorageUnavailable`` that is ``unclear``, and a cancellation.
        """
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` on a consistent snapshot; writing there is an error."""
        ...
