"""Pages for operators and members state facts: quoted sentences, defaults, units, limits.

The tests of the documentation check names and links; the tests of the costs check prices.
"""

import ast
import configparser
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app import open_catalogue
from bot.settings import load
from bot.settings.keys import MediaSettings
from tests.architecture.rules import ROOT, Module
from tests.architecture.test_documentation import all_commands

QUOTING = (
    "docs/howto/first-live-run.md",
    "docs/howto/keys.md",
    "docs/howto/troubleshooting.md",
)
"""The pages in which “…” is a sentence of the bot; a value in it is written as …"""

NOT_OURS = {"The application did not respond"}
"""Sentences of Discord."""

LONGEST_MESSAGE = 2000
"""The most characters of one of a member's messages in Discord."""


def sentences(table: dict[str, Any]) -> Iterator[str]:
    """Every sentence of a language, with … for each placeholder."""
    for value in table.values():
        if isinstance(value, dict):
            yield from sentences(value)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield re.sub(r"\{[^}]*\}", "…", str(value))


def texts(module: Module) -> Iterator[str]:
    """Every string of a module, with … for each value in it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
            )


@pytest.fixture(scope="session")
def spoken(root: Path, modules: list[Module]) -> list[str]:
    """Everything that the bot can say."""
    english = tomllib.loads((root / "bot/ui/locales/en.toml").read_text(encoding="utf-8"))
    code = [text for one in modules if one.name.startswith("bot/") for text in texts(one)]
    return [*sentences(english), *code]


def unspoken(page: str, spoken: list[str]) -> list[str]:
    """Return the quotations of a page that are in none of the bot's sentences."""
    quoted = {re.sub(r"\s+", " ", quote).strip(" …") for quote in re.findall("“([^”]+)”", page)}
    return sorted(quote for quote in quoted - NOT_OURS if not any(quote in text for text in spoken))


@pytest.mark.parametrize("page", QUOTING)
def test_what_a_page_quotes_is_what_the_bot_says(root: Path, page: str, spoken: list[str]) -> None:
    text = (root / page).read_text(encoding="utf-8")
    assert "“" in text
    assert unspoken(text, spoken) == []


def test_a_quotation_that_the_bot_never_says_is_found(spoken: list[str]) -> None:
    page = "“I can't find that video, or you don't have access to it here.” “I lost it.”"
    assert unspoken(page, spoken) == ["I lost it."]


def test_the_page_for_members_fits_into_one_message(root: Path) -> None:
    page = (root / "docs/members.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    assert len(text) <= LONGEST_MESSAGE
    assert {name for name in re.findall(r"`/(\w+)`", text) if name not in all_commands()} == set()


def test_the_text_on_privacy_fits_into_one_message_and_names_the_default(root: Path) -> None:
    page = (root / "docs/privacy.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    assert len(text) <= LONGEST_MESSAGE
    days = MediaSettings().retention_days
    assert f"for {days} days" in text
    assert f"`[media] retention_days` ({days})" in page


def test_what_it_needs_is_what_was_measured(root: Path) -> None:
    page = (root / "docs/reference/requirements.md").read_text(encoding="utf-8")
    measured = (root / "docs/reference/performance.md").read_text(encoding="utf-8")
    for figure in ("134", "147", "450 MiB", "100 megapixels", "20 MiB"):
        assert figure in page, figure
        assert figure in measured, figure
    assert "about 110 MiB" in page
    assert "| Retake | 111 MiB |" in measured
    kept, pruned = re.findall(
        r"\*\*GiB per million videos\*\* \| ([\d.]+) \| \*\*([\d.]+)", measured
    )[0]
    per_thousand = [f"{float(gib) * 1024 / 1000:.1f} MiB" for gib in (kept, pruned)]
    assert f"{per_thousand[0]} while their content is kept, {per_thousand[1]} after" in page
    media = MediaSettings()
    assert f"`max_gib` ({media.max_gib} GiB), for `retention_days` ({media.retention_days})" in page


def unit(root: Path) -> str:
    page = (root / "docs/howto/systemd.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    return re.sub(r"^ {3}", "", block, flags=re.MULTILINE)


def test_the_unit_runs_the_launcher_of_its_folder(root: Path) -> None:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]
    parsed.read_string(unit(root))
    service = parsed["Service"]
    program, command = service["ExecStart"].split()
    assert Path(program).parent == Path(service["WorkingDirectory"])
    assert command == "run"
    assert Path(program).is_relative_to(service["ReadWritePaths"])
    assert (root / Path(program).name).is_file()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_unit(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "retake.service"
    here = unit(root).replace("/opt/retake/app", str(root)).replace("User=retake\n", "")
    file.write_text(here, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in checked.stderr.splitlines() if "retake" in line]
    assert (checked.returncode, ours) == (0, [])


def unknown_settings(page: str, example: dict[str, Any]) -> list[str]:
    """Return the settings that a page names and config.example.toml does not have."""
    named = [(path.split("."), key) for path, key in re.findall(r"`\[([\w.]+)\] (\w+)", page)]
    for variable in re.findall(r"\bRETAKE__(\w+)", page):
        *section, key = variable.lower().split("__")
        named.append((section, key))
    found: list[str] = []
    for section, key in named:
        table: Any = example
        for name in section:
            table = table.get(name, {})
        if key not in table:
            found.append(f"[{'.'.join(section)}] {key}")
    return found


def test_every_setting_that_a_page_names_exists(root: Path, tracked: list[Path]) -> None:
    example = tomllib.loads((root / "config.example.toml").read_text(encoding="utf-8"))
    wrong = {
        path.name: unknown
        for path in tracked
        # The changelog also names settings that are gone.
        if path.suffix == ".md" and path.name != "CHANGELOG.md"
        if (unknown := unknown_settings(path.read_text(encoding="utf-8"), example))
    }
    assert wrong == {}
    page = "`[http] prot` RETAKE__HTTP__PORT `[providers.evolink] api_key` RETAKE__DISCORD__TOKN"
    assert unknown_settings(page, example) == ["[http] prot", "[discord] tokn"]


def configurations(root: Path) -> dict[str, str]:
    """Every example of a configuration in the pages, by its page."""
    return {
        f"{path.relative_to(root)}:{number}": re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
        for number, (indent, body) in enumerate(
            re.findall(
                r"^( *)```toml\n(.*?)^ *```",
                path.read_text(encoding="utf-8"),
                re.DOTALL | re.MULTILINE,
            ),
            start=1,
        )
    }


@pytest.mark.parametrize("name", configurations(ROOT))
def test_every_example_of_a_configuration_is_accepted(name: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(configurations(ROOT)[name], encoding="utf-8")
    open_catalogue(load(file))
