"""The reference says everything there is, and nothing that is not: error codes and commands.

That the example configuration does so too is told by the tests of the settings.
"""

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
    told = documented_codes((root / "docs/reference/errors.md").read_text(encoding="utf-8"))
    assert sorted(told) == sorted(code.value for code in Code)


def test_every_command_and_option_is_explained_and_no_other(root: Path) -> None:
    told = sections((root / "docs/reference/commands.md").read_text(encoding="utf-8"))
    real = all_commands()
    assert set(told) == set(real)
    missing = [
        f"/{name}: {option}"
        for name, options in real.items()
        for option in options
        if not re.search(rf"`{re.escape(option)}`", told[name])
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
