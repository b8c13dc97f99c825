"""The documentation is complete and true: error codes, commands, and what pages name and link to.

The tests of the settings check the example configuration.
"""

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

from bot.domain.errors import Code


def documented_codes(page: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)


def all_commands() -> dict[str, list[str]]:
    """Every slash command by its whole name, with its options."""
    package = importlib.import_module("cogs")
    found: dict[str, list[str]] = {}
    for info in pkgutil.walk_packages(package.__path__, "cogs."):
        for thing in vars(importlib.import_module(info.name)).values():
            if isinstance(thing, type) and issubclass(thing, commands.Cog):
                found |= options_in(thing)
    return found


def options_in(cog: type[commands.Cog]) -> dict[str, list[str]]:
    # The group that a GroupCog is exists with its instance only; its name is known before.
    group = f"{cog.__cog_group_name__} " if issubclass(cog, commands.GroupCog) else ""
    return {
        group + name: options
        for command in cog.__cog_app_commands__
        for name, options in options_of(command).items()
    }


def options_of(
    command: app_commands.Command[Any, ..., Any] | app_commands.Group,
) -> dict[str, list[str]]:
    if isinstance(command, app_commands.Group):
        return {
            name: options
            for child in command.commands
            for name, options in options_of(child).items()
        }
    return {command.qualified_name: [option.display_name for option in command.parameters]}


def sections(page: str) -> dict[str, str]:
    """The page by its headings: `## /limits show` and what follows."""
    parts = re.split(r"^#{2,4} `?/([\w -]+?)`?\s*$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_error_code_is_explained_and_no_other(root: Path) -> None:
    reported = documented_codes((root / "docs/reference/errors.md").read_text(encoding="utf-8"))
    assert sorted(reported) == sorted(code.value for code in Code)


def test_every_command_and_option_is_explained_and_no_other(root: Path) -> None:
    reported = sections((root / "docs/reference/commands.md").read_text(encoding="utf-8"))
    real = all_commands()
    assert set(reported) == set(real)
    missing = [
        f"/{name}: {option}"
        for name, options in real.items()
        for option in options
        if not re.search(rf"`{re.escape(option)}`", reported[name])
    ]
    assert missing == []


def test_commands_are_found_in_cogs_groups_and_group_cogs() -> None:
    class Plain(commands.Cog):
        limits = app_commands.Group(name="limits", description="x")

        @app_commands.command()
        @app_commands.rename(ratio="aspect_ratio")
        async def video(self, _: discord.Interaction, prompt: str, ratio: str) -> None: ...

        @limits.command()
        async def show(self, _: discord.Interaction) -> None: ...

    class Grouped(commands.GroupCog, group_name="privacy"):
        @app_commands.command()
        async def erase(self, _: discord.Interaction) -> None: ...

    assert options_in(Plain) == {"video": ["prompt", "aspect_ratio"], "limits show": []}
    assert options_in(Grouped) == {"privacy erase": []}


@pytest.mark.parametrize("heading", ["## /quota", "### `/limits user`"])
def test_headings_name_commands(heading: str) -> None:
    assert list(sections(f"# Commands\n\n{heading}\ntext\n")) == [heading.strip("#` /")]


FOLDERS = ("bot", "cogs", "sandbox", "tests", "bench", "docs", "requirements", ".ci")
LINK = re.compile(r"\]\((?!\w+://)([^)#\s]*)(?:#([^)\s]*))?\)")
CODE = re.compile(r"`([^`\n]+)`")
DECLARED = re.compile(r"((?:`\w+`(?:, | and )?)+) in `([\w./]+\.py)`")


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+?)\s*$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(name: str, root: Path) -> bool:
    """True if a path or a dotted module exists; ``<name>`` in a path stands for any name."""
    if "/" not in name:
        name = name.replace(".", "/")
    pattern = re.sub(r"<\w+>", "*", name.strip("/"))
    return any(any(root.glob(candidate)) for candidate in (pattern, f"{pattern}.py"))


def untrue(text: str, page: Path, root: Path) -> list[str]:
    """Return the links, paths, modules and declarations that a page names and that do not exist."""
    found: list[str] = []
    for target, anchor in LINK.findall(text):
        file = page.parent / target if target else page
        if not file.exists():
            found.append(target)
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            found.append(f"{target}#{anchor}")
    for code in CODE.findall(text):
        name = re.sub(r"^python -m |^\./|::.*$", "", code).partition(" ")[0]
        inside = re.fullmatch(r"[\w<>-]*\.?[\w<>-]+([./][\w<>.-]+)+/?", name)
        if inside and re.split(r"(?<=\w)[./]", name)[0] in FOLDERS and not is_there(name, root):
            found.append(name)
    for names, file in DECLARED.findall(text):
        if (root / file).is_file():
            declared = top_level_names((root / file).read_text(encoding="utf-8"))
            found += [f"{name} in {file}" for name in CODE.findall(names) if name not in declared]
    return found


def top_level_names(source: str) -> set[str]:
    """The names that a module binds at its top level, imports left out."""
    names: set[str] = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case _:
                pass
    return names


def test_what_the_pages_name_and_link_to_exists(root: Path, tracked: list[Path]) -> None:
    pages = [path for path in tracked if path.suffix == ".md"]
    assert root / "docs/reference/architecture.md" in pages
    wrong = {
        str(page.relative_to(root)): names
        for page in pages
        if (names := untrue(page.read_text(encoding="utf-8"), page, root))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        "[gone](docs/gone.md)",
        "[gone](README.md#no-such-heading)",
        "[gone](#no-such-heading)",
        "`bot/gone`",
        "`bot/gone/`",
        "`bot/domain/gone.py`",
        "`tests/unit/gone.py::test_something`",
        "`bot/gone/<name>.py`",
        "`bot.domain.gone`",
        "`python -m bench.gone --long`",
        "`.ci/gone`",
        "`Code` and `Gone` in `bot/domain/errors.py`",
    ],
)
def test_a_name_that_does_not_exist_is_found(root: Path, line: str) -> None:
    assert untrue(line, root / "README.md", root) != []


@pytest.mark.parametrize(
    "line",
    [
        "[commands](docs/reference/commands.md#limits-user) [web](https://example.org/gone)",
        "`bot/domain` `bot/domain/` `bot/domain/errors.py` `bot/providers/<name>/`",
        "`bot.domain.errors` `python -m bench.ack --quick` `.ci/run --long`",
        "`tests/architecture/test_documentation.py::untrue`",
        "`Code` and `Refused` in `bot/domain/errors.py`",
        "`bot` `data/retake.db` `application/json` `discord.py`",
    ],
)
def test_a_name_that_exists_is_accepted(root: Path, line: str) -> None:
    assert untrue(line, root / "README.md", root) == []


def test_every_page_is_reached_from_the_readme(root: Path, tracked: list[Path]) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    linked = {target for target, _ in LINK.findall(readme)}
    pages = {str(path.relative_to(root)) for path in tracked if path.suffix == ".md"}
    in_docs = {page for page in pages if page.startswith("docs/")}
    listed = {page for page in in_docs if any(page.startswith(t) for t in linked if t)}
    assert in_docs - listed == {"docs/reference/licenses.md"}
