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

FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "

# For each contract: a module and the line that must not be in there.
VIOLATIONS = {
    "floors": [
        ("bot.domain", "import bot.services"),
        ("bot.engine", "import bot.services"),
        ("bot.storage", "import bot.media"),
        ("bot.settings", "import bot.ops"),
        ("bot.ui", "import bot.web"),
        ("bot.ui", "import cogs"),
        ("bot.operator", "import bot.app"),
        ("bot.cli", "import sandbox"),
    ],
    "ui": [
        ("bot.ui.text", "import bot.ui.cards"),
        ("bot.ui.cards", "import bot.ui.inbound"),
        ("bot.ui.messenger", "import bot.ui.inbound"),
        ("bot.ui.inbound", "import bot.ui.messenger"),
    ],
    "standin": [
        ("sandbox.discord.state", "import sandbox.discord.rules"),
        ("sandbox.discord.rules", "import sandbox.discord.render"),
        ("sandbox.discord.render", "import sandbox.discord.core"),
        ("sandbox.discord.core", "import sandbox.discord.behaviour"),
        ("sandbox.discord.behaviour", "import sandbox.discord.wire"),
        ("sandbox.discord.wire", "import sandbox.discord.control"),
        ("sandbox.discord.control", "import sandbox.discord.standin"),
    ],
    "pure": [
        ("bot.domain", "import httpx"),
        ("bot.engine", "import aiohttp"),
        ("bot.services", "import discord"),
    ],
    "cogs": [
        ("cogs", "import bot.storage"),
        ("cogs", "import sqlalchemy"),
    ],
    "discord": [("bot.providers", "import discord"), ("bot.web", "import discord")],
    "sql": [("bot.ui", "import sqlalchemy")],
    "http": [("bot.media", "import httpx")],
    "settings": [("cogs", "import bot.settings"), ("bot.ui", "import bot.settings")],
    "ports": [("bot.services", "import bot.storage"), ("bot.engine", "import bot.settings")],
    "circles": [
        ("bot.ui.text", "import bot.ui.cards"),
        ("sandbox.discord.core", FOR_TYPES + "import sandbox.discord.standin"),
    ],
}


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # The interpreter's safe path keeps an installed or current copy from being checked instead.
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
    above = [f"{name}." for name in contract.get("containers", ())] or [""]
    layers = [
        f"{outer}{name.strip()}"
        for outer in above
        for layer in contract.get("layers", ())
        for name in re.split("[|:]", layer)
    ]
    lists = ("containers", "source_modules", "forbidden_modules")
    named = [*layers, *(name for key in lists for name in contract.get(key, ()))]
    return {name.strip() for name in named if name.strip().split(".")[0] in OURS}


@pytest.fixture
def bare_house(root: Path, tmp_path: Path) -> Path:
    """The rooms without furniture under the real contracts, so that only what is planted counts."""
    rooms = {room for contract in contracts(root) for room in rooms_in(contract)}
    for room in sorted(rooms | {"bot"}):
        folder = tmp_path.joinpath(*room.split("."))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    # Imports that go down: the opposite of each closes a circle.
    for above, below in (
        ("bot/ui/cards", "bot.ui.text"),
        ("sandbox/discord/standin", "sandbox.discord.core"),
    ):
        (tmp_path / above / "__init__.py").write_text(f"import {below}\n", encoding="utf-8")
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
    assert place.rpartition(".")[2] in result.stdout


def test_every_room_is_on_a_floor(root: Path) -> None:
    """A new module of `bot` must be given its floor, else no contract would check it."""
    floors = next(contract for contract in contracts(root) if contract["id"] == "floors")
    rooms = {
        f"bot.{path.stem}"
        for path in (root / "bot").iterdir()
        if path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py")))
    }
    assert rooms - {"bot.__init__"} <= rooms_in(floors)
