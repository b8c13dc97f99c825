"""The real clock."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Time of this machine; waits on the running event loop."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 or less yields once."""
        await asyncio.sleep(max(seconds, 0.0))

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Wait for an event, at most so long (None: for ever); whether it is set."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True
