"""Plants faults one at a time in a copy of the project, and sees whether the tests find each.

A fault is a change of a few words that a tired person could make. A fault whose words no longer
stand in the code fails the run: whoever changes the code moves the fault along. Ends non-zero when
a fault was not caught.

    python -m bench.planted [--only WORD …]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "data", "docs", "node_modules")
LIMIT_SECONDS = 900

STEPS = "bot/services/steps/"
CRASHES = "tests/reliability/test_crashes.py"
BLOWS = "tests/reliability/test_blows.py"
PARALLEL = "tests/reliability/test_parallel.py"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Words in a file, and what a fault makes of them."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, and the tests that must find it (arguments for pytest)."""

    name: str
    changes: Sequence[Change]
    tests: Sequence[str]


def crashes(*stories: str) -> list[str]:
    """The crash tests of these stories (words of their names)."""
    return [CRASHES, "-k", f"({' or '.join(stories)}) and not two"]


def blows(*stories: str) -> list[str]:
    """The tests with other blows than death."""
    return [BLOWS, "-k", " or ".join(stories)]


FAULTS = (
    Fault(
        name="pays before the intent is committed",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="""\
        live.generation = await self.transitions.move(
            generation,
            lambda g: replace(
                g,
                state=State.SUBMITTING,""",
                new="""\
        paid = await provider.submit(prepared, key=task.idempotency_key)
        live.generation = await self.transitions.move(
            generation,
            lambda g: replace(
                g,
                state=State.SUBMITTING,""",
            ),
            Change(
                path=STEPS + "submission.py",
                old="""\
        return await self._post(live, provider, prepared)
""",
                new="""\
        return await self._accepted(live, paid)
""",
            ),
        ],
        tests=crashes("absent", "text"),
    ),
    Fault(
        name="a claimed submission is simply made again",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="""\
            live.generation, lambda g: replace(g, state=State.SUBMIT_UNKNOWN)
        )
        return NOW""",
                new="""\
            live.generation, lambda g: replace(g, state=State.QUEUED, task=None)
        )
        return NOW""",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="asks again with a new key",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="submit(prepared, key=before.idempotency_key)",
                new='submit(prepared, key=before.idempotency_key + "-2")',
            ),
        ],
        tests=crashes("text", "limbo"),
    ),
    Fault(
        name="an unknown outcome passes for a refusal",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="""\
            if error.accepted is Accepted.NO:
                self.board.leave_slot(live.generation.id)
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown",""",
                new="""\
            if error.accepted is not Accepted.YES:
                self.board.leave_slot(live.generation.id)
                return await self._refused(live, provider.name, error)
            log.warning("submit_unknown",""",
            ),
        ],
        tests=[CRASHES, "-k", "limbo and without_a_crash"],
    ),
    Fault(
        name="the hold is outside of the wish's transaction",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
            await tx.ledger.hold(generation, seconds=plan.seconds, at=now)
""",
                new="",
            ),
            Change(
                path="bot/services/generate.py",
                old="""\
        if not receipt.repeated:
            self.outside.telemetry.moved""",
                new="""\
        if not receipt.repeated:
            await self.outside.storage.transact(
                lambda tx: tx.ledger.hold(
                    receipt.generation, seconds=plan.seconds, at=now
                )
            )
            self.outside.telemetry.moved""",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="the limit is checked in a transaction of its own",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
            check(quota.rule, quota.usage, seconds=plan.seconds, now=now)
""",
                new="",
            ),
            Change(
                path="bot/services/generate.py",
                old="""\
        async def work(tx: Transaction) -> Receipt:
            known = await tx.generations.by_request_key(ask.request_key)
""",
                new="""\
        before = await self.outside.storage.read(
            lambda tx: quota_of(
                tx, self.outside.policy.limits, ask.guild_id, ask.requester_id, now
            )
        )
        check(before.rule, before.usage, seconds=plan.seconds, now=now)

        async def work(tx: Transaction) -> Receipt:
            known = await tx.generations.by_request_key(ask.request_key)
""",
            ),
        ],
        tests=[PARALLEL],
    ),
    Fault(
        name="gives back twice, and nothing forbids it",
        changes=[
            Change(
                path="bot/services/transitions.py",
                old="""\
                await tx.ledger.release(saved.id, at=now)
""",
                new="""\
                await tx.ledger.release(saved.id, at=now)
                await tx.ledger.release(saved.id, at=now)
""",
            ),
            Change(
                path="bot/storage/ledger.py",
                old="""\
        if entered.first() is None:
""",
                new="""\
        if entered.first() is None and False:
""",
            ),
        ],
        tests=crashes("expiry"),
    ),
    Fault(
        name="settles before the video is posted",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            generation, lambda g: replace(g, state=State.POSTING, posting=posting)
""",
                new="""\
            generation,
            lambda g: replace(g, state=State.POSTING, posting=posting),
            also=lambda tx, saved: tx.ledger.settle(
                saved.id, seconds=5, at=self.outside.clock.now()
            ),
""",
            ),
            Change(
                path=STEPS + "posting.py",
                old="""\
            also=settle,
""",
                new="",
            ),
        ],
        tests=crashes("nowhere"),
    ),
    Fault(
        name="a delivered video is not counted",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            also=settle,
""",
                new="",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="nonces by chance",
        changes=[
            Change(
                path="bot/domain/ids.py",
                old='f"{generation_id}:{purpose}".encode()',
                new="secrets.token_bytes(8)",
            ),
        ],
        tests=crashes("answers", "text"),
    ),
    Fault(
        name="posts again without looking",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="settled = await self._look(live, may_repeat=True)",
                new="settled = None",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="goes one rung down without looking",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="settled = await self._look(live, may_repeat=False)",
                new="settled = None",
            ),
        ],
        tests=["tests/unit/services/test_posts.py"],
    ),
    Fault(
        name="opens a second status message",
        changes=[
            Change(
                path=STEPS + "submission.py",
                old="generation, again = live.generation, live.doubtful",
                new="generation, again = live.generation, False",
            ),
        ],
        tests=crashes("text"),
    ),
    Fault(
        name="tells an end twice",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="again = live.doubtful or live.misses > 0",
                new="again = False",
            ),
        ],
        tests=crashes("moderation"),
    ),
    Fault(
        name="an end counts as told before it was",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
        await self.lease.check(generation)
        try:
            if generation.state is State.DELIVERED:""",
                new="""\
        generation = live.generation = await self.transitions.record(
            generation, lambda g: replace(g, announced=True)
        )
        try:
            if generation.state is State.DELIVERED:""",
            ),
        ],
        tests=crashes("moderation"),
    ),
    Fault(
        name="a lease without a fence",
        changes=[
            Change(
                path="bot/services/transitions.py",
                old="""\
                or fresh.owner_id != generation.owner_id
""",
                new="",
            ),
            Change(
                path="bot/services/lease.py",
                old="""\
        if self.sure(generation):
            return
""",
                new="""\
        if generation:
            return
""",
            ),
        ],
        tests=blows("standing_still"),
    ),
    Fault(
        name="does not ask its lease before it posts",
        changes=[
            Change(
                path=STEPS + "posting.py",
                old="""\
            # Fitting may take minutes, and only one worker may post.
            await self.lease.check(generation)
""",
                new="",
            ),
        ],
        tests=blows("standing_still"),
    ),
    Fault(
        name="drops what it learned when the database is away",
        changes=[
            Change(
                path="bot/services/transitions.py",
                old="""\
                await self.outside.clock.sleep(wait)
""",
                new="""\
                return generation
""",
            ),
        ],
        tests=blows("says_nothing and text"),
    ),
    Fault(
        name="forgets a wish whose commit went unanswered",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
            self.board.doubt(self.outside.clock.monotonic())
""",
                new="",
            ),
        ],
        tests=blows("says_nothing and failover"),
    ),
    Fault(
        name="cancels what is being submitted",
        changes=[
            Change(
                path="bot/services/cancel.py",
                old="""\
            if found.state is not State.QUEUED:
""",
                new="""\
            if found.state not in {State.QUEUED, State.SUBMITTING}:
""",
            ),
            Change(
                path="bot/domain/generation.py",
                old="    State.SUBMITTING: frozenset({",
                new="    State.SUBMITTING: frozenset({State.CANCELLED, ",
            ),
        ],
        tests=[PARALLEL],
    ),
    Fault(
        name="a new owner takes an earlier poll's word",
        changes=[
            Change(
                path="bot/storage/generations.py",
                old="""\
        generations.c.revision == bindparam("known_revision"),
""",
                new="""\
        generations.c.revision <= bindparam("known_revision") + 1,
""",
            ),
        ],
        tests=["tests/contract/storage/test_generations.py"],
    ),
)


