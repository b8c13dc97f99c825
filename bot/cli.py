"""The command line: ``retake run | check | migrate | reconcile | backup``.

Owns what is printed and the exit status: 0 done, 1 not done (with a sentence), 2 invalid arguments.
What the commands do is built by ``bot.app``. An error that reaches this module becomes a line here.
"""

import asyncio
import getpass
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Never

import click
import structlog
from pydantic import ValidationError

from bot import __version__
from bot.app import CannotRunError, Role, alone_on, run, run_reconcile
from bot.app.check import examine, examine_config
from bot.app.check.findings import Mark
from bot.domain.errors import StorageUnavailable
from bot.operator.reconcile import Action, Command
from bot.ops.clock import SystemClock
from bot.ops.logging import configure_logging
from bot.providers.catalogue import CatalogueError
from bot.settings import DEFAULT_FILE, Settings, SettingsError, load, missing
from bot.storage import backup as copy_database
from bot.storage import migrate as bring_up_to_date

log = structlog.get_logger(__name__)

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file (default: config.toml here, if there is one).",
)
GENERATION = click.argument("generation")
ROOT = Path(__file__).resolve().parent.parent
FILE = "retake.file"
"""Where click's context keeps which configuration file was read."""


class Cli(click.Group):
    """The commands, and what their errors say."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (CannotRunError, CatalogueError, SettingsError) as error:
            _give_up(str(error))
        except Exception as error:
            if ctx.invoked_subcommand == run_command.name:
                log.critical("stopped", exc_info=error)
            first = _innermost(error)
            where = f"{type(first).__name__} at {_place(first)}"
            _give_up(f"Retake stopped because of an internal error: {where}. Please report this.")


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="retake")
def main() -> None:
    """Make and edit short AI videos by conversation on Discord."""


@main.command("run")
@CONFIG
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ALL.value,
    help="Which half of the work this process does (two processes need PostgreSQL).",
)
def run_command(config: Path | None, role: str) -> None:
    """Run the bot until it receives Ctrl-C or SIGTERM."""
    settings = _settings(config)
    if problems := settings.problems_for_run():
        _give_up(*problems)
    if role != Role.ALL and settings.database.url.startswith("sqlite"):
        _give_up("SQLite supports one process: use --role all, or PostgreSQL in [database] url.")
    configure_logging(
        level=settings.log.level, as_json=settings.log.as_json, secrets=settings.secret_values()
    )
    asyncio.run(_run(settings, Role(role)))


async def _run(settings: Settings, role: Role) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run(settings, role, stop)


@main.command("check")
@CONFIG
@click.option("--config-only", is_flag=True, help="Check only the configuration.")
def check_command(config: Path | None, *, config_only: bool) -> None:
    """Check everything the bot needs: keys, credit, permissions, database, ledger.

    The exit status is 1 if there is a problem. A "note" is worth knowing but no problem.
    """
    settings = _settings(config)
    findings = examine_config(settings) if config_only else asyncio.run(examine(settings))
    for finding in findings:
        click.echo(f"{finding.mark:<9}{finding.sentence}")
    if any(finding.mark is Mark.PROBLEM for finding in findings):
        _give_up()


@main.command("migrate")
@CONFIG
def migrate_command(config: Path | None) -> None:
    """Upgrade the database to the latest schema (every start does this too)."""
    settings = _settings(config)
    try:
        with alone_on(settings):
            before, after = asyncio.run(
                bring_up_to_date(settings.database.url, clock=SystemClock())
            )
    except (StorageUnavailable, ValueError) as error:
        _give_up(f"The database can't be opened: {_reason(error)}")
    if before == after:
        click.echo(f"The database is up to date (schema {after}).")
    else:
        click.echo(f"The database was upgraded from schema {before or 'none'} to {after}.")


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def backup_command(file: Path, config: Path | None) -> None:
    """Copy the database to FILE, consistent even while the bot runs."""
    settings = _settings(config)
    try:
        asyncio.run(copy_database(settings.database.url, file))
    except (StorageUnavailable, ValueError, OSError) as error:
        _give_up(f"No backup was made: {_reason(error)}")
    click.echo(f"The database was copied to {file}.")


@main.group("reconcile", invoke_without_command=True)
@CONFIG
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How far back to list generations that have ended.",
)
@click.pass_context
def reconcile_group(context: click.Context, config: Path | None, days: int) -> None:
    """List generations and money that need attention; end or resume one.

    This works while the bot runs. Every change is written to the audit trail.
    """
    context.obj = config
    if context.invoked_subcommand is None:
        _reconcile(config, Action.LIST, days=days)


@reconcile_group.command("attach")
@GENERATION
@click.argument("task_id", default="")
@CONFIG
@click.pass_context
def attach_command(
    context: click.Context, generation: str, task_id: str, config: Path | None
) -> None:
    """Resume with TASK_ID, a task found at the provider (default: the known one).

    The provider is asked about the task first. An unconfirmed generation continues with it. For a
    generation that has ended, a new one delivers the video in the same place, free of charge.
    """
    _reconcile(config or context.obj, Action.ATTACH, generation=generation, task=task_id)


@reconcile_group.command("release")
@GENERATION
@CONFIG
@click.pass_context
def release_command(context: click.Context, generation: str, config: Path | None) -> None:
    """End an unconfirmed generation and return what is held to the member."""
    _reconcile(config or context.obj, Action.RELEASE, generation=generation)


@reconcile_group.command("settle")
@GENERATION
@CONFIG
@click.pass_context
def settle_command(context: click.Context, generation: str, config: Path | None) -> None:
    """End an unconfirmed generation and count what is held against the member's limit."""
    _reconcile(config or context.obj, Action.SETTLE, generation=generation)


def _reconcile(config: Path | None, action: Action, **fields: Any) -> None:
    try:
        command = Command(action=action, by=_operator(), **fields)
    except ValidationError as error:
        wrong = ", ".join(str(fields[str(fault["loc"][0])]) for fault in error.errors())
        _give_up(f"This is not an id: {wrong!a}.")
    outcome = asyncio.run(run_reconcile(_settings(config), command))
    for line in outcome.lines:
        click.echo(line, err=not outcome.ok)
    sys.exit(0 if outcome.ok else 1)


def _operator() -> str:
    # In a container, the user's number may have no name.
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _settings(config: Path | None) -> Settings:
    """Read the settings. Only internal errors are logged until the bot runs."""
    settings = load(config)
    click.get_current_context().meta[FILE] = (config or DEFAULT_FILE).absolute()
    configure_logging(
        level="critical", as_json=settings.log.as_json, secrets=settings.secret_values()
    )
    return settings


def _reason(error: Exception) -> str:
    if isinstance(error, StorageUnavailable):
        return str(error.facts["reason"])
    return getattr(error, "strerror", None) or str(error)


def _innermost(error: BaseException) -> BaseException:
    # The first error of a group usually caused the others.
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT / "bot")]
    if not ours:
        return "an unknown line"
    return f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno}"


def _give_up(*problems: str) -> Never:
    """Print the problems and which file the settings are in; exit with status 1."""
    file: Path | None = click.get_current_context().meta.get(FILE)
    if file is not None:
        problems += (f"The settings are in {file}." if file.exists() else missing(file),)
    for problem in problems:
        click.echo(problem, err=True)
    sys.exit(1)
