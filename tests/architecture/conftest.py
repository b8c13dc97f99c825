"""What the architecture tests read: the files of the project and their syntax trees."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT, Module

CODE = ("bot", "cogs", "sandbox", "bench", "tests")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Every Python file, tracked or not: a rule holds before the commit, too."""
    found = [
        Module.of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for folder in CODE
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]
    assert found
    return found


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Files that would be published: all but the ignored; without git, all but the well-known."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=30,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        aside = {".git", ".venv", "data", "__pycache__", ".pytest_cache", ".ruff_cache"}
        return [path for path in ROOT.rglob("*") if path.is_file() and not aside & {*path.parts}]
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
