"""The audit of the kills finds what it is there for: each wrong is made once, and must be seen."""

import copy
import dataclasses
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from bench.audit import Audit, audit
from bench.requests import Requests, posted
from sandbox.clips import FixedClips
from sandbox.server import Sandbox
from tests.e2e.films import film
from tests.reliability.harness import Harness, shorten


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    shorten(monkeypatch)
    harness = Harness(folder=tmp_path, clips=FixedClips(film(tmp_path / "film.mp4", seconds=3)))
    with harness.complaints.listening():
        async with harness:
            yield harness


def change(harness: Harness, statement: str) -> None:
    with closing(sqlite3.connect(harness.database_file, timeout=10)) as books, books:
        books.execute(statement)


def unguarded(harness: Harness) -> None:
    """Away with what keeps the books from being changed by hand."""
    with closing(sqlite3.connect(harness.database_file, timeout=10)) as books, books:
        triggers = books.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            books.execute(f"DROP TRIGGER {name}")


async def test_each_wrong_is_seen(harness: Harness) -> None:
    # The harness has the stand-ins of a sandbox, which is all that is looked at.
    requests = Requests(sandbox=cast(Sandbox, cast(Any, harness)), chance=random.Random(1))
    await requests.ask()
    await requests.ask()
    for id_ in requests.asked.values():
        assert id_ is not None
        await harness.discord.people.interaction(id_, wait=60)
    await harness.resting()

    def looked() -> Audit:
        return audit(requests, harness.database_file)

    assert looked().wrongs == []
    assert looked().posts == 2
    world, evolink = harness.discord.world, harness.providers.evolink
    (prompt, video), _ = posted(requests.sandbox)

    twin = copy.copy(video)
    world.messages["1"] = twin
    assert looked().double_posted == [f"{prompt}: posted 2 times"]
    del world.messages["1"], world.messages[video.id]
    assert any("nobody got it" in wrong for wrong in looked().lost)
    world.messages[video.id] = video

    evolink.tasks["twin"] = next(t for t in evolink.tasks.values() if t.submission.prompt == prompt)
    assert looked().double_paid == [f"{prompt}: 2 tasks"]
    del evolink.tasks["twin"]
    # APIMart's model takes no length, so the bot writes it below the prompt.
    task = next(t for t in evolink.tasks.values() if t.submission.prompt == prompt)
    twin_task = copy.copy(task)
    twin_task.submission = dataclasses.replace(task.submission, prompt=f"{prompt}\n\n3 seconds.")
    harness.providers.apimart.tasks["twin"] = twin_task
    assert looked().double_paid == [f"{prompt}: 2 tasks"]
    del harness.providers.apimart.tasks["twin"]

    change(harness, "UPDATE provider_spend SET micro_usd = micro_usd + 1")
    assert len(looked().mis_charged) == 2
    change(harness, "UPDATE provider_spend SET micro_usd = micro_usd - 1")
    change(harness, "UPDATE generations SET announced = 0")
    assert len(looked().lost) == 2
    change(harness, "UPDATE generations SET announced = 1")
    unguarded(harness)
    change(harness, "DELETE FROM ledger WHERE kind = 'close'")
    assert len(looked().mis_charged) == 2
    change(harness, "DELETE FROM generation_events")
    change(harness, "DELETE FROM provider_spend")
    change(harness, "DELETE FROM ledger")
    change(harness, "DELETE FROM generations")
    assert [wrong for wrong in looked().lost if "nothing is written" in wrong]


async def test_a_result_that_is_cut_short_is_waited_for_until_all_is_calm(harness: Harness) -> None:
    """The bot is right to try again, and a kill must not be blamed for what it waits for."""
    requests = Requests(sandbox=cast(Sandbox, cast(Any, harness)), chance=random.Random(1))
    evolink = harness.providers.evolink
    evolink.add_fault(on="task", kind="truncated_file")
    await requests.ask()
    await evolink.wait(lambda provider: provider.counts["download"])
    requests.calm()
    await harness.resting()
    found = audit(requests, harness.database_file)
    assert (found.wrongs, found.posts) == ([], 1)
    assert evolink.counts["download"] > 1
