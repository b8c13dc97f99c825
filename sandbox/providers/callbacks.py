"""The providers' callbacks: the answer of a query, sent to the address a task was submitted with.

Owns the delivery: 10 s each, three more tries, 2xx alone is success. When they come, and what ends
them early, is each provider's manner. Knows nothing of who receives it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.providers.faults import Sleep

_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Manner:
    """``pauses`` in seconds before each further try; ``refusable`` is true if a 4xx ends them."""

    pauses: tuple[float, ...]
    refusable: bool


EVOLINK = Manner(pauses=(1, 2, 4), refusable=False)
APIMART = Manner(pauses=(10, 30, 60), refusable=True)


@dataclass(kw_only=True)
class Callback:
    """One callback and how each try went: a status, or the name of the error."""

    task_id: str
    url: str
    tries: list[int | str] = field(default_factory=list)
    delivered: bool = False
    given_up: bool = False


class Callbacks:
    """Sends callbacks, each in a task of its own until it is delivered or given up."""

    def __init__(self, sleep: Sleep) -> None:
        self.sent: list[Callback] = []
        self.changed: Callable[[], None] = lambda: None
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, task_id: str, url: str, body: Any, manner: Manner) -> None:
        """Begin to deliver a body."""
        callback = Callback(task_id=task_id, url=url)
        self.sent.append(callback)
        task = asyncio.create_task(
            self._deliver(callback, body, manner), name=f"callback {task_id}"
        )
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _deliver(self, callback: Callback, body: Any, manner: Manner) -> None:
        for pause in (0, *manner.pauses):
            if pause:
                await self._sleep(pause)
            outcome = await self._post(callback.url, body)
            callback.tries.append(outcome)
            callback.delivered = isinstance(outcome, int) and 200 <= outcome < 300
            self.changed()
            if callback.delivered:
                return
            if manner.refusable and isinstance(outcome, int) and 400 <= outcome < 500:
                break
        callback.given_up = True
        self.changed()

    async def _post(self, url: str, body: Any) -> int | str:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
