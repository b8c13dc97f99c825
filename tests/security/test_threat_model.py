"""SECURITY.md names a defence and its tests for every threat: each of those tests exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.security.conftest import ELSEWHERE

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in table if not line.startswith(("| threat |", "|---"))]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def missing(text: str) -> list[str]:
    """Return the tests that a text names and that do not exist."""
    return [
        f"{file}::{name}"
        for file, name in NAMED.findall(text)
        if not (ROOT / file).is_file() or name not in functions_of(file)
    ]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[:40])
def test_each_row_names_tests_that_exist(row: str) -> None:
    assert row.count(" | ") == 2
    assert NAMED.search(row.rpartition(" | ")[2])
    assert missing(row) == []


def test_a_test_that_is_not_there_is_missed() -> None:
    file = "tests/security/test_threat_model.py"
    name = test_a_test_that_is_not_there_is_missed.__name__
    assert missing(f"`{file}::{name}`") == []
    assert missing(f"`{file}::test_gone`, `tests/security/gone.py::{name}`") == [
        f"{file}::test_gone",
        f"tests/security/gone.py::{name}",
    ]


def test_every_test_of_this_folder_is_named() -> None:
    """A file of tests that the table does not name is a threat that it forgot."""
    named = {file for row in rows() for file, _ in NAMED.findall(row)}
    here = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert here - named == {"tests/security/test_threat_model.py"}


def test_what_is_counted_elsewhere_is_there() -> None:
    for entry in ELSEWHERE:
        file, _, name = entry.partition("::")
        assert any(test.startswith(name) for test in functions_of(file)), entry
