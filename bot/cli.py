"""The command line: ``retake run | check | migrate | backup``.

Owns what is printed and the exit status. What the commands do is built by ``bot.app``.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import click

from bot import __version__
from bot.app import CannotRunError, Role, run
from bot.check import examine
from bot.domain.errors import StorageUnavailable
from bot.ops.clock import SystemClock
from bot.ops.logging import configure_logging
from bot.providers.catalogue import CatalogueError
from bot.settings import Settings, SettingsError, load
from bot.storage import backup as copy_database
from bot.storage import migrate as bring_up_to_date

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file (default: config.toml here, if there is one).",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
    """Run the bot until it is told to stop (Ctrl-C or SIGTERM)."""
    settings = _settings(config)
    if problems := settings.problems_for_run():
        _give_up(problems)
    if role != Role.ALL and settings.database.url.startswith("sqlite"):
        _give_up(["SQLite serves one process: use --role all, or PostgreSQL in [database] url."])
    configure_logging(
        level=settings.log.level, format_=settings.log.format, secrets=settings.secret_values()
    )
    try:
        asyncio.run(_run(settings, Role(role)))
    except (CannotRunError, CatalogueError) as error:
        _give_up([str(error)])


async def _run(settings: Settings, role: Role) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run(settings, role, stop)


@main.command("check")
@CONFIG
def check_command(config: Path | None) -> None:
    """Look at configuration, keys and balances, ffmpeg, disk, database and ledger."""
    findings = asyncio.run(examine(_settings(config)))
    for finding in findings:
        click.echo(("ok       " if finding.ok else "PROBLEM  ") + finding.sentence)
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


@main.command("migrate")
@CONFIG
def migrate_command(config: Path | None) -> None:
    """Bring the database to the newest schema."""
    try:
        before, after = asyncio.run(
            bring_up_to_date(_settings(config).database.url, clock=SystemClock())
        )
    except StorageUnavailable as error:
        _give_up([f"The database cannot be opened: {error.facts['reason']}"])
    if before == after:
        click.echo(f"The database is up to date (schema {after}).")
    else:
        click.echo(f"The database went from schema {before or 'none'} to {after}.")


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def backup_command(file: Path, config: Path | None) -> None:
    """Copy the database to FILE, consistent even while the bot runs."""
    try:
        asyncio.run(copy_database(_settings(config).database.url, file))
    except (StorageUnavailable, ValueError, OSError) as error:
        facts = getattr(error, "facts", {})
        _give_up([f"No backup was made: {facts.get('reason', error)}"])
    click.echo(f"The database was copied to {file}.")


def _settings(config: Path | None) -> Settings:
    try:
        return load(config)
    except SettingsError as error:
        _give_up(error.problems)


def _give_up(problems: Sequence[str]) -> Never:
    for problem in problems:
        click.echo(problem, err=True)
    sys.exit(1)
