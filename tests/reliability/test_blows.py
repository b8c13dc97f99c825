"""Faults other than crashes: a worker that stalls next to another, a database that says nothing.

Both at every point of a story. A worker that was stopped for minutes wakes up as somebody whose
work was taken over; a commit whose answer is lost may have happened.
"""

import pytest

from tests.reliability.conftest import Counted
from tests.reliability.driver import Story, walked
from tests.reliability.points import Blow, Crash, Moment, amid_heartbeats
from tests.reliability.stories import STORIES
from tests.reliability.test_crashes import LONG, by_story, described

pytestmark = pytest.mark.no_cover

STILL_SECONDS = 250.0
"""Long enough to be taken for dead, and for Discord to forget a nonce."""

BEYOND_US = ("messenger.", "discord.")
"""Stopped between its last look and its request, no program can know what happened meanwhile; and
Discord takes no condition with a message. (A provider does: the key.)
"""

STANDING = [
    s for s in STORIES if s.name in {"text", "too large", "unconfirmed, only the key can help"}
]


@pytest.mark.parametrize("story", STANDING, ids=lambda story: story.name)
@pytest.mark.timeout(600)
def test_standing_still_anywhere_next_to_another_worker_changes_nothing(
    story: Story, counted: Counted
) -> None:
    points = walked(story, workers=2).lives[0]
    wrongs: list[str] = []
    tried = 0
    for number, name in enumerate(points, start=1):
        for moment in (Moment.BEFORE, Moment.AFTER):
            if name.startswith(BEYOND_US) and moment is Moment.BEFORE:
                continue
            blow = Crash(point=number, moment=moment, away=STILL_SECONDS, blow=Blow.STANDS_STILL)
            walk = walked(story, blow, workers=2)
            tried += 1
            if walk.wrongs:
                wrongs.append(described(story, walk, blow))
    counted(f"{story.name}: {tried} times a worker stood still")
    assert wrongs == []


@by_story
@pytest.mark.timeout(600)
def test_a_database_that_says_nothing_changes_nothing(story: Story, counted: Counted) -> None:
    points = walked(story).lives[0]
    wrongs: list[str] = []
    tried = 0
    for number, name in enumerate(points, start=1):
        if not name.startswith("commit") or (not LONG and amid_heartbeats(points, number)):
            continue
        for moment in (Moment.BEFORE, Moment.AFTER):
            blow = Crash(point=number, moment=moment, away=0, blow=Blow.HEARS_NOTHING)
            walk = walked(story, blow)
            tried += 1
            if walk.wrongs:
                wrongs.append(described(story, walk, blow))
    counted(f"{story.name}: {tried} commits refused, or done and not answered")
    assert wrongs == []
