"""The floors of the house: the contracts hold, and each one is seen to fail when it is broken."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

LINTER = Path(sys.executable).with_name("lint-imports")
OURS = ("bot", "cogs", "sandbox")

# For each contract: a module and the line that must not be in there.
VIOLATIONS = {
    "floors": [
        ("bot.domain", "import bot.services"),
        ("bot.services", "import bot.storage"),
        ("bot.storage", "import bot.media"),
        ("bot.ui", "import cogs"),
        ("cogs", "import bot.settings"),
        ("bot.cli", "import sandbox"),
    ],
    "pure": [
        ("bot.domain", "import httpx"),
        ("bot.services", "import discord"),
    ],
    "doors": [
        ("cogs", "import bot.storage"),
        ("cogs", "import sqlalchemy"),
    ],
    "discord": [("bot.providers", "import discord")],
    "sql": [("bot.ui", "import sqlalchemy")],
    "http": [("bot.media", "import httpx")],
    "settings": [("bot.settings", "import bot.ops")],
}


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # The interpreter's safe path keeps an installed or current copy from being judged instead.
    return subprocess.run(
        [str(LINTER), "--no-logo", "--no-cache", "--config", "pyproject.toml", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def contracts(root: Path) -> list[dict[str, Any]]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["importlinter"]["contracts"]


def rooms_in(contract: dict[str, Any]) -> set[str]:
    """Our own modules that a contract names."""
    layers = [name for layer in contract.get("layers", ()) for name in re.split("[|:]", layer)]
    named = [*layers, *contract.get("source_modules", ()), *contract.get("forbidden_modules", ())]
    return {name.strip() for name in named if name.strip().split(".")[0] in OURS}


@pytest.fixture
def bare_house(root: Path, tmp_path: Path) -> Path:
    """The rooms without furniture under the real contracts, so that only what is planted counts."""
    rooms = {room for contract in contracts(root) for room in rooms_in(contract)}
    for room in sorted(rooms | {"bot"}):
        folder = tmp_path.joinpath(*room.split("."))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(root: Path) -> None:
    result = lint(root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_contract_has_a_violation_to_find(root: Path) -> None:
    assert {contract["id"] for contract in contracts(root)} == set(VIOLATIONS)


def test_the_bare_house_keeps_them_all(bare_house: Path) -> None:
    """Else a planted violation could be found for another reason."""
    result = lint(bare_house)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("contract", "place", "line"),
    [(name, place, line) for name, planted in VIOLATIONS.items() for place, line in planted],
)
def test_a_planted_violation_is_found(
    bare_house: Path, contract: str, place: str, line: str
) -> None:
    bare_house.joinpath(*place.split("."), "__init__.py").write_text(f"{line}\n", encoding="utf-8")
    result = lint(bare_house, "--contract", contract)
    assert result.returncode != 0, result.stdout
    assert "BROKEN" in result.stdout, result.stdout + result.stderr
    assert place in result.stdout


def test_every_room_is_on_a_floor(root: Path) -> None:
    """A new module of `bot` must be given its floor, else nothing would judge it."""
    floors = next(contract for contract in contracts(root) if contract["id"] == "floors")
    rooms = {
        f"bot.{path.stem}"
        for path in (root / "bot").iterdir()
        if path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py")))
    }
    assert rooms - {"bot.__init__"} <= rooms_in(floors)
