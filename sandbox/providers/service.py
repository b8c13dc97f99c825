"""What both providers have in common behind their servers: accepting tasks and reporting them.

Owns the way from a body to an accepted task, the words of its state, and what tests and the control
interface read. The JSON of a provider is its subclass's.
"""

import abc
import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from sandbox.clips import ClipRequest, ClipSource
from sandbox.providers.api_server import TASK_ID, ApiServer
from sandbox.providers.callbacks import Manner
from sandbox.providers.faults import Fault, Op, Sleep, TaskFault
from sandbox.providers.fetch import Fetcher, Given
from sandbox.providers.idempotency import Receipts
from sandbox.providers.rules import Model
from sandbox.providers.submission import Refused, Submission, read_submission
from sandbox.providers.tasks import Account, State, Task, TaskBook

_RENDER_PATIENCE = 5
"""Seconds a query waits for a video that is due and still being rendered."""

_START_BALANCE_MICRO = 25_000_000


class Provider(ApiServer):
    """One stand-in provider. ``tasks`` by id, ``paid`` the ids ever accepted, in order."""

    name: ClassVar[str]
    title: ClassVar[str]
    models: ClassVar[Mapping[str, Model]]
    key_reused: ClassVar[str | None] = None
    """The error code for a key that came with another body, where the pages give one."""

    def __init__(
        self,
        *,
        api_key: str,
        clips: ClipSource,
        directory: Path,
        clock: Callable[[], float],
        sleep: Sleep,
        allow_insecure_callbacks: bool,
    ) -> None:
        super().__init__(api_key=api_key, clock=clock, sleep=sleep)
        self.base_url = ""
        self.fetcher = Fetcher(directory / self.name / "given")
        self.book = TaskBook(
            account=Account(available_micro=_START_BALANCE_MICRO),
            clock=clock,
            ended=self._ended,
            broken=self._broken,
            planned=self._newly_due,
        )
        self.changed: Callable[[], None] = lambda: None
        self.planned: Callable[[], None] = lambda: None
        self.on_ended: Callable[[Task], None] = _ignore
        self._clips = clips
        self._receipts = Receipts(conflict=self.key_reused)
        self._insecure = allow_insecure_callbacks
        self._news = asyncio.Event()

    # What tests and the control interface read.

    @property
    def tasks(self) -> dict[str, Task]:
        """Every task ever accepted, by id, oldest first."""
        return self.book.tasks

    @property
    def paid(self) -> list[str]:
        """The ids of all tasks ever accepted: more than expected means paid twice."""
        return self.book.paid

    @property
    def charged_usd(self) -> float:
        """What was charged for completed tasks."""
        return self.book.account.charged_micro / 1_000_000

    @property
    def balance_usd(self) -> float:
        """What can still be spent: reservations are already taken off."""
        return self.book.account.available_micro / 1_000_000

    @balance_usd.setter
    def balance_usd(self, usd: float) -> None:
        self.book.account.available_micro = round(usd * 1_000_000)
        self.tell()

    def add_fault(self, *, on: str, kind: str, **fields: Any) -> Fault:
        """Plan a fault, with the fields of the control interface."""
        fault = self.faults.add(on=on, kind=kind, **fields)
        self.tell()
        return fault

    def make_foreign_task(self, model: str, prompt: str = "another application's") -> Task:
        """Accept a task of another application on the same account.

        It is listed with our tasks, and it is not in ``paid``.
        """
        submission = read_submission(
            {"model": model, "prompt": prompt}, self.models, insecure_callbacks=False
        )
        task = self.book.accept(
            submission,
            Given(),
            task_id=self.new_task_id(),
            duration=self.settings.seconds,
            next_fault=lambda: None,
            idempotency_key=None,
            clip=lambda seconds, aspect: self._render(submission, Given(), seconds, aspect),
        )
        if task is None:
            raise Refused("", status=402)
        self.paid.remove(task.id)
        self.tell()
        return task

    async def wait(self, predicate: Callable[["Provider"], object], timeout: float = 10) -> None:
        """Return when the predicate holds; it is asked again after every change."""
        async with asyncio.timeout(timeout):
            self.book.tick()
            while not predicate(self):
                await self._news.wait()

    def tell(self) -> None:
        """Something changed: wake who waits."""
        news, self._news = self._news, asyncio.Event()
        news.set()
        self.changed()

    async def close(self) -> None:
        """Stop rendering and close the session."""
        waiting = [task.clip for task in self.tasks.values() if not task.clip.done()]
        for clip in waiting:
            clip.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self.fetcher.close()

    # The provider's own shapes.

    @abc.abstractmethod
    def new_task_id(self) -> str:
        """A fresh id in the provider's fashion."""

    @abc.abstractmethod
    def submitted(self, request: web.Request, task: Task) -> Any:
        """The JSON that answers a submit; the same for every replay."""

    @abc.abstractmethod
    def notice(self, task: Task) -> tuple[str, Any, Manner] | None:
        """What is sent at the end of a task to the address it came with: address, JSON, manner."""

    @abc.abstractmethod
    def key_of(self, request: web.Request) -> str | None:
        """The idempotency key of a request, refused when malformed."""

    # Submitting.

    async def submit(self, request: web.Request) -> web.Response:
        """Accept a task, or give the first answer again to a repeated key."""
        body = await self.json(request)
        key = self.key_of(request)
        if key is None:
            task = await self._accepted(body, None)
            request[TASK_ID] = task.id
            return web.json_response(self.submitted(request, task))
        task, replayed = await self._receipts.once(key, body, lambda: self._accepted(body, key))
        request[TASK_ID] = task.id
        headers = {"idempotency-replayed": "true"} if replayed else None
        return web.json_response(self.submitted(request, task), headers=headers)

    async def _accepted(self, body: Any, key: str | None) -> Task:
        submission = read_submission(body, self.models, insecure_callbacks=self._insecure)
        if submission.model.name in self.settings.denied_models:
            name = submission.model.name
            raise Refused(f"Token does not have access to model: {name}", status=403)
        given = await self.fetcher.gather(submission)
        if submission.extend_from is not None:
            given = self._parent_of(submission.extend_from, given)
        task = self.book.accept(
            submission,
            given,
            task_id=self.new_task_id(),
            duration=self.settings.seconds,
            next_fault=lambda: self.faults.take(Op.TASK),
            idempotency_key=key,
            clip=lambda seconds, aspect: self._render(submission, given, seconds, aspect),
        )
        if task is None:
            raise Refused("", status=402)
        return task

    def _parent_of(self, task_id: str, given: Given) -> Given:
        parent = self.tasks.get(task_id)
        if parent is None:
            raise Refused("extend_from_task_id: no such task", param="extend_from_task_id")
        if parent.state is not State.COMPLETED or parent.file is None:
            raise Refused(
                "extend_from_task_id: the task is not completed", param="extend_from_task_id"
            )
        return dataclasses.replace(given, source=parent.file, source_seconds=parent.length)

    def _render(
        self, submission: Submission, given: Given, seconds: int, aspect: str
    ) -> asyncio.Task[Path]:
        request = ClipRequest(
            provider=self.title,
            mode=submission.mode,
            prompt=submission.prompt,
            seconds=seconds,
            aspect=aspect,
            quality=submission.quality,
            images=given.images,
            last_frame=given.last_frame,
            source=given.source,
        )
        return asyncio.get_running_loop().create_task(self._clips.render(request))

    # Reading.

    async def settled(self, tasks: list[Task]) -> None:
        """Let what is due happen; wait a little for videos that are due and not rendered yet."""
        self.book.tick()
        late = [task.clip for task in tasks if self.book.due(task)]
        if late:
            await asyncio.wait(late, timeout=_RENDER_PATIENCE)
            self.book.tick()

    def word(self, task: Task) -> str:
        """The status as this provider tells it now."""
        state = self.book.state(task, self.clock(), self.settings.progress_step)
        if task.fault_kind is TaskFault.UNKNOWN_STATUS and not task.ended:
            return "awaiting_upstream"
        return self.spoken(state)

    def spoken(self, state: str) -> str:
        """A status word, replaced when the settings say so."""
        return (self.settings.status_words or {}).get(state, str(state))

    def progress(self, task: Task) -> int:
        """Percent as reported now."""
        return task.progress(self.clock(), self.settings.progress_step)

    def estimate(self) -> int:
        """The estimated time as told, in seconds."""
        told = self.settings.estimate
        return max(1, round(self.settings.seconds)) if told is None else told

    def results(self, task: Task) -> list[str]:
        """The addresses of the finished video."""
        if task.state is not State.COMPLETED or task.fault_kind is TaskFault.NO_VIDEO:
            return []
        return [f"{self.base_url}/results/{self.name}/{task.result}.mp4"]

    def _newly_due(self) -> None:
        self.planned()

    def _ended(self, task: Task) -> None:
        self.on_ended(task)
        self.tell()

    def _broken(self, task: Task, error: BaseException) -> None:
        self.crashes.append(f"rendering {task.id}: {error!r}")


def _ignore(task: Task) -> None:
    """Nobody listens."""
