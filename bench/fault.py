"""The faults that ``bench.planted`` plants: mistakes that a tired person could make.

The folder `planted_faults` holds them, one file per topic. Each fault is written as

    = what the fault does
    $ the tests that must find it, as arguments for pytest
    @ the file to change
    -the words that stand in it exactly once
    +the words that replace them

with more ``@`` parts if it takes several changes. Lines that begin with ``#`` are comments. If you
change code that a fault quotes, change the quotation too.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "planted_faults"


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
    tests: Sequence[str]
    changes: Sequence[Change]


def faults() -> list[Fault]:
    """Return every fault of every file, in the order of the files' names."""
    files = sorted(FOLDER.glob("*.txt"))
    return [fault for file in files for fault in read(file.read_text("utf-8"))]


def read(text: str) -> Iterator[Fault]:
    """Yield the faults of one file.

    Raises:
        ValueError: a fault lacks its tests or its changes, or a line is none of the format's.
    """
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for name, (tests, *rest) in _parts(lines, "="):
        if not tests.startswith("$"):
            raise ValueError(f"{name}: the tests must follow the name")
        changes = [_change(name, path, words) for path, words in _parts(rest, "@")]
        yield Fault(name=name, tests=shlex.split(tests[1:]), changes=changes)


def _parts(lines: Sequence[str], mark: str) -> Iterator[tuple[str, Sequence[str]]]:
    starts = [number for number, line in enumerate(lines) if line.startswith(mark)]
    if starts[:1] != [0]:
        raise ValueError(f"a line that begins with {mark} must come first: {lines[:1]}")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start][1:].strip(), lines[start + 1 : end]


def _change(name: str, path: str, words: Sequence[str]) -> Change:
    old = [line[1:] for line in words if line.startswith("-")]
    new = [line[1:] for line in words if line.startswith("+")]
    if not old or [*("-" + line for line in old), *("+" + line for line in new)] != list(words):
        raise ValueError(f"{name}: {path} needs lines with - and then lines with +")
    return Change(path=path, old="\n".join(old), new="\n".join(new))
