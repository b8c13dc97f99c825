"""A limit of the bytes that are processed at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Admits jobs in order while their sizes add up to at most ``total`` bytes.

    A job larger than ``total`` runs alone.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._freed = asyncio.Event()
        self._order = asyncio.Lock()

    @asynccontextmanager
    async def spend(self, size: int) -> AsyncIterator[None]:
        """Wait for the bytes, and return them at the end."""
        share = min(max(size, 0), self._total)
        async with self._order:
            while self._free < share:
                self._freed.clear()
                await self._freed.wait()
            self._free -= share
        try:
            yield
        finally:
            self._free += share
            self._freed.set()
