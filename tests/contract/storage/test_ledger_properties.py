"""Whatever is asked, ended, settled, released and reset in whatever order, the books are right."""

import asyncio
import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.generation import Generation, State
from bot.domain.ids import UserId
from bot.domain.limits import Amounts
from bot.domain.ports.storage import Transaction
from bot.storage import open_storage
from tests.contract.storage import postgres
from tests.contract.storage.samples import (
    GUILD,
    NOON,
    OwnedClock,
    Seeder,
    conversation,
    generation,
    plan,
)

MEMBERS = st.sampled_from([UserId(1), UserId(2)])
SECONDS = st.integers(min_value=0, max_value=20)
PERIOD = timedelta(hours=24)


class Mistake(Exception):
    """Something goes wrong after the books were touched."""


@dataclass
class Known:
    """What the model remembers of one generation."""

    made: Generation
    seconds: int
    hour: int
    resets: int
    spent: tuple[int, int] | None = None

    @property
    def used(self) -> tuple[int, int]:
        return (1, self.seconds) if self.spent is None else self.spent


class Books(RuleBasedStateMachine):
    """Two members, one server, a storage, and a model of dictionaries beside it."""

    url: str = ""

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        url = self.url or f"sqlite:///{Path(self.folder.name) / 'retake.db'}"
        self.storage = open_storage(url, clock=OwnedClock())
        self.run(self.storage.start())
        self.seeder = Seeder(storage=self.storage)
        self.hour = 0
        self.known: list[Known] = []
        self.resets = {UserId(1): 0, UserId(2): 0}
        if self.url:
            self.run(self.storage.transact(self._empty))

    async def _empty(self, tx: Any) -> None:
        """A server's database serves all examples."""
        connection = tx.generations._connection
        await connection.exec_driver_sql("TRUNCATE conversations, accounts CASCADE")

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.storage.close())
            self.runner.close()
            self.folder.cleanup()

    def run(self, awaitable: Any) -> Any:
        return self.runner.run(awaitable)

    @property
    def at(self) -> Any:
        return NOON + timedelta(hours=self.hour)

    @rule(hours=st.integers(min_value=1, max_value=30))
    def pass_time(self, hours: int) -> None:
        self.hour += hours

    @rule(member=MEMBERS, seconds=SECONDS)
    def ask(self, member: UserId, seconds: int) -> None:
        self.seeder.at = self.at
        made = self.run(self.seeder.put(requester_id=member, plan=replace(plan(), seconds=seconds)))
        self.known.append(Known(made, seconds, self.hour, self.resets[member]))

    @rule(member=MEMBERS, seconds=SECONDS)
    def ask_and_fail(self, member: UserId, seconds: int) -> None:
        about = conversation()
        made = generation(about, requester_id=member)

        async def work(tx: Transaction) -> None:
            await tx.ledger.lock(GUILD, member)
            await tx.conversations.add(about)
            await tx.generations.add(made)
            await tx.ledger.hold(made, Amounts(videos=1, seconds=seconds), at=self.at)
            raise Mistake

        with pytest.raises(Mistake):
            self.run(self.storage.transact(work))

    @precondition(lambda self: any(each.spent is None for each in self.known))
    @rule(data=st.data(), spend=st.none() | SECONDS)
    def close(self, data: st.DataObject, spend: int | None) -> None:
        open_ones = [each for each in self.known if each.spent is None]
        known = data.draw(st.sampled_from(open_ones))

        async def work(tx: Transaction) -> None:
            after = replace(known.made, state=State.CANCELLED, ended_at=self.at)
            await tx.generations.save(known.made, after)
            if spend is None:
                await tx.ledger.release(known.made.id, at=self.at)
            else:
                await tx.ledger.settle(known.made.id, seconds=spend, at=self.at)

        self.run(self.storage.transact(work))
        known.spent = (0, 0) if spend is None else (1, min(spend, known.seconds))

    @precondition(lambda self: any(each.spent is not None for each in self.known))
    @rule(data=st.data(), release=st.booleans())
    def close_again(self, data: st.DataObject, release: bool) -> None:
        closed = [each for each in self.known if each.spent is not None]
        known = data.draw(st.sampled_from(closed))

        async def work(tx: Transaction) -> None:
            if release:
                await tx.ledger.release(known.made.id, at=self.at)
            else:
                await tx.ledger.settle(known.made.id, seconds=1, at=self.at)

        with pytest.raises(ValueError, match="already closed"):
            self.run(self.storage.transact(work))

    @rule(member=MEMBERS)
    def reset(self, member: UserId) -> None:
        self.run(self.storage.transact(lambda tx: tx.ledger.reset(GUILD, member, at=self.at)))
        self.resets[member] += 1

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.run(self.seeder.faults()) == []

    @invariant()
    def usage_is_what_the_model_says(self) -> None:
        for member, resets in self.resets.items():
            since = self.at - PERIOD
            usage = self.run(
                self.storage.read(lambda tx, m=member, s=since: tx.ledger.usage(GUILD, m, since=s))
            )
            mine = [each for each in self.known if each.made.requester_id == member]
            counted = [
                each.used for each in mine if each.resets == resets and each.hour >= self.hour - 24
            ]
            assert usage.videos == sum(videos for videos, _ in counted)
            assert usage.seconds == sum(seconds for _, seconds in counted)
            assert usage.concurrent == sum(each.spent is None for each in mine)
            latest = max((each.hour for each in mine if each.resets == resets), default=None)
            assert usage.last_at == (None if latest is None else NOON + timedelta(hours=latest))


SMALL = settings(max_examples=10, stateful_step_count=20)


def test_the_books_on_sqlite() -> None:
    run_state_machine_as_test(Books, settings=SMALL)


def test_the_books_on_postgresql(postgres_server: str) -> None:
    asyncio.run(
        postgres.administer(
            postgres_server,
            "DROP DATABASE IF EXISTS retake_books",
            "CREATE DATABASE retake_books",
        )
    )

    class BooksOnAServer(Books):
        url = postgres.with_database(postgres_server, "retake_books")

    run_state_machine_as_test(BooksOnAServer, settings=SMALL)
