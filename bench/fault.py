"""A fault that can be planted, and how the tests that must find it are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

STEPS = "bot/engine/steps/"
CRASHES = "tests/reliability/test_crashes.py"
BLOWS = "tests/reliability/test_blows.py"
PARALLEL = "tests/reliability/test_parallel.py"
REFUSED = "tests/contract/messenger/test_refused.py"
PRIVATE = "tests/unit/services/test_private.py"


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


def unit(module: str, words: str) -> list[str]:
    """Tests of the engine with these words in their names."""
    return [f"tests/unit/services/test_{module}.py", "-k", words]


guards = partial(unit, "guards")
dropped = partial(unit, "dropped")
queue = partial(unit, "queue")
pauses = partial(unit, "breakers")
