"""The generations that the operator should look at.

They are submissions without a known outcome, and videos that were made but not delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import Code
from bot.domain.generation import Generation, State
from bot.domain.late import UNFETCHED
from bot.domain.ports.storage import Transaction

MAX_CASES = 1000


class Kind(StrEnum):
    """Why the operator should look at a generation.

    ``UNCONFIRMED`` is still open: it is unknown whether the provider accepted it. ``UNKNOWN`` ended
    like this. ``POISON`` ended because of an internal error, ``EXPIRED`` because it took too long,
    ``UNFETCHED`` because its finished video could not be downloaded, and ``UNDELIVERABLE`` because
    Discord accepted its video nowhere.
    """

    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"
    POISON = "poison"
    EXPIRED = "expired"
    UNFETCHED = "unfetched"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One generation that the operator should look at."""

    kind: Kind
    generation: Generation

    @property
    def counted(self) -> bool | None:
        """True if it counts against the requester's limit; None while it is only held."""
        if self.kind is Kind.UNCONFIRMED:
            return None
        failure = self.generation.failure
        return failure is not None and bool(failure.facts.get("counted"))


async def find_cases(tx: Transaction, *, since: datetime) -> Sequence[Case]:
    """Return the open cases, oldest first, then those ended after ``since``, latest first."""
    unconfirmed = await tx.generations.unconfirmed_submissions()
    ended = [
        (_kind(one), one)
        for one in await tx.generations.ended_without_video(since=since, limit=MAX_CASES)
    ]
    return [
        *(Case(kind=Kind.UNCONFIRMED, generation=one) for one in unconfirmed),
        *(Case(kind=kind, generation=one) for kind, one in ended if kind is not None),
    ]


def _kind(generation: Generation) -> Kind | None:
    if generation.abandoned or generation.deleted_at is not None or generation.failure is None:
        return None
    if generation.state is State.UNDELIVERABLE:
        return Kind.UNDELIVERABLE if generation.file is not None else None
    if generation.failure.code is Code.INTERNAL:
        return Kind.POISON
    if generation.failure.code is Code.SUBMIT_UNKNOWN:
        return Kind.UNKNOWN
    if generation.failure.code in UNFETCHED:
        return Kind.UNFETCHED
    return Kind.EXPIRED if generation.state is State.EXPIRED else None
