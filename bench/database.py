"""The database after years: its size before and after pruning, and how long it takes to look at.

Its rows are made by ``bench.years``. What is measured: bytes per video and in which table they are,
the adding up of the books (``retake check``), pruning, and what a person waits for.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.report import Report, options
from bench.years import FIRST_SNOWFLAKE, GUILD, LIVES, live, mix, multiply
from bot.domain.catalogue import ProviderName
from bot.domain.ids import GuildId, UserId, new_generation_id
from bot.domain.ports.storage import Transaction
from bot.ops.clock import SystemClock
from bot.storage import SqlStorage, open_storage

ABOUT = "The database: size per video, adding up the books, pruning"
MANY, FEW = 1_000_000, 20_000
GIB, MIB = 2**30, 2**20
PATIENCE_SECONDS = 3600.0
AT_ONCE, MEASURED, REST_AT_ONCE = 50, 200, 1000
"""A bot prunes so many in one transaction; so many of these are measured; the rest goes faster."""

Work = Callable[[Transaction], Awaitable[Any]]


def _connection(tx: Transaction) -> Any:
    return tx.generations._connection  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue]


async def used_bytes(storage: SqlStorage, url: str) -> int:
    """What rows and indexes take; pages that are free again are not counted."""

    async def ask(tx: Transaction) -> int:
        connection = _connection(tx)
        if not url.startswith("sqlite"):
            found = await connection.scalar(text("SELECT pg_database_size(current_database())"))
            return int(found)
        pages = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return (pages[0] - pages[1]) * pages[2]

    return await storage.read(ask)


async def bytes_by_table(storage: SqlStorage, url: str) -> Mapping[str, int]:
    """What each table takes with its indexes; nothing where the database does not tell."""
    if not url.startswith("sqlite"):
        return {}

    async def ask(tx: Transaction) -> dict[str, int]:
        rows = await _connection(tx).exec_driver_sql(
            # Page by page: its own sums of a table do not go beyond 2 GiB.
            "SELECT s.tbl_name, SUM(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name"
            " GROUP BY s.tbl_name ORDER BY 2 DESC"
        )
        return {name: size for name, size in rows if size >= MIB}

    return await storage.read(ask)


async def timed(storage: SqlStorage, work: Work, times: int = 1) -> float:
    """Seconds that a question takes, the median of some."""
    took: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await storage.read(work)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def fill(url: str, count: int, began: datetime) -> None:
    """Write all the rows."""
    async with open_storage(url, clock=SystemClock(), patience_s=PATIENCE_SECONDS) as storage:
        for number, life in enumerate(mix()):
            at = began + timedelta(seconds=number)
            await storage.transact(lambda tx, n=number, way=life, a=at: live(tx, n, way, a))
    times = count // LIVES
    await multiply(url, times, timedelta(days=300) / times)


async def look(storage: SqlStorage, url: str, count: int, report: Report, when: str) -> int:
    """Report sizes and the time that the books take; returns the size of all."""
    size = await used_bytes(storage, url)
    report.add(what=f"GiB per million videos, {when}", figure=_gib(size, count))
    for table, taken in (await bytes_by_table(storage, url)).items():
        report.add(what=f"bytes per video in {table}, {when}", figure=taken / count)
    _forget_pages(url)
    once = await timed(storage, _every_row)
    report.add(what=f"seconds to read every generation once, {when} (baseline)", figure=once)
    _forget_pages(url)
    checked = await timed(storage, _books)
    report.add(what=f"seconds to add up the books, {when}", figure=checked)
    report.promise(f"seconds to add up the books, {when}", checked, 60)
    return size


async def prune(storage: SqlStorage, report: Report) -> int:
    """Prune all, some of them as a bot does; returns how many."""
    now = datetime.now(UTC)

    async def some(limit: int) -> int:
        return await storage.transact(
            lambda tx: tx.generations.prune(ended_before=now, at=now, limit=limit)
        )

    took: list[float] = []
    pruned = 0
    for _ in range(MEASURED):
        began = time.perf_counter()
        pruned += await some(AT_ONCE)
        took.append(time.perf_counter() - began)
    report.add(what=f"ms to prune {AT_ONCE}", figure=1000 * statistics.median(took))
    while more := await some(REST_AT_ONCE):
        pruned += more
    return pruned


async def measure(url: str, count: int, report: Report) -> None:
    """Fill, look, prune, look again."""
    began = datetime.now(UTC) - timedelta(days=365)
    await fill(url, count, began)
    async with open_storage(url, clock=SystemClock(), patience_s=PATIENCE_SECONDS) as storage:
        await look(storage, url, count, report, "all kept")
        for name, work in _waited_for(began).items():
            report.add(what=f"ms for {name}", figure=1000 * await timed(storage, work, 20))
        pruned = await prune(storage, report)
        size = await look(storage, url, count, report, "all pruned")
    if pruned != count:
        report.notes.append(f"{pruned} of {count} were pruned")
    report.promise("GiB per million videos, all pruned", _gib(size, count), 1.5)


def _forget_pages(url: str) -> None:
    """Let the machine read a SQLite file from the disk again, if it offers that."""
    path = url.removeprefix("sqlite:///")
    if path == url or not hasattr(os, "posix_fadvise"):
        return
    with Path(path).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def _every_row(tx: Transaction) -> None:
    question = text("SELECT COUNT(*) FROM generations WHERE LENGTH(request) > 0")
    await _connection(tx).scalar(question)


async def _books(tx: Transaction) -> None:
    if faults := await tx.ledger.faults():
        raise ValueError(f"the books are wrong: {faults[:3]}")


def _waited_for(began: datetime) -> dict[str, Work]:
    """What a person waits for, and what is asked often."""
    member = (GuildId(GUILD), UserId(FIRST_SNOWFLAKE))
    provider = ProviderName("evolink")
    nobody = new_generation_id(began)
    lately = began + timedelta(days=299, hours=12)
    return {
        "a member's quota": lambda tx: tx.ledger.usage(*member, since=lately),
        "a page of history": lambda tx: tx.generations.ended_of(*member, limit=6),
        "the tasks of others": lambda tx: tx.generations.tasks_of_others(
            nobody, provider, since=lately
        ),
        "what nobody owns": lambda tx: tx.generations.any_unowned(),
        "what may come late": lambda tx: tx.generations.ended_without_video(
            since=lately, limit=1000
        ),
        "the open ones by state": lambda tx: tx.generations.count_open(),
    }


def _gib(size: int, count: int) -> float:
    return size / count * 1_000_000 / GIB


def main() -> None:
    """``--quick`` for a few thousand rows."""
    args = options(ABOUT)
    count = FEW if args.quick else MANY
    report = Report(bench="database", about=ABOUT, quick=args.quick)
    with tempfile.TemporaryDirectory(prefix="retake-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'retake.db'}"
        asyncio.run(measure(url, count, report))
    report.notes.append(f"{count} generations of SQLite, as they end on a usual day")
    report.show()


if __name__ == "__main__":
    main()
