"""The invariants of the ledger, as queries that find violations.

This module owns the sentences of ``retake check`` about them. It repairs nothing.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.tables import BUCKET_COLUMNS, UNITS, total_of

_UNBALANCED = " OR ".join(f"{total_of(unit)} <> 0" for unit in UNITS)

_NOT_UNDONE = " OR ".join(f"c.{unit}_held <> -h.{unit}_held" for unit in UNITS)

_RULES: dict[str, str] = {
    "ledger row {0}: its debits and credits differ": (
        f"SELECT id FROM ledger WHERE {_UNBALANCED} ORDER BY id"  # noqa: S608 (own names)
    ),
    "generation {0} has {2} entries of kind {1}": """
        SELECT generation_id, kind, COUNT(*) FROM ledger WHERE generation_id IS NOT NULL
        GROUP BY generation_id, kind HAVING COUNT(*) > 1 ORDER BY generation_id, kind
    """,
    "ledger row {0} is about generation {1}, which does not exist": """
        SELECT l.id, l.generation_id FROM ledger l WHERE l.generation_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM generations g WHERE g.id = l.generation_id)
        ORDER BY l.id
    """,
    "task {1} of {0} cost money for generation {2}, which does not exist": """
        SELECT p.provider, p.task_id, p.generation_id FROM provider_spend p WHERE NOT EXISTS
            (SELECT 1 FROM generations g WHERE g.id = p.generation_id)
        ORDER BY p.provider, p.task_id
    """,
}

_GENERATION_RULES: dict[str, str] = {
    "ledger row {close} closes generation {id}, for which nothing is held": (
        "c.id IS NOT NULL AND h.id IS NULL"
    ),
    "generation {id} has no hold": "h.id IS NULL",
    "generation {id} ended ({state}) and has no close": "g.ended_at IS NOT NULL AND c.id IS NULL",
    "generation {id} has not ended ({state}) and has a close": (
        "g.ended_at IS NULL AND c.id IS NOT NULL"
    ),
    "ledger row {hold} charges another member than the one who asked for generation {id}": (
        "h.guild_id <> g.guild_id OR h.user_id <> g.requester_id"
    ),
    "ledger row {close} charges another member than the one who asked for generation {id}": (
        "c.guild_id <> g.guild_id OR c.user_id <> g.requester_id"
    ),
    "ledger row {close} does not undo the hold of generation {id}": f"""
        {_NOT_UNDONE} OR c.guild_id <> h.guild_id OR c.user_id <> h.user_id
        OR c.resets <> h.resets OR c.counted_at <> h.counted_at
    """,
    "generation {id} is {state}, its history does not end there": """
        g.pruned_at IS NULL AND g.state <> COALESCE((
            SELECT e.state FROM generation_events e WHERE e.generation_id = g.id
            ORDER BY e.revision DESC LIMIT 1), '')
    """,
}
"""The condition of each sentence on generation ``g``, its hold ``h`` and its close ``c``."""

_RULE_COLUMNS = ", ".join(
    f"({condition}) AS rule_{number}" for number, condition in enumerate(_GENERATION_RULES.values())
)
_ANY_RULE = " OR ".join(f"({condition})" for condition in _GENERATION_RULES.values())
_WRONG_GENERATIONS = f"""
    SELECT g.id, g.state, h.id AS hold, c.id AS close, {_RULE_COLUMNS}
    FROM generations g
    LEFT JOIN ledger h ON h.generation_id = g.id AND h.kind = 'hold'
    LEFT JOIN ledger c ON c.generation_id = g.id AND c.kind = 'close'
    WHERE {_ANY_RULE}
"""  # noqa: S608 (own names)
"""All rules in one pass in table order, because the rows are wide and should be read once."""

_SUMS = ", ".join(f"SUM({name}) AS {name}" for name in BUCKET_COLUMNS)
_BALANCES = f"SELECT guild_id, user_id, {', '.join(BUCKET_COLUMNS)} FROM accounts"  # noqa: S608 (own names)
_ENTRIES = f"SELECT guild_id, user_id, {_SUMS} FROM ledger GROUP BY guild_id, user_id"  # noqa: S608
_HELD = tuple(f"{unit}_held" for unit in UNITS)
_OPEN_HOLDS = f"""
    SELECT h.guild_id, h.user_id, {", ".join(f"SUM(h.{held}) AS {held}" for held in _HELD)}
    FROM (SELECT generation_id FROM ledger WHERE generation_id IS NOT NULL
          GROUP BY generation_id HAVING MIN(kind) = 'hold') unclosed
    JOIN ledger h ON h.generation_id = unclosed.generation_id AND h.kind = 'hold'
    GROUP BY h.guild_id, h.user_id
"""  # noqa: S608 (own names)
"""Generations with only a hold ('close' sorts before it), found in the index alone."""

_Balances = dict[tuple[int, int], dict[str, int]]


async def faults(connection: AsyncConnection) -> Sequence[str]:
    """Return one sentence for every broken invariant."""
    found: list[str] = []
    for sentence, query in _RULES.items():
        rows = await connection.execute(text(query))
        found.extend(sentence.format(*row) for row in rows)
    found.extend(await _wrong_generations(connection))
    balances = await _by_member(connection, _BALANCES)
    entries = await _by_member(connection, _ENTRIES)
    found.extend(_differences(balances, entries, BUCKET_COLUMNS, "the ledger's sum is"))
    found.extend(
        _differences(balances, await _by_member(connection, _OPEN_HOLDS), _HELD, "open holds are")
    )
    return found


async def _wrong_generations(connection: AsyncConnection) -> list[str]:
    rows = [row._asdict() for row in await connection.execute(text(_WRONG_GENERATIONS))]
    rows.sort(key=lambda row: row["id"])
    return [
        sentence.format_map(row)
        for number, sentence in enumerate(_GENERATION_RULES)
        for row in rows
        if row[f"rule_{number}"]
    ]


async def _by_member(connection: AsyncConnection, query: str) -> _Balances:
    rows = await connection.execute(text(query))
    return {
        (row["guild_id"], row["user_id"]): {
            name: int(value) for name, value in row.items() if name in BUCKET_COLUMNS
        }
        for row in rows.mappings()
    }


def _differences(
    balances: _Balances, sums: _Balances, names: Sequence[str], claim: str
) -> list[str]:
    """Compare in both directions: a missing account or entry counts as zero."""
    nothing: dict[str, Any] = {}
    return [
        f"member {user_id} of server {guild_id}: {name} is {has}, {claim} {due}"
        for guild_id, user_id in sorted(balances.keys() | sums.keys())
        for name in names
        if (has := balances.get((guild_id, user_id), nothing).get(name, 0))
        != (due := sums.get((guild_id, user_id), nothing).get(name, 0))
    ]
