"""What CONTRIBUTING lists under "How to add …" belongs together: a forgotten file is found here."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

from bot.app.providers import FACTORIES
from bot.domain.errors import Code
from bot.domain.limits import MEASURES
from bot.providers.catalogue import load_catalogue
from bot.settings.keys import LimitsSettings, Name, ProvidersSettings
from bot.ui.cards.buttons import STYLES
from bot.ui.cards.custom_ids import FORMS, Action
from cogs import EXTENSIONS


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


def test_every_measure_has_a_code_and_a_default() -> None:
    measures = set(MEASURES)
    codes = {code.removeprefix("quota_") for code in Code if code.startswith("quota_")}
    assert codes == measures
    assert set(LimitsSettings.model_fields) == measures | {"period"}


PLANTED = {
    "bot/domain/limits.py": [
        (
            "    concurrent: int | None = None\n",
            "    frames: int | None = _counted(lambda plan: 24 * plan.seconds)\n",
        ),
        ("""    MEMBER = "member"\n""", """    ROLE = "role"\n"""),
    ],
    "bot/domain/errors.py": [
        ("""    QUOTA_SECONDS =""", """    QUOTA_FRAMES = "quota_frames"\n"""),
    ],
    "bot/settings/keys.py": [
        (
            "    concurrent: Whole",
            "    frames: Whole = Field(default=240, ge=0, description=_COUNT)\n",
        ),
    ],
    "bot/ui/locales/en.toml": [
        (
            "[code.quota_seconds]",
            '[code.quota_frames]\ntext = "{used} of {limit}."\nplain = "No."\n',
        ),
        ('title = "### Your quota"', 'frames = "Frames: {used} of {limit}"\n'),
        ('title = "### Limits in this server"', 'frames = "{frames} frames"\n'),
        ("left.seconds =", 'left.frames = "{left} frames left."\n'),
        ("""show = "Show the limits""", 'frames = "Frames per period"\n'),
    ],
}
"""For a limit, by file: the text that an addition stands before, and the addition."""


def test_a_new_measure_and_a_new_scope_need_nothing_else(root: Path, tmp_path: Path) -> None:
    listed = (root / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    (row,) = (line for line in listed if line.startswith("| a limit |"))
    assert [name for name in PLANTED if f"`{name}`" not in row] == []
    for folder in ("bot", "cogs"):
        shutil.copytree(
            root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name, additions in PLANTED.items():
        path = tmp_path / name
        text = path.read_text(encoding="utf-8")
        for before, added in additions:
            assert text.count(before) == 1, (name, before)
            text = text.replace(before, added + before)
        path.write_text(text, encoding="utf-8")
    script = Path(__file__).with_name("planted_limit.py")
    shutil.copy(script, tmp_path)
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_cog_is_loaded(root: Path) -> None:
    cogs = {f"cogs.{path.stem}" for path in (root / "cogs").glob("*.py")} - {"cogs.__init__"}
    assert set(EXTENSIONS) == cogs
