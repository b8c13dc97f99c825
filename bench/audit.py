"""The outcome of every request, counted outside the bot: in Discord, at the providers, in its rows.

Owns the counting and what each wrong is called. The database is read with SQLite itself, not with
the bot's code; nothing is changed.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.requests import SAID, Requests, posted
from sandbox.providers.tasks import State, Task

ENDED_BADLY = ("🔴", "⚪")
"""A status message with one of these says that there will be no video."""

_ROWS = """
    SELECT g.id, g.state, g.announced, g.request_key, g.request, g.provider, g.task_id,
        (SELECT COUNT(*) FROM ledger l WHERE l.generation_id = g.id AND l.kind = 'close') AS closes,
        (SELECT COALESCE(SUM(l.videos_spent), 0) FROM ledger l WHERE l.generation_id = g.id)
            AS spent,
        (SELECT p.micro_usd FROM provider_spend p
            WHERE p.provider = g.provider AND p.task_id = g.task_id) AS paid
    FROM generations g
"""


@dataclass(kw_only=True)
class Audit:
    """The wrongs by kind, one sentence each, and how the requests ended."""

    lost: list[str] = field(default_factory=list[str])
    double_paid: list[str] = field(default_factory=list[str])
    double_posted: list[str] = field(default_factory=list[str])
    mis_charged: list[str] = field(default_factory=list[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    generations: int = 0
    tasks: int = 0
    posts: int = 0

    @property
    def wrongs(self) -> list[str]:
        """All of them."""
        return [*self.lost, *self.double_paid, *self.double_posted, *self.mis_charged]


def open_work(database: Path) -> int:
    """Return how many generations have not ended or are not announced yet."""
    question = "SELECT COUNT(*) FROM generations WHERE ended_at IS NULL OR NOT announced"
    with closing(_opened(database)) as books:
        return books.execute(question).fetchone()[0]


def audit(requests: Requests, database: Path) -> Audit:
    """Hold Discord, the providers and the rows against each other."""
    with closing(_opened(database)) as books:
        books.row_factory = sqlite3.Row
        rows = [dict(row) for row in books.execute(_ROWS)]
    providers = requests.sandbox.providers
    accepted = [
        (provider.name, task)
        for provider in (providers.evolink, providers.apimart)
        for task in provider.tasks.values()
    ]
    found = Audit(generations=len(rows), tasks=len(accepted))
    videos = Counter(prompt for prompt, _ in posted(requests.sandbox))
    reported = set(_reported_failures(requests))
    found.posts = videos.total()
    _count_tasks(found, accepted, videos, reported)
    _count_rows(found, rows, videos, reported)
    found.double_posted += [f"{p}: posted {n} times" for p, n in videos.items() if n > 1]
    _count_money(found, rows, {(name, task.id): task for name, task in accepted})
    known = {json.loads(row["request"]).get("prompt", "") for row in rows}
    for prompt, interaction_id in requests.asked.items():
        if (
            interaction_id is not None
            and prompt not in known
            and _promised(requests, interaction_id)
        ):
            found.lost.append(f"{prompt}: acknowledged, and nothing is written of it")
    return found


def _count_tasks(
    found: Audit, accepted: list[tuple[str, Task]], videos: Counter[str], reported: set[str]
) -> None:
    tasks: dict[str, list[Task]] = {}
    for _, task in accepted:
        tasks.setdefault(task.submission.first_line, []).append(task)
    for prompt, several in tasks.items():
        if len(several) > 1:
            found.double_paid.append(f"{prompt}: {len(several)} tasks")
        paid = any(task.state is State.COMPLETED for task in several)
        if paid and not videos[prompt] and prompt not in reported:
            found.lost.append(f"{prompt}: paid for, neither posted nor explained")


def _count_rows(
    found: Audit, rows: list[dict[str, Any]], videos: Counter[str], reported: set[str]
) -> None:
    late = {
        json.loads(row["request"]).get("prompt", "")
        for row in rows
        if row["request_key"].startswith("late:")
    }
    for row in rows:
        prompt, state = json.loads(row["request"]).get("prompt", ""), row["state"]
        found.ends[state] += 1
        delivered = state == "delivered"
        if delivered and not videos[prompt]:
            found.lost.append(f"{prompt}: delivered, they say, but nobody got it")
        elif not delivered and prompt not in reported and prompt not in late:
            found.lost.append(f"{prompt}: {state}, and nobody was told")
        elif not row["announced"]:
            found.lost.append(f"{prompt}: {state}, not announced")
        due = 1 if delivered and not row["request_key"].startswith("late:") else 0
        if (row["closes"], row["spent"]) != (1, due):
            found.mis_charged.append(
                f"{prompt}: {state}, {row['closes']} closes, {row['spent']} videos spent"
            )


def _count_money(
    found: Audit, rows: list[dict[str, Any]], tasks: dict[tuple[str, str], Task]
) -> None:
    for row in rows:
        task = tasks.get((row["provider"], row["task_id"] or ""))
        reported = row["paid"]
        if task is None:
            if row["task_id"] is not None:
                found.mis_charged.append(f"{row['id']}: its task does not exist")
        elif reported is not None and reported != task.charged_micro:
            found.mis_charged.append(f"{row['id']}: {reported} noted, {task.charged_micro} paid")
        elif reported is None and task.charged_micro and row["state"] == "delivered":
            found.mis_charged.append(f"{row['id']}: nothing noted, {task.charged_micro} paid")


def _reported_failures(requests: Requests) -> Iterator[str]:
    world = requests.sandbox.discord.world
    for message in world.messages.values():
        if message.author_id != world.bot_id or message.attachments:
            continue
        text = _words(message.content, message.components)
        if any(mark in text for mark in ENDED_BADLY) and (reported := SAID.search(text)):
            yield reported[1]


def _promised(requests: Requests, interaction_id: str) -> bool:
    """Whether the person saw a receipt (and no refusal)."""
    interactions = requests.sandbox.discord.interactions
    shown = interactions.render(interactions.get(interaction_id))
    texts = [_words(m.get("content") or "", m.get("components") or ()) for m in shown["responses"]]
    return any("On it" in text for text in texts)


def _words(content: str, components: Any) -> str:
    found, waiting = [content], list(components)
    while waiting:
        part = waiting.pop(0)
        found.append(part.get("content") or "")
        waiting = [*part.get("components", ()), *waiting]
    return "\n".join(found)


def _opened(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)
