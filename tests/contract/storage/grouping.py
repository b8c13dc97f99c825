"""Transactions that are sure to share one commit, and the small works they are made of."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bot.domain.ports.storage import Transaction
from bot.storage import SqlStorage
from tests.contract.storage.samples import conversation, raw

Work = Callable[[Transaction], Awaitable[Any]]
COUNT = "SELECT COUNT(*) FROM conversations"


class Mistake(Exception):
    """Something a piece of work raises."""


async def add(tx: Transaction) -> None:
    await tx.conversations.add(conversation())


async def add_and_fail(tx: Transaction) -> None:
    await add(tx)
    raise Mistake


async def count(storage: SqlStorage) -> int:
    ((number,),) = await storage.read(raw(COUNT))
    return number


class Group:
    """Transactions that are sure to share one group: all are asked for while the first one runs."""

    def __init__(self, storage: SqlStorage) -> None:
        self.storage = storage
        self.tasks: list[asyncio.Task[Any]] = []
        self._go_on = asyncio.Event()

    async def begin(self, first: Work = add) -> None:
        running = asyncio.Event()

        async def work(tx: Transaction) -> None:
            running.set()
            await self._go_on.wait()
            await first(tx)

        self._ask(work)
        await running.wait()

    def ask(self, *works: Work) -> list[asyncio.Task[Any]]:
        return [self._ask(work) for work in works]

    async def outcomes(self) -> list[Any]:
        await asyncio.sleep(0)  # lets every task come to its place in the queue
        self._go_on.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    def _ask(self, work: Work) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.ensure_future(self.storage.transact(work)))
        return self.tasks[-1]
