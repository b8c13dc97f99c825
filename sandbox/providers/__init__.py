"""The provider stand-ins on one application: EvoLink, its files service, APIMart, results, control.

Owns how they are put together and the one timer that lets tasks end when nobody asks. Nothing of
the bot is imported here.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.clips import Clips, ClipSource
from sandbox.providers.apimart import APIMart
from sandbox.providers.callbacks import Callbacks
from sandbox.providers.control import ProviderControl
from sandbox.providers.evolink import EvoLink
from sandbox.providers.evolink_files import EvoLinkFiles
from sandbox.providers.hosting import Hosting
from sandbox.providers.results import Results
from sandbox.providers.service import Provider
from sandbox.providers.tasks import Task

__all__ = ["APIMART_KEY", "EVOLINK_KEY", "Provider", "Providers"]

EVOLINK_KEY = "sandbox-evolink-key"
APIMART_KEY = "sandbox-apimart-key"

_PROGRESS_PERIOD = 0.5
"""Seconds between two checks of the progress, while a caller waits for changes."""

_CHANGE_PAUSE = 0.1
"""Seconds within which several changes are reported as one."""


class Providers:
    """Both providers. ``on_change`` is called after changes, several within a moment as one.

    ``clock`` gives the time in seconds; ``sleep`` waits on the same clock. Set ``base_url`` once
    the port is known, before the first request.
    """

    def __init__(
        self,
        *,
        directory: Path,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_change: Callable[[], None] | None = None,
        clips: ClipSource | None = None,
        allow_insecure_callbacks: bool = False,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._on_change = on_change
        self._clips = clips or Clips(directory / "clips")
        self._callbacks = Callbacks(sleep)
        self._base_url = ""
        common = {
            "clips": self._clips,
            "directory": directory,
            "clock": clock,
            "sleep": sleep,
            "allow_insecure_callbacks": allow_insecure_callbacks,
        }
        self.evolink = EvoLink(api_key=EVOLINK_KEY, **common)
        self.apimart = APIMart(api_key=APIMART_KEY, **common)
        self._wake = asyncio.Event()
        self._all: dict[str, Provider] = {"evolink": self.evolink, "apimart": self.apimart}
        self._results = Results(self._all, clock)
        self._hosting = {
            name: Hosting(directory / name / "files", clock) for name in ("evolink", "apimart")
        }
        for provider in self._all.values():
            provider.changed = self._changed
            provider.planned = self._wake.set
            provider.on_ended = self._publisher(provider)
        self._callbacks.changed = self._called_back
        self._timer: asyncio.Task[None] | None = None
        self._telling = False

    @property
    def base_url(self) -> str:
        """Where the stand-ins are reached: ``http://127.0.0.1:PORT``."""
        return self._base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._base_url = url.rstrip("/")
        for provider in self._all.values():
            provider.base_url = self._base_url

    @property
    def callbacks(self) -> Callbacks:
        """What was sent to the bot; ``.sent`` lists it with every try."""
        return self._callbacks

    @property
    def problems(self) -> list[str]:
        """Unknown routes and defects of the stand-ins: must be empty at the end of a test."""
        return [
            f"{provider.name}: {problem}"
            for provider in self._all.values()
            for problem in (*provider.unhandled, *provider.crashes)
        ]

    def mount(self, app: web.Application) -> None:
        """Add every route, and the timer to the application's life."""
        self.evolink.mount(app)
        EvoLinkFiles(self.evolink, self._hosting["evolink"], lambda: self._base_url).mount(app)
        self.apimart.mount(app, self._hosting["apimart"])
        self._results.mount(app)
        ProviderControl(self._all, self.tick).mount(app)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)

    def tick(self) -> None:
        """Let everything happen that is due by the clock."""
        for provider in self._all.values():
            provider.book.tick()

    async def close(self) -> None:
        """Stop the timer, callbacks and rendering; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None
        await self._callbacks.close()
        for provider in self._all.values():
            await provider.close()
        await self._clips.close()

    async def _start(self, app: web.Application) -> None:
        self._timer = asyncio.create_task(self._run(), name="providers' timer")

    async def _stop(self, app: web.Application) -> None:
        await self.close()

    async def _run(self) -> None:
        """Sleep until the next task is due, a new one comes in, or progress is to be shown."""
        while True:
            self._wake.clear()
            due = [at for g in self._all.values() if (at := g.book.tick()) is not None]
            pause = min(due) - self._clock() if due else None
            if due and self._on_change is not None:
                pause = min(pause or 0, _PROGRESS_PERIOD)
                self._changed()
            await self._woken_within(pause)

    async def _woken_within(self, pause: float | None) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._wake.wait())]
        if pause is not None:
            waits.append(asyncio.ensure_future(self._sleep(max(0.001, pause))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _publisher(self, provider: Provider) -> Callable[[Task], None]:
        def publish(task: Task) -> None:
            self._results.publish(provider, task)
            if (notice := provider.notice(task)) is not None:
                url, body, manner = notice
                self._callbacks.send(task.id, url, body, manner)

        return publish

    def _called_back(self) -> None:
        for provider in self._all.values():
            provider.tell()

    def _changed(self) -> None:
        if self._on_change is None or self._telling:
            return
        self._telling = True
        asyncio.get_running_loop().call_later(_CHANGE_PAUSE, self._tell)

    def _tell(self) -> None:
        self._telling = False
        if self._on_change is not None:
            self._on_change()
