"""A bound on how much is worked on at once, in bytes rather than in number."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Lets work through while what it declares adds up to at most ``total`` bytes, in order.

    A piece of work larger than the whole budget goes alone.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._freed = asyncio.Event()
        self._line = asyncio.Lock()

    @asynccontextmanager
    async def spend(self, size: int) -> AsyncIterator[None]:
        """Wait for room, and give it back at the end."""
        share = min(max(size, 0), self._total)
        async with self._line:
            while self._free < share:
                self._freed.clear()
                await self._freed.wait()
            self._free -= share
        try:
            yield
        finally:
            self._free += share
            self._freed.set()
