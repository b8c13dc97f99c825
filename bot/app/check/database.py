"""The findings about the database: its schema, the ledger, and what needs attention."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta

from bot.app import AnotherBotError, CannotRunError, alone_on
from bot.app.check.findings import Finding, many, note, ok, problem
from bot.app.check.machine import port
from bot.domain.errors import StorageUnavailable
from bot.domain.generation import State
from bot.domain.ports.storage import Transaction
from bot.engine.ownership import DEAD_SECONDS
from bot.ops.clock import SystemClock
from bot.services.cases import Kind, find_cases
from bot.settings import Settings
from bot.storage import SqlStorage, look_into, open_storage

LOOK_BACK = timedelta(days=7)
MAX_ROWS_NAMED = 20
PATIENCE_SECONDS = 600.0
"""Checking a large ledger takes longer than a request may."""


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Check the database: read only while a bot runs, else locked so that none can start."""
    with ExitStack() as stack:
        running = False
        try:
            stack.enter_context(alone_on(settings))
        except AnotherBotError:
            running = True
            yield ok("A bot is running on this database.")
        except CannotRunError as error:
            yield problem(str(error))
            return
        if not running:
            for finding in port(settings):
                yield finding
        opened = look_into if running else open_storage
        try:
            async with opened(
                settings.database.url, clock=SystemClock(), patience_s=PATIENCE_SECONDS
            ) as storage:
                findings = [finding async for finding in _books(storage)]
        except (StorageUnavailable, ValueError) as error:
            reason = error.facts["reason"] if isinstance(error, StorageUnavailable) else error
            yield problem(f"The database can't be opened: {reason}.")
            return
        for finding in findings:
            yield finding


async def _books(storage: SqlStorage) -> AsyncIterator[Finding]:
    counts = await storage.read(lambda tx: tx.generations.count_open())
    faults = await storage.read(lambda tx: tx.ledger.faults())
    yield ok(f"The database opens; {many(sum(counts.values()))} in progress.")
    for fault in faults:
        yield problem(f"The ledger is wrong: {fault}.")
    if not faults:
        yield ok("The ledger adds up.")
    await storage.read(lambda tx: tx.generations.look_through())
    if unconfirmed := counts.get(State.SUBMIT_UNKNOWN, 0):
        yield note(f"{many(unconfirmed)} unconfirmed: see `retake reconcile`.")
    now = SystemClock().now()
    found = await storage.read(lambda tx: find_cases(tx, since=now - LOOK_BACK))
    cases = [case for case in found if case.kind is not Kind.UNCONFIRMED]
    if cases:
        days = LOOK_BACK.days
        ended = many(len(cases), "has", "have")
        yield note(
            f"{ended} ended in the last {days} days and may need attention: see `retake reconcile`."
        )

    damaged = storage.set_aside()
    for row in sorted(damaged)[:MAX_ROWS_NAMED]:
        yield problem(f"The row of {row} can't be read and is skipped: {damaged[row]}.")
    if (more := len(damaged) - MAX_ROWS_NAMED) > 0:
        yield problem(f"{more} more rows can't be read.")

    async def silent(tx: Transaction) -> int:
        dead_before = await tx.workers.clock(now) - timedelta(seconds=DEAD_SECONDS)
        return sum(beat < dead_before for beat in (await tx.workers.beats()).values())

    if count := await storage.read(silent):
        workers, work = (
            ("1 worker has", "its") if count == 1 else (f"{count} workers have", "their")
        )
        yield note(f"{workers} stopped responding; a running bot will take over {work} work.")
