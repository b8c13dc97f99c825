"""Rules of the house that no linter knows, each also seen to find what it forbids."""

import ast
from pathlib import Path

import pytest

from tests.architecture.rules import (
    Module,
    Rule,
    access_decisions,
    clock_reads,
    found,
    loose_tasks,
    raised_in_groups,
    sleeps,
    started_tasks,
    traces,
    wide_handlers,
)

BOT = ("bot/", "cogs/")

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "constants", "manager", "base"}
MOST_LINES = {"bot/": 400, "cogs/": 400, "sandbox/": 400, "bench/": 600, "tests/": 600}

STARTS_TASKS = ("bot/app", "bot/engine/worker", "bot/engine/pools")
WALLS = (
    "bot/cli",
    "bot/engine/worker",
    "bot/engine/recovery",
    "bot/engine/status_news",
    "bot/ui/messenger/status_editor",
)
CLOCKS = ("bot/app", "bot/ops/clock")

TEXT = {"", ".py", ".toml", ".md", ".txt", ".yaml", ".yml", ".html", ".css", ".js", ".sh", ".po"}


def test_modules_are_named_by_a_noun_of_the_field(modules: list[Module]) -> None:
    vague = [
        module.name
        for module in modules
        if VAGUE_NAMES & set(Path(module.name).with_suffix("").parts)
    ]
    assert vague == []


def test_every_module_opens_with_what_it_owns(modules: list[Module]) -> None:
    silent = [
        module.name
        for module in modules
        if module.tree.body and not (ast.get_docstring(module.tree) or "").strip()
    ]
    assert silent == []


def test_modules_stay_short(modules: list[Module]) -> None:
    long = [
        f"{module.name}: {lines}"
        for module in modules
        for folder, most in MOST_LINES.items()
        if module.name.startswith(folder) and (lines := len(module.text.splitlines())) > most
    ]
    assert long == []


def test_every_folder_of_code_is_a_package(root: Path) -> None:
    """The import contracts do not see a folder without it."""
    bare = [
        str(folder.relative_to(root))
        for top in ("bot", "cogs", "sandbox")
        for folder in sorted({path.parent for path in (root / top).rglob("*.py")})
        if not (folder / "__init__.py").exists()
    ]
    assert bare == []


def test_tasks_start_in_app_and_scheduler_only(modules: list[Module]) -> None:
    assert found(modules, started_tasks, within=BOT, besides=STARTS_TASKS) == []


def test_every_task_belongs_to_a_group(modules: list[Module]) -> None:
    assert found(modules, loose_tasks, within=BOT) == []


def test_only_the_outer_walls_catch_everything(modules: list[Module]) -> None:
    assert found(modules, wide_handlers, within=BOT, besides=WALLS) == []


def test_nothing_is_raised_within_a_handler_of_groups(modules: list[Module]) -> None:
    assert found(modules, raised_in_groups, within=BOT) == []


def test_the_clock_is_read_through_its_port(modules: list[Module]) -> None:
    assert found(modules, clock_reads, within=BOT, besides=CLOCKS) == []


def test_only_the_services_decide_who_may(modules: list[Module]) -> None:
    assert found(modules, access_decisions, within=BOT, besides=("bot/services",)) == []


def test_tests_do_not_sleep(modules: list[Module]) -> None:
    assert found(modules, sleeps, within=("tests/",)) == []


def test_no_trace_of_a_machine_is_published(tracked: list[Path], root: Path) -> None:
    left = [
        f"{path.relative_to(root)}:{trace}"
        for path in tracked
        if path.suffix in TEXT and path != Path(__file__)
        for trace in traces(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert left == []


@pytest.mark.parametrize(
    "line",
    [
        "data = open('/home/mira/retake/clip.mp4')",
        "cd /" + "work/main",
        "see https://pypi.org/simple",
        "pip install --extra-index-url https://mirror.local x",
    ],
)
def test_a_trace_is_seen(line: str) -> None:
    assert list(traces(line))


@pytest.mark.parametrize(
    "line", ["--no-emit-index-url", "https://host/work/page is fine", "the /jobs command"]
)
def test_an_innocent_line_is_left_alone(line: str) -> None:
    assert not list(traces(line))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (wide_handlers, "try:\n    x()\nexcept Exception:\n    pass"),
        (wide_handlers, "try:\n    x()\nexcept:\n    pass"),
        (wide_handlers, "try:\n    x()\nexcept (KeyError, BaseException):\n    pass"),
        (wide_handlers, "try:\n    x()\nexcept Exception:\n    raise"),
        (raised_in_groups, "try:\n    x()\nexcept* OSError as e:\n    raise e.exceptions[0]"),
        (started_tasks, "group.create_task(x())"),
        (started_tasks, "async with TaskGroup() as a, lock as b:\n    b.create_task(x())"),
        (loose_tasks, "asyncio.create_task(x())"),
        (loose_tasks, "self.bot.loop.create_task(x())"),
        (loose_tasks, "asyncio.ensure_future(x())"),
        (loose_tasks, "asyncio.get_running_loop().create_task(x())"),
        (clock_reads, "await asyncio.sleep(1)"),
        (clock_reads, "now = datetime.now(UTC)"),
        (sleeps, "time.sleep(delay)"),
        (access_decisions, "from bot.domain.access import Viewer, visible"),
    ],
)
def test_a_planted_fault_is_seen(rule: Rule, code: str) -> None:
    assert len(found([Module.of("bot/planted.py", code)], rule, within=BOT)) == 1


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (wide_handlers, "try:\n    x()\nexcept BaseException:\n    clean()\n    raise"),
        (wide_handlers, "try:\n    x()\nexcept KeyError:\n    pass"),
        (started_tasks, "async with asyncio.TaskGroup() as group:\n    group.create_task(x())"),
        (loose_tasks, "group.create_task(x())"),
        (clock_reads, "await asyncio.sleep(0)"),
        (access_decisions, "from bot.domain.access import Viewer"),
    ],
)
def test_what_is_allowed_is_left_alone(rule: Rule, code: str) -> None:
    assert found([Module.of("bot/planted.py", code)], rule, within=BOT) == []
