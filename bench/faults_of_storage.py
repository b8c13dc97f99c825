"""Faults in what the database keeps: pruning, and the adding up of the books."""

from bench.fault import Change, Fault

STORAGE = (
    Fault(
        name="a change that was on its way brings pruned content back",
        changes=[
            Change(
                path="bot/storage/erasing.py",
                old="""\
        park=None,
        revision=generations.c.revision + 1,
""",
                new="""\
        park=None,
""",
            ),
        ],
        tests=["tests/contract/storage/test_erasing.py"],
    ),
    Fault(
        name="what is made after all was pruned is never moved together",
        changes=[
            Change(
                path="bot/storage/erasing.py",
                old="rowid > 0 AND rowid < (SELECT MAX(rowid) FROM generations) AND id",
                new="rowid > 0 AND id",
            ),
        ],
        tests=["tests/contract/storage/test_sqlite_files.py", "-k", "pruned"],
    ),
    Fault(
        name="a close in another period than its hold passes for right",
        changes=[
            Change(
                path="bot/storage/invariants.py",
                old="        OR c.resets <> h.resets OR c.counted_at <> h.counted_at\n",
                new="        OR c.resets <> h.resets\n",
            ),
        ],
        tests=["tests/contract/storage/test_ledger.py", "-k", "otherwise"],
    ),
    Fault(
        name="the books read the wide rows once for every rule",
        changes=[
            Change(
                path="bot/storage/invariants.py",
                old="""\
_GENERATION_RULES: dict[str, str] = {
""",
                new="""\
_RULES["generation {0} has no hold at all"] = (
    "SELECT g.id FROM generations g WHERE g.ended_at IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM ledger l WHERE l.generation_id = g.id)"
    " AND g.updated_at > 0"
)
_GENERATION_RULES: dict[str, str] = {
""",
            ),
        ],
        tests=["tests/contract/storage/test_plans.py", "-k", "one_pass"],
    ),
)
