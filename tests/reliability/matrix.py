"""The fault matrix: every call of the bot to the outside, gone wrong in every way.

Owns the cells, how one is played, and what no member may ever be told: that something was charged
which was not, or that a video is there which is not.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.messages_view import words
from tests.reliability.faults import REAL, Call, How
from tests.reliability.harness import Harness, Json

LONGEST_SECONDS = 40.0
"""A cell that takes longer hangs."""

REFUSED_SECONDS = 1.0
TIMES = 2
"""So often in a row the call goes wrong."""

TOGETHER = 4
TOGETHER_SECONDS = 1.0
"""Less than the bot waits for an answer to a POST."""

MISSED = "its fault never struck: the bot made no such call"

SITE = {
    Call.SUBMIT: "evolink",
    Call.QUERY: "evolink",
    Call.BATCH: "evolink",
    Call.UPLOAD: "files",
    Call.DOWNLOAD: "results",
    Call.FETCH: "cdn",
}
AFTER = {
    Call.QUERY: Call.SUBMIT,
    Call.BATCH: Call.SUBMIT,
    Call.MESSAGE: Call.ACKNOWLEDGE,
    Call.THREAD: Call.MESSAGE,
    Call.EDIT: Call.THREAD,
    Call.FILE: Call.DOWNLOAD,
}
"""Connections are refused once this call was answered; for the others from the start."""

DONE, BADLY, UNDER_WAY = "🟢", ("🔴", "⚪"), ("🔵", "🟡", "🟠")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One call, one fault."""

    call: Call
    how: How


CELLS = tuple(Cell(call=call, how=how) for call in Call for how in How)


def sample(every: int) -> Sequence[Cell]:
    """Each call and each fault, but only every so many-th pair."""
    return CELLS[::every]


@dataclass(kw_only=True)
class Row:
    """What a cell came to: one line of the report."""

    call: str
    how: str
    struck: int = 0
    saw: str = ""
    charged: str = ""
    ended: str = ""
    seconds: float = 0.0
    hung: bool = False
    missed: bool = False
    crashed: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not (self.hung or self.missed or self.crashed or self.untrue)

    def line(self) -> str:
        wrong = "HUNG " * self.hung
        wrong += "; ".join([MISSED] * self.missed + [*self.crashed, *self.untrue])
        return (
            f"| {self.call:<11} | {self.how:<18} | {self.struck} | {self.saw:<74.74} |"
            f" {self.charged:<7} | {self.ended:<13} | {self.seconds:4.1f} | {wrong or 'ok'} |"
        )


