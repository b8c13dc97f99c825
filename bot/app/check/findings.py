"""The findings of ``retake check``."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sentence, and how serious it is."""

    mark: Mark
    sentence: str


def ok(sentence: str) -> Finding:
    return Finding(mark=Mark.OK, sentence=sentence)


def note(sentence: str) -> Finding:
    return Finding(mark=Mark.NOTE, sentence=sentence)


def problem(sentence: str) -> Finding:
    return Finding(mark=Mark.PROBLEM, sentence=sentence)


def many(count: int, one: str = "is", more: str = "are") -> str:
    """Return a number of generations with its verb: "1 generation is", "2 generations are"."""
    return f"1 generation {one}" if count == 1 else f"{count} generations {more}"
