"""What CONTRIBUTING lists under "How to add …" belongs together: a forgotten file is found here."""

import ast
from dataclasses import fields
from pathlib import Path
from typing import get_args

from discord import app_commands

from bot.app.providers import FACTORIES
from bot.domain.quota import LimitChanges, Limits
from bot.providers.catalogue import load_catalogue
from bot.settings.keys import LimitsSettings, Name, ProvidersSettings
from bot.ui.cards.buttons import STYLES
from bot.ui.cards.custom_ids import FORMS, Action
from cogs import EXTENSIONS
from cogs.limits import LimitsCog


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def handled(source: str) -> set[str]:
    """The actions for which a module registers a handler."""
    return {
        key.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AugAssign)
        and ast.unparse(node.target).endswith("client.handlers")
        and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Attribute)
    }


def test_every_provider_has_a_section_models_and_a_factory() -> None:
    providers = set(get_args(Name))
    assert providers <= ProvidersSettings.model_fields.keys()
    assert {offer.provider for offer in load_catalogue().offers} == providers
    assert set(FACTORIES) == providers


def test_every_action_has_a_handler_and_every_button_a_style(root: Path) -> None:
    cogs = [path.read_text(encoding="utf-8") for path in (root / "cogs").glob("*.py")]
    assert {name for source in cogs for name in handled(source)} == {one.name for one in Action}
    # The buttons that turn a page have no style of their own.
    assert set(STYLES) == set(Action) - FORMS - {Action.HISTORY}


def test_a_registered_handler_is_found() -> None:
    assert handled("self.client.handlers |= {Action.EDIT: self.edit}") == {"EDIT"}
    assert handled("self.client.others |= {Action.EDIT: self.edit}") == set()


def test_every_limit_has_a_default_and_an_option() -> None:
    limits = names(Limits)
    assert names(LimitChanges) == limits
    assert set(LimitsSettings.model_fields) == limits
    group = LimitsCog.__cog_app_commands__[0]
    assert isinstance(group, app_commands.Group)
    options = {
        command.name: {option.name for option in command.parameters}
        for command in group.commands
        if isinstance(command, app_commands.Command)
    }
    assert options["server"] == limits
    assert options["user"] == limits | {"member"}


def test_every_cog_is_loaded(root: Path) -> None:
    cogs = {f"cogs.{path.stem}" for path in (root / "cogs").glob("*.py")} - {"cogs.__init__"}
    assert set(EXTENSIONS) == cogs
