"""Rules of the house that no linter knows, as functions over a syntax tree.

Each yields the lines that break it. Which folders a rule holds in is the tests' business.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Rule = Callable[[ast.AST], Iterator[int]]

CLOCK_CALLS = {
    "asyncio.sleep",
    "time.sleep",
    "time.time",
    "time.monotonic",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "discord.utils.utcnow",
}

# Written in pieces, so that this file does not find itself.
LOCAL_TRACES = {
    "a path of somebody's machine": r"(?<![\w.<$}])/(?:home|root|Users|work)/\w",
    "the host of a package registry": r"\b(?:{}\.org|{}\.org|{}\.(?:org|com))\b".format(
        "pypi", "pythonhosted", "npmjs"
    ),
    "the address of an index": r"--(?:extra-)?index-{}\s*[= ]\s*\S".format("url"),
}


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Python file: its path from the project's folder, its text and its tree."""

    name: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, name: str, text: str) -> "Module":
        return cls(name=name, text=text, tree=ast.parse(text))


def found(
    modules: Iterable[Module],
    rule: Rule,
    *,
    within: tuple[str, ...],
    besides: tuple[str, ...] = (),
) -> list[str]:
    """Where modules in some folders, but not in others, break a rule."""
    return [
        f"{module.name}:{line}"
        for module in modules
        if module.name.startswith(within) and not module.name.startswith(besides or ("\0",))
        for line in rule(module.tree)
    ]


def dotted(node: ast.AST | None) -> str:
    """`a.b().c` as "a.b.c"; what is neither a name, an attribute nor a call is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def started_tasks(tree: ast.AST) -> Iterator[int]:
    """Starts of tasks that may outlive the statement they are in.

    Those of a group opened around them do not: they are done when the block is.
    """
    contained = {
        id(call)
        for block in ast.walk(tree)
        if isinstance(block, ast.AsyncWith)
        for item in block.items
        if dotted(item.context_expr).rsplit(".", 1)[-1] == "TaskGroup" and item.optional_vars
        for call in ast.walk(block)
        if isinstance(call, ast.Call)
        and dotted(call.func) == f"{dotted(item.optional_vars)}.create_task"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in contained:
            last = dotted(node.func).rsplit(".", 1)[-1]
            if last in {"create_task", "ensure_future"}:
                yield node.lineno


def loose_tasks(tree: ast.AST) -> Iterator[int]:
    """Starts of a task that no group waits for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, _, last = dotted(node.func).rpartition(".")
            on_loop = owner.rsplit(".", 1)[-1] in {
                "",
                "asyncio",
                "loop",
                "_loop",
            } or owner.endswith(("get_running_loop", "get_event_loop"))
            if last == "ensure_future" or (last == "create_task" and on_loop):
                yield node.lineno


def wide_handlers(tree: ast.AST) -> Iterator[int]:
    """Handlers that take every exception; to clean up after BaseException and raise it is fine."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {dotted(each) for each in types}
            last = node.body[-1]
            cleans_up = (
                names == {"BaseException"}
                and isinstance(last, ast.Raise)
                and (last.exc is None or dotted(last.exc) == node.name)
            )
            if names & {"", "Exception", "BaseException"} and not cleans_up:
                yield node.lineno


def raised_in_groups(tree: ast.AST) -> Iterator[int]:
    """``raise`` within ``except*``: Python 3.11.2, Debian 12's, wraps it in a group again."""
    for node in ast.walk(tree):
        if isinstance(node, ast.TryStar):
            handled = (each for handler in node.handlers for each in ast.walk(handler))
            yield from (each.lineno for each in handled if isinstance(each, ast.Raise))


def clock_reads(tree: ast.AST) -> Iterator[int]:
    """Reading the clock or sleeping; giving way to others (a sleep of 0) is neither."""
    return _calls(tree, CLOCK_CALLS)


def sleeps(tree: ast.AST) -> Iterator[int]:
    """Waiting for time to pass instead of for an event."""
    return _calls(tree, {"asyncio.sleep", "time.sleep"})


def access_decisions(tree: ast.AST) -> Iterator[int]:
    """Lines that import more from ``bot.domain.access`` than the viewer."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "bot.domain.access":
            yield from (node.lineno for name in node.names if name.name != "Viewer")


def _calls(tree: ast.AST, names: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in names:
            first = node.args[0] if node.args else None
            if not (isinstance(first, ast.Constant) and first.value == 0):
                yield node.lineno


def traces(text: str) -> Iterator[str]:
    """What tells of the machine a line was written on."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in LOCAL_TRACES.items():
            if re.search(pattern, line):
                yield f"{number}: {what}"
