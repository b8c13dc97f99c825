"""Stopping the process before and after every outside effect and every commit, and going on.

Each story is walked once to count its points; then once for every moment around every point with a
crash there; then with pairs of crashes, the second one anywhere in the life after the first. A
sample of the pairs runs always, each walked to its end; all of them with ``RETAKE_LONG=1``, best on
two processes (``-n 2 --dist worksteal``). ``RETAKE_LONG_SECONDS`` bounds the time for each story,
``RETAKE_SEED`` chooses the order.

Of all pairs, those are not walked again whose restart is the restart of another one: see
``sameness``. A first crash that leaves the world as another first crash left it has the same second
crashes with the same ends; and a walk is left at its second restart when an earlier one went on
from there. That this is so, and not only thought to be, is seen on every restart after a single
crash: those are all walked to the end, and those that are the same must pass the same points and
end in the same world.

Which lines run is not watched in the walks with crashes (``no_cover``): that would double their
time, and other tests pass the same lines.
"""

import gc
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.reliability.conftest import Counted
from tests.reliability.driver import Story, Walked, walked
from tests.reliability.points import Crash, Moment, amid_heartbeats, moments
from tests.reliability.stories import STORIES

LONG = os.environ.get("RETAKE_LONG") == "1"
LONG_SECONDS = float(os.environ.get("RETAKE_LONG_SECONDS", "inf"))
TIMEOUT = 3600 if LONG else 600
SEED = int(os.environ.get("RETAKE_SEED", "1"))
SAMPLE = 20

AWAY = {Moment.BEFORE: 2.0, Moment.AFTER: 400.0, Moment.LATE: 5.0}
"""What is known after an effect is what is known before the next one: both absences are tried on
each. The longer one is beyond Discord's memory of a nonce.
"""

by_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


def crashes(points: Sequence[str]) -> Iterator[Crash]:
    """Every moment around every point of a life.

    Long waits hold hundreds of heartbeats: crashes amid them are left to the long run.
    """
    for number, name in enumerate(points, start=1):
        if not LONG and amid_heartbeats(points, number):
            continue
        for moment in moments(name):
            yield Crash(point=number, moment=moment, away=AWAY[moment])


_CRASHED_ONCE: dict[tuple[str, Crash], Walked] = {}


def crashed_once(story: Story, crash: Crash) -> Walked:
    """A walk with one crash, walked once for all who ask."""
    key = (story.name, crash)
    if key not in _CRASHED_ONCE:
        _CRASHED_ONCE[key] = walked(story, crash)
    return _CRASHED_ONCE[key]


def described(story: Story, walk: Walked, *tried: Crash) -> str:
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
@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_a_crash_at_any_point_changes_nothing(story: Story, counted: Counted) -> None:
    points = walked(story).lives[0]
    wrongs: list[str] = []
    tried = 0
    for crash in crashes(points):
        walk = crashed_once(story, crash)
        tried += 1
        assert len(walk.lives) == 2, f"{crash} was never reached"
        if walk.wrongs:
            wrongs.append(described(story, walk, crash))
    counted(f"{story.name}: {len(points)} points, {tried} single crashes")
    assert wrongs == []


def alike(story: Story) -> list[list[Crash]]:
    """The crashes of a story's first life, those together that leave the same world behind."""
    found: dict[bytes, list[Crash]] = defaultdict(list)
    alone: list[list[Crash]] = []
    for crash in crashes(walked(story).lives[0]):
        here = crashed_once(story, crash).left
        if here is None:
            alone.append([crash])
        else:
            found[here].append(crash)
    return [*found.values(), *alone]


@by_story
@pytest.mark.no_cover
@pytest.mark.timeout(600)
def test_restarts_that_are_the_same_go_on_alike(story: Story) -> None:
    groups = alike(story)
    assert any(len(group) > 1 for group in groups)
    for first, *others in groups:
        expected = crashed_once(story, first)
        for other in others:
            walk = crashed_once(story, other)
            assert walk.lives[1] == expected.lives[1], f"{story.name}: {other}, as {first}"
            assert walk.end == expected.end, f"{story.name}: {other}, as {first}"
            assert walk.wrongs == expected.wrongs, f"{story.name}: {other}, as {first}"


def seconds(story: Story, first: Crash) -> list[Crash]:
    """The crashes of the life after a first one."""
    return list(crashes(crashed_once(story, first).lives[1]))


@dataclass
class Pairs:
    """What came of pairs of crashes: how many there were, how many were walked to their end."""

    story: Story
    tried: int = 0
    walked: int = 0
    wrongs: list[str] = field(default_factory=list[str])
    known: set[bytes] = field(default_factory=set[bytes])

    def walk(self, *pair: Crash, stands_for: int = 1) -> None:
        """Walk a pair that stands for so many of its kind."""
        walk = walked(self.story, *pair, known=self.known)
        self.tried += stands_for
        self.walked += not walk.seen_before
        if walk.wrongs:
            self.wrongs.append(described(self.story, walk, *pair))
        if len(walk.lives) + walk.seen_before != 1 + len(pair):
            self.wrongs.append(f"never reached: {described(self.story, walk, *pair)}")
        elif walk.left is not None:
            self.known.add(walk.left)


@by_story
@pytest.mark.no_cover
@pytest.mark.timeout(TIMEOUT)
def test_two_crashes_change_nothing(story: Story, counted: Counted) -> None:
    rng = random.Random(f"{SEED} {story.name}")
    groups = alike(story)
    of = sum(len(seconds(story, first)) for group in groups for first in group)
    pairs = Pairs(story)
    if LONG:
        gc.freeze()  # there is a lot that lasts: looking through it again and again takes its time
        rng.shuffle(groups)
        until = time.monotonic() + LONG_SECONDS
        for group in groups:
            for second in seconds(story, group[0]) if time.monotonic() < until else ():
                pairs.walk(group[0], second, stands_for=len(group))
    else:
        every = [(one, two) for group in groups for one in group for two in seconds(story, one)]
        for pair in rng.sample(every, min(SAMPLE, len(every))):
            pairs.known.clear()
            pairs.walk(*pair)
    counted(f"{story.name}: {pairs.tried} of {of} pairs of crashes, {pairs.walked} to the end")
    assert pairs.wrongs == []


def test_points_are_found_by_watching_and_not_by_a_list() -> None:
    points = {point for story in STORIES for point in walked(story).lives[0]}
    assert {
        "commit Transitions.move",
        "commit Ownership._beat",
        "commit Ownership._claim_once",
        "evolink.submit",
        "apimart.submit",
        "evolink.download",
        "disk.adopt",
        "discord.send",
        "discord.start_thread",
        "messenger.post_video",
    } <= points
