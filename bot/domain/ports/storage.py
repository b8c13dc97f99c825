"""The port to the database: a transaction with named queries.

One contract suite runs over every backend. A backend may run the work given to ``transact`` more
than once, so the work has no effects outside of the transaction and never waits for the network.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from bot.domain.catalogue import ProviderName
from bot.domain.generation import Generation
from bot.domain.ids import ConversationId, GenerationId, GuildId, TaskId, UserId, WorkerId
from bot.domain.limits import Amounts, Usage
from bot.domain.ports.generations import Generations
from bot.domain.ports.limits import Guilds

T = TypeVar("T")


class Conversations(Protocol):
    """The version counters of conversations. Each turn of a conversation is a generation."""

    async def add(self, conversation_id: ConversationId) -> None:
        """Insert a conversation without versions."""
        ...

    async def next_version(self, conversation_id: ConversationId) -> int:
        """Increment the version counter and return it."""
        ...


class Ledger(Protocol):
    """Quota and money. It is append-only, with one entry of each kind per generation.

    A second hold, or closing a hold that is missing or closed, raises ValueError.
    """

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