HEAD = (
    "| call        | fault              | × | what the user saw last"
    + " " * 53
    + "| charged | ended         | s    | |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(kw_only=True)
class Player:
    """Plays cells on a harness, one after the other."""

    harness: Harness
    picture: str = ""
    played: int = 0

    async def play(self, cell: Cell) -> Row:
        """Ask, let it fail, wait for the end, check; repeat while the fault was not triggered."""
        until = time.monotonic() + LONGEST_SECONDS
        row = await self._once(cell)
        while row.missed and not (row.hung or row.crashed or row.untrue):
            if time.monotonic() > until:
                break
            row = await self._once(cell)
        return row

    async def _once(self, cell: Cell) -> Row:
        row = Row(call=cell.call, how=cell.how)
        began = time.monotonic()
        self.played += 1
        asked_at_once = TOGETHER if cell.call is Call.BATCH else 1
        prompts = [f"cell {self.played} {n}" for n in range(asked_at_once)]
        self.harness.forget_failures()
        said = len(self.harness.complaints.said)
        self.harness.weather.change(cell.call, cell.how, times=TIMES)
        answers: list[Json] = []
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                async with _refusing(self.harness, cell), _polled_together(self.harness, cell):
                    answers = await asyncio.gather(*(self._ask(p, cell.call) for p in prompts))
                    await self.harness.resting()
        except TimeoutError:
            row.hung = True
        row.struck = self.harness.weather.struck
        row.missed = not row.struck
        self.harness.weather.change(None, None, times=0)
        row.crashed += self.harness.complaints.said[said:]
        if self.harness.task.done():
            row.crashed.append(f"the bot ended: {self.harness.task.exception()!r}")
        for prompt, answer in zip(prompts, answers, strict=False):
            check_outcome(self.harness, row, prompt, answer)
        row.seconds = time.monotonic() - began
        return row

    async def _ask(self, prompt: str, call: Call) -> Json:
        people = self.harness.discord.people
        options = {"prompt": prompt, "duration": "3"}
        if call in {Call.UPLOAD, Call.FETCH}:
            options["image"] = self.picture
        id_ = await people.command("tom", "videos", "video", options=options)
        return await people.interaction(id_, wait=12)


class _refusing:  # noqa: N801 - used like a function
    """While inside, connections for a call are refused for a while, where the cell says so."""

    def __init__(self, harness: Harness, cell: Cell) -> None:
        self._harness, self._cell = harness, cell
        self._site = SITE.get(cell.call, "rest")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        if self._cell.how is not How.REFUSED:
            return
        first = AFTER.get(self._cell.call)
        if first is None:
            await self._begin()
            return

        async def answered(call: Call) -> None:
            if call is first and self._task is None:
                await self._begin()

        self._harness.weather.answered = answered

    async def __aexit__(self, *_: object) -> None:
        self._harness.weather.answered = None
        if self._task is not None:
            await self._task

    async def _begin(self) -> None:
        await self._harness.down(self._site)
        self._harness.weather.struck += 1
        self._task = asyncio.create_task(self._end())

    async def _end(self) -> None:
        await REAL.sleep(REFUSED_SECONDS)
        await self._harness.up(self._site)


@asynccontextmanager
async def _polled_together(harness: Harness, cell: Cell) -> AsyncIterator[None]:
    """While inside, the tasks of a batch begin at one moment: else their polls may fall apart."""
    if cell.call is not Call.BATCH or cell.how is How.REFUSED:
        yield
        return
    taken = asyncio.Barrier(TOGETHER)

    async def answered(call: Call) -> None:
        if call is Call.SUBMIT and not taken.broken:
            try:
                async with asyncio.timeout(TOGETHER_SECONDS):
                    await taken.wait()
            except TimeoutError:
                await taken.abort()
            except asyncio.BrokenBarrierError:
                return

    harness.weather.answered = answered
    try:
        yield
    finally:
        harness.weather.answered = None


def check_outcome(harness: Harness, row: Row, prompt: str, answer: Json) -> None:
    """Compare what members were shown with what is true."""
    rows = harness.rows(prompt)
    messages = harness.messages(prompt)
    videos = [message for message in messages if message["attachments"]]
    answered = "\n".join(words(message) for message in answer["responses"])
    texts = [words(message) for message in messages if not message["attachments"]]
    row.saw = _last_said(texts, answered, answer["state"], videos)
    row.charged = ", ".join(str(r["spent"]) for r in rows) or "no hold"
    row.ended = ", ".join(r["state"] for r in rows) or "not begun"
    facts = Facts(
        rows=rows,
        videos=videos,
        tasks=harness.tasks(prompt),
        shown="\n".join([*texts, answered]),
        answered=answered,
        stale=_stale(row, texts),
    )
    row.untrue += list(_untruths(facts))


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is true, and what members were shown of it."""

    rows: list[Json]
    videos: list[Json]
    tasks: int
    shown: str
    answered: str
    stale: str


def _untruths(so: Facts) -> Iterator[str]:
    """Every sentence that is not true, and every promise that is broken."""
    rows, videos, shown = so.rows, so.videos, so.shown
    spent = sum(row["spent"] for row in rows)
    announced = all(row["announced"] for row in rows)
    delivered = any(row["state"] == "delivered" for row in rows)
    failed = any(row["state"] not in {"delivered", "cancelled"} for row in rows)
    badly = any(mark in shown for mark in BADLY)
    free = "didn't count" in shown or "Nothing was charged" in shown
    cases = {
        f"{len(rows)} generations": len(rows) > 1,
        "its hold is not closed once": any(row["closes"] != 1 for row in rows),
        f"paid {so.tasks} times": so.tasks > 1,
        f"posted {len(videos)} times": len(videos) > 1,
        f"it ended, and its status still says: {so.stale}": announced and bool(so.stale),
        f"{spent} charged, {len(videos)} videos": spent != len(videos),
        "delivered, but there is no video": delivered and not videos,
        "told it is done, but there is no video": DONE in shown and not videos,
        "told it failed, but there is a video": badly and bool(videos),
        "told it did not count, but it did": free and spent > 0,
        "told it counted, but it did not": "so it counted" in shown and not spent,
        "told it is on its way, but nothing is written": "On it" in so.answered and not rows,
        "it failed, and nobody was told": failed and not badly,
        "a task is paid, and nothing is written": so.tasks > 0 and not rows,
    }
    yield from (untruth for untruth, is_so in cases.items() if is_so)


def _stale(cell: Row, texts: list[str]) -> str:
    """What a status message says that should have changed, where Discord did not forbid that."""
    forbidden = cell.call == Call.EDIT and cell.how[:1] == "4" and cell.how[:3] != "429"
    lines = [line for text in texts for line in text.splitlines() if line[:1] in UNDER_WAY]
    return "" if forbidden or not lines else lines[-1]


def _last_said(texts: list[str], answered: str, state: str, videos: list[Json]) -> str:
    lines = [line for text in texts for line in text.splitlines() if _is_news(line)]
    said = [line for line in answered.splitlines() if line]
    reported = lines[-1] if lines else (said[0] if said else f"(interaction {state})")
    return f"{reported} + video" if videos else reported


def _is_news(line: str) -> bool:
    return line[:1] in {DONE, *BADLY, *UNDER_WAY}