def planted(fault: Fault, tree: Path) -> str | None:
    """Change the copy; the file in which the words were not found, if so."""
    for change in fault.changes:
        path = tree / change.path
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            return change.path
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
    return None


def restored(fault: Fault, tree: Path) -> None:
    """Put the files of a fault back."""
    for change in fault.changes:
        shutil.copyfile(ROOT / change.path, tree / change.path)


def caught_by(fault: Fault, tree: Path) -> str | None:
    """The first test that fails with the fault in place; None when none does."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests]
    environment = {key: value for key, value in os.environ.items() if key != "RETAKE_LONG"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"never came to an end in {LIMIT_SECONDS} s"
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{fault.name}: the tests could not run\n{done.stdout[-2000:]}")
    found = re.search(r"^(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return found[1] if found else None


def copied(into: Path) -> Path:
    """The project as it is now, without what was made from it."""
    tree = into / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    return tree


def main() -> None:
    """Plant one after the other; a table for people, a line of JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("--only", nargs="*", default=[""], help="faults with these words")
    only = parser.parse_args().only
    chosen = [fault for fault in FAULTS if any(word in fault.name for word in only)]
    wide = max(len(fault.name) for fault in chosen)
    missed: list[str] = []
    print(f"{'fault':{wide}} | caught by")
    with tempfile.TemporaryDirectory(prefix="retake-planted-") as folder:
        tree = copied(Path(folder))
        for fault in chosen:
            began = time.monotonic()
            lost = planted(fault, tree)
            caught = None if lost is not None else caught_by(fault, tree)
            restored(fault, tree)
            if caught is None:
                missed.append(fault.name)
            told = caught or (f"NOT PLANTED: {lost} has changed" if lost else "NOT CAUGHT")
            print(f"{fault.name:{wide}} | {told} ({time.monotonic() - began:.0f} s)", flush=True)
    caught_count = len(chosen) - len(missed)
    print(json.dumps({"planted": len(chosen), "caught": caught_count, "missed": missed}))
    sys.exit(1 if missed else 0)


class _AsWritten(argparse.RawDescriptionHelpFormatter):
    """The docstring is laid out already."""


if __name__ == "__main__":
    main()
