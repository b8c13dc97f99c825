"""The fault matrix: every call of the bot to the outside, gone wrong in every way.

Owns the cells, how one is played, and what nobody may ever be told: that something was charged
which was not, or that a video is there which is not.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.reading import words
from tests.reliability.faults import OF_DISCORD, Call, How
from tests.reliability.stage import Json, Stage

LONGEST_SECONDS = 40.0
"""A cell that takes longer hangs."""

REFUSED_SECONDS = 1.0
TIMES = 2
"""So often in a row the call goes wrong."""

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

DONE, BADLY = "🟢", ("🔴", "⚪")


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
    crashed: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not (self.hung or self.crashed or self.untrue)

    def line(self) -> str:
        wrong = "HUNG " * self.hung + "; ".join([*self.crashed, *self.untrue])
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
    """Plays cells on a stage, one after the other."""

    stage: Stage
    picture: str = ""
    played: int = 0

    async def play(self, cell: Cell) -> Row:
        """Ask, let it go wrong, wait for the end, judge."""
        row = Row(call=cell.call, how=cell.how)
        began = time.monotonic()
        self.played += 1
        prompts = [f"cell {self.played} {n}" for n in range(2 if cell.call is Call.BATCH else 1)]
        self.stage.forget_failures()
        said = len(self.stage.complaints.said)
        self.stage.weather.change(cell.call, cell.how, times=TIMES)
        answers: list[Json] = []
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                async with _refusing(self.stage, cell):
                    answers = await asyncio.gather(*(self._ask(p, cell.call) for p in prompts))
                    await self.stage.resting()
        except TimeoutError:
            row.hung = True
        row.struck = self.stage.weather.struck
        self.stage.weather.change(None, None, times=0)
        row.crashed += self.stage.complaints.said[said:]
        if self.stage.task.done():
            row.crashed.append(f"the bot ended: {self.stage.task.exception()!r}")
        for prompt, answer in zip(prompts, answers, strict=False):
            judge(self.stage, row, prompt, answer)
        row.seconds = time.monotonic() - began
        return row

    async def _ask(self, prompt: str, call: Call) -> Json:
        people = self.stage.discord.people
        options = {"prompt": prompt, "duration": "3"}
        if call in {Call.UPLOAD, Call.FETCH}:
            options["image"] = self.picture
        id_ = await people.command("tom", "videos", "video", options=options)
        return await people.interaction(id_, wait=12)


class _refusing:  # noqa: N801 - used like a function
    """While inside, connections for a call are refused for a while, where the cell says so."""

    def __init__(self, stage: Stage, cell: Cell) -> None:
        self._stage, self._cell = stage, cell
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

        self._stage.weather.answered = answered

    async def __aexit__(self, *_: object) -> None:
        self._stage.weather.answered = None
        if self._task is not None:
            await self._task

    async def _begin(self) -> None:
        await self._stage.down(self._site)
        self._stage.weather.struck += 1
        self._task = asyncio.create_task(self._end())

    async def _end(self) -> None:
        await asyncio.sleep(REFUSED_SECONDS)
        await self._stage.up(self._site)


def judge(stage: Stage, row: Row, prompt: str, answer: Json) -> None:
    """Hold what people were told against what is so."""
    rows = stage.rows(prompt)
    messages = stage.messages(prompt)
    videos = [message for message in messages if message["attachments"]]
    answered = "\n".join(words(message) for message in answer["responses"])
    texts = [words(message) for message in messages if not message["attachments"]]
    row.saw = _last_said(texts, answered, answer["state"], videos)
    row.charged = ", ".join(str(r["spent"]) for r in rows) or "no hold"
    row.ended = ", ".join(r["state"] for r in rows) or "not begun"
    row.untrue += list(_untruths(stage, rows, videos, texts, answered, prompt))


def _untruths(
    stage: Stage,
    rows: list[Json],
    videos: list[Json],
    texts: list[str],
    answered: str,
    prompt: str,
) -> Iterator[str]:
    spent = sum(row["spent"] for row in rows)
    shown = "\n".join([*texts, answered])
    if len(rows) > 1:
        yield f"{len(rows)} generations"
    if any(row["closes"] != 1 for row in rows):
        yield "its hold is not closed once"
    if stage.tasks(prompt) > 1:
        yield f"paid {stage.tasks(prompt)} times"
    if len(videos) > 1:
        yield f"posted {len(videos)} times"
    if spent != len(videos):
        yield f"{spent} charged, {len(videos)} videos"
    if any(row["state"] == "delivered" for row in rows) and not videos:
        yield "delivered, but there is no video"
    if DONE in shown and not videos:
        yield "told it is done, but there is no video"
    if videos and any(mark in shown for mark in BADLY):
        yield "told it failed, but there is a video"
    if ("did not count" in shown or "Nothing was charged" in shown) and spent:
        yield "told it did not count, but it did"
    if "so it counted" in shown and not spent:
        yield "told it counted, but it did not"
    if "On it" in answered and not rows:
        yield "told it is on its way, but nothing is written"
    failed = [row for row in rows if row["state"] not in {"delivered", "cancelled"}]
    if failed and not any(mark in shown for mark in BADLY):
        yield "it failed, and nobody was told"
    if not rows and not answered and "failed" not in prompt and stage.tasks(prompt):
        yield "a task is paid, and nothing is written"


def _last_said(texts: list[str], answered: str, state: str, videos: list[Json]) -> str:
    lines = [line for text in texts for line in text.splitlines() if _is_news(line)]
    said = [line for line in answered.splitlines() if line]
    told = lines[-1] if lines else (said[0] if said else f"(interaction {state})")
    return f"{told} + video" if videos else told


def _is_news(line: str) -> bool:
    return line[:1] in {DONE, *BADLY, "🔵", "🟡", "🟠"}


def of_discord(call: Call) -> bool:
    return call in OF_DISCORD
