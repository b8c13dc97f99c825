"""The providers as a separate process, with tasks already in flight.

Owns putting the load into EvoLink's book. Prints its address, then serves until its input ends,
so that it never outlives the bench that started it. Every video is one and the same file.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.load import MODEL, VIDEO_SECONDS, Load
from sandbox.clips import FixedClips
from sandbox.providers import Providers
from sandbox.providers.api_server import Call
from sandbox.providers.fetch import Given
from sandbox.providers.submission import read_submission
from sandbox.providers.tasks import Task

RICH_USD = 10_000_000
A_DAY = 24 * 3600.0
NEARLY_DONE = 97
"""The progress, in percent, of tasks that end on order."""


class Process:
    """``python -m bench.providers``, as seen by the bench that starts it."""

    def __init__(self, *, load: Load, clip: Path) -> None:
        self.load = load
        self._clip = clip
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def start(self) -> str:
        """Start it; its address."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.providers",
            "--load", self.load.as_json(), "--clip", str(self._clip),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            self.url = (await self._process.stdout.readline()).decode().strip()
        if not self.url:
            raise RuntimeError("the providers did not start")
        return self.url

    async def stop(self) -> None:
        """Close its input and wait for its end."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(10):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


def enter_tasks(providers: Providers, load: Load, clip: Path) -> None:
    """Enter the load's tasks at EvoLink, as if they had been submitted and paid for long ago."""
    evolink = providers.evolink
    evolink.balance_usd = providers.apimart.balance_usd = RICH_USD
    # A further task takes as long as those of the load.
    evolink.settings.seconds = load.takes
    evolink.settings.progress_step = providers.apimart.settings.progress_step = 1
    body: dict[str, Any] = {"model": MODEL, "prompt": "load", "duration": VIDEO_SECONDS}
    submission = read_submission(body, evolink.models, insecure_callbacks=False)
    video = asyncio.get_running_loop().create_task(_ready(clip))
    for number in range(load.count):
        task = evolink.book.accept(
            submission,
            Given(),
            task_id=load.task_id(number),
            duration=max(min(load.ends(number), load.at + A_DAY) - time.time(), 0.0),
            next_fault=lambda: None,
            idempotency_key=None,
            clip=lambda _seconds, _aspect: video,
        )
        assert task is not None
        task.created_at = task.known_at = load.began(number)
        if load.held(number):
            task.ends_at, task.known_progress = None, NEARLY_DONE


def _ender(
    providers: Providers, load: Load
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Ends at once all that are held."""
    book = providers.evolink.book

    async def end(request: web.Request) -> web.StreamResponse:
        del request
        for number in range(load.count):
            if load.held(number):
                book.finish(book.tasks[load.task_id(number)])
        return web.Response()

    return end


class Figures:
    """What the bench wants to know: questions about tasks, and when downloads began."""

    def __init__(self, providers: Providers) -> None:
        self._evolink = providers.evolink
        self._asked = 0
        self._first_at: float | None = None
        self._last_at: float | None = None
        self._downloads: dict[str, float] = {}
        self._settled, self._record = self._evolink.settled, self._evolink.record
        self._evolink.settled = self._count_asked
        self._evolink.record = self._note_download

    async def answer(self, request: web.Request) -> web.Response:
        """``{asked, first_at, last_at, downloads: {task id: time}}``; ``?forget=1`` resets."""
        began = {
            task.id: self._downloads[task.result]
            for task in self._evolink.tasks.values()
            if task.result in self._downloads
        }
        figures = {
            "asked": self._asked,
            "first_at": self._first_at,
            "last_at": self._last_at,
            "downloads": began,
        }
        if "forget" in request.query:
            self._asked, self._first_at, self._last_at = 0, None, None
        return web.json_response(figures)

    async def _count_asked(self, tasks: list[Task]) -> None:
        self._asked += len(tasks)
        self._last_at = time.time()
        self._first_at = self._first_at or self._last_at
        await self._settled(tasks)

    def _note_download(self, request: web.Request, op: str) -> Call:
        if op == "download":
            self._downloads.setdefault(request.match_info["token"], time.time())
        return self._record(request, op)


async def _ready(clip: Path) -> Path:
    return clip


async def serve(load: Load, clip: Path) -> None:
    """Serve until the input ends."""
    with tempfile.TemporaryDirectory(prefix="retake-bench-") as folder:
        providers = Providers(directory=Path(folder), clips=FixedClips(clip))
        enter_tasks(providers, load, clip)
        app = web.Application()
        providers.mount(app)
        figures = Figures(providers)
        app.router.add_get("/figures", figures.answer)
        app.router.add_post("/end", _ender(providers, load))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            providers.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            print(providers.base_url, flush=True)
            await asyncio.to_thread(sys.stdin.buffer.read)
        finally:
            await runner.cleanup()
            await providers.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=Load.read, required=True)
    parser.add_argument("--clip", type=Path, required=True)
    args = parser.parse_args()
    asyncio.run(serve(args.load, args.clip))


if __name__ == "__main__":
    main()
