"""Stopping the process before and after every outside effect and every commit, and going on.

Each story is walked once to count its points; then once for every moment around every point with a
crash there; then with pairs of crashes, the second one anywhere in the life after the first. A
sample of the pairs runs always, all of them with ``RETAKE_LONG=1`` (``RETAKE_LONG_SECONDS`` bounds
the time for each story, ``RETAKE_SEED`` chooses the order).
"""

import os
import random
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.reliability.points import Crash, Moment, moments
from tests.reliability.stories import STORIES
from tests.reliability.walks import Story, Walked, walked

LONG = os.environ.get("RETAKE_LONG") == "1"
LONG_SECONDS = float(os.environ.get("RETAKE_LONG_SECONDS", "120"))
SEED = int(os.environ.get("RETAKE_SEED", "1"))
SAMPLE = 20

AWAY = {Moment.BEFORE: 2.0, Moment.AFTER: 400.0, Moment.LATE: 5.0}
"""What is known after an effect is what is known before the next one: both absences are tried on
each. The longer one is beyond Discord's memory of a nonce.
"""

by_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


def crashes(points: Sequence[str]) -> Iterator[Crash]:
    """Every moment around every point of a life."""
    for number, name in enumerate(points, start=1):
        for moment in moments(name):
            yield Crash(point=number, moment=moment, away=AWAY[moment])


_CRASHED_ONCE: dict[tuple[str, Crash], Walked] = {}


def crashed_once(story: Story, crash: Crash) -> Walked:
    """A walk with one crash, walked once for all who ask."""
    key = (story.name, crash)
    if key not in _CRASHED_ONCE:
        _CRASHED_ONCE[key] = walked(story, crash)
    return _CRASHED_ONCE[key]


def told(story: Story, walk: Walked, *tried: Crash) -> str:
    """What happened, in words that lead back there."""
    where = [
        f"{crash} ({life[crash.point - 1] if crash.point <= len(life) else 'never reached'})"
        for crash, life in zip(tried, walk.lives, strict=False)
    ]
    return f"{story.name}: {'; then '.join(where)}: {'; '.join(walk.wrongs)}"


@by_story
def test_a_story_ends_well_without_a_crash(story: Story) -> None:
    walk = walked(story)
    assert walk.wrongs == []
    assert len(walk.lives) == 1


@by_story
@pytest.mark.timeout(600)
def test_a_crash_at_any_point_changes_nothing(story: Story, counted: list[str]) -> None:
    points = walked(story).lives[0]
    wrongs: list[str] = []
    tried = 0
    for crash in crashes(points):
        walk = crashed_once(story, crash)
        tried += 1
        assert len(walk.lives) == 2, f"{crash} was never reached"
        if walk.wrongs:
            wrongs.append(told(story, walk, crash))
    counted.append(f"{story.name}: {len(points)} points, {tried} single crashes")
    assert wrongs == []


@by_story
@pytest.mark.timeout(LONG_SECONDS + 600)
def test_two_crashes_change_nothing(story: Story, counted: list[str]) -> None:
    rng = random.Random(f"{SEED} {story.name}")
    firsts = list(crashes(walked(story).lives[0]))
    pairs = [(one, two) for one in firsts for two in crashes(crashed_once(story, one).lives[1])]
    rng.shuffle(pairs)
    until = time.monotonic() + LONG_SECONDS
    wrongs: list[str] = []
    tried = 0
    for first, second in pairs if LONG else pairs[:SAMPLE]:
        if LONG and time.monotonic() > until:
            break
        walk = walked(story, first, second)
        tried += 1
        if walk.wrongs:
            wrongs.append(told(story, walk, first, second))
    counted.append(f"{story.name}: {tried} of {len(pairs)} pairs of crashes")
    assert wrongs == []


def test_points_are_found_by_watching_and_not_by_a_list() -> None:
    points = {point for story in STORIES for point in walked(story).lives[0]}
    assert {
        "commit Transitions.move",
        "commit Scheduler._claim",
        "evolink.submit",
        "apimart.submit",
        "evolink.download",
        "disk.adopt",
        "discord.send",
        "discord.start_thread",
        "messenger.post_video",
    } <= points
