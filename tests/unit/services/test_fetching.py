"""A paid result is tried for until it expires, whatever is wrong; then the true reason is given."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.domain.errors import Code, MediaError, ProviderError
from bot.domain.generation import Generation, ParkReason, State
from bot.domain.ids import TaskId
from bot.domain.ports.provider import TaskReport, TaskState
from bot.engine import ownership
from bot.engine.context import Policy
from bot.engine.steps.fetching import BROKEN_SECONDS, LONGEST_WAIT_SECONDS
from bot.engine.steps.polling import EMPTY_TIMES
from tests.fakes.ports import START
from tests.fakes.providers import VIDEO, refusal
from tests.unit.services.conftest import NOBODY, World

HOUR = 3600.0
MADE = 60.0
FIRST, SECOND = "https://results.example/cover.jpg", "https://results.example/two.mp4"
GONE = refusal(Code.RESULT_GONE, status=403)
SHORT = refusal(Code.RESULT_BROKEN, retryable=True, reason="short")
AWAY = refusal(Code.PROVIDER_UNAVAILABLE, retryable=True)
PAGE = refusal(Code.RESULT_BROKEN, reason="not a video")
LARGE = refusal(Code.RESULT_TOO_LARGE)
FULL = MediaError(Code.INTERNAL, reason="disk_full")
ENCODER = MediaError(Code.INTERNAL, reason="encoder")
UNPLAYABLE = MediaError(Code.RESULT_BROKEN)


@pytest.fixture(autouse=True)
def briefly_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider says that it keeps results for two hours."""
    # Hours pass here, and who is alone needs few heartbeats.
    monkeypatch.setattr(ownership, "HEARTBEAT_SECONDS", 300.0)
    world.policy = Policy(limits=NOBODY, fetch_deadline=60)
    world.evolink.keeps = 2 * HOUR


def done(*urls: str) -> TaskReport:
    expires_at = START + timedelta(seconds=MADE + 2 * HOUR)
    return TaskReport(
        task_id=TaskId("later"), state=TaskState.COMPLETED, urls=urls, urls_expire_at=expires_at
    )


def during(
    world: World, seconds: float, error: ProviderError
) -> Callable[[str], ProviderError | None]:
    """Refuse every link for this long after the task is done."""
    return lambda _: error if world.clock.seconds < MADE + seconds else None


async def ended(world: World) -> Generation:
    generation = (await world.ask(world.start())).generation
    await world.until_over()
    return await world.row(generation.id)


@pytest.mark.parametrize("error", [GONE, SHORT, AWAY, PAGE], ids=str)
async def test_a_link_that_works_after_an_hour_brings_the_video(
    world: World, error: ProviderError
) -> None:
    world.evolink.refuses_links = during(world, HOUR, error)
    row = await ended(world)
    assert row.state is State.DELIVERED
    assert world.clock.seconds <= MADE + HOUR + LONGEST_WAIT_SECONDS + 60
    assert len(world.messenger.videos) == 1
    assert (await world.usage()).videos == 1


@pytest.mark.parametrize("error", [FULL, ENCODER, OSError(28, "no space")], ids=str)
async def test_a_bug_for_an_hour_only_delays(world: World, error: Exception) -> None:
    # 2 + 4 + … + 512 s, then every ten minutes: the 14th try comes after an hour.
    world.media.adopt_faults.extend([error] * 13)
    row = await ended(world)
    assert row.state is State.DELIVERED
    assert world.clock.seconds >= MADE + 0.8 * HOUR
    assert row.strikes == 0


async def test_tries_come_with_growing_distance_and_with_every_link(world: World) -> None:
    world.evolink.outcomes.append(done(FIRST, SECOND))
    world.evolink.refuses_links = lambda _: GONE
    await ended(world)
    rounds = sorted({at for at, _ in world.evolink.downloads})
    assert [url for _, url in world.evolink.downloads[:2]] == [FIRST, SECOND]
    assert len(world.evolink.downloads) == 2 * len(rounds)
    gaps = [after - before for before, after in pairwise(rounds)]
    assert gaps[:4] == pytest.approx([2, 4, 8, 16], abs=1)
    assert max(gaps) <= LONGEST_WAIT_SECONDS + 1
    assert len(rounds) < 160


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([GONE], Code.RESULT_GONE),
        ([AWAY], Code.RESULT_UNREACHABLE),
        ([SHORT], Code.RESULT_BROKEN),
        ([PAGE, GONE], Code.RESULT_GONE),
        ([PAGE, AWAY], Code.RESULT_UNREACHABLE),
        ([GONE, PAGE], Code.RESULT_GONE),
    ],
)
async def test_after_the_expiry_the_true_reason_is_reported(
    world: World, errors: list[ProviderError], code: Code
) -> None:
    links = (FIRST, SECOND)[: len(errors)]
    world.evolink.outcomes.append(done(*links))
    world.evolink.refuses_links = lambda url: errors[links.index(url)]
    row = await ended(world)
    assert row.failure is not None
    assert row.failure.code is code
    assert 2 * HOUR <= world.clock.seconds - MADE <= 2 * HOUR + 120
    assert [reported.id for reported in world.messenger.ended] == [row.id]
    assert (await world.usage()).videos == 0


async def test_a_full_disk_until_the_expiry_is_reported_truly_and_to_the_owner(
    world: World,
) -> None:
    world.media.adopt_faults.extend([FULL] * 1000)
    generation = (await world.ask(world.start())).generation
    await world.until(lambda: Code.DISK in world.messenger.alerts)
    row = await world.row(generation.id)
    assert row.park is not None
    assert row.park.reason is ParkReason.DISK
    await world.until_over()
    row = await world.row(generation.id)
    assert row.failure is not None
    assert row.failure.code is Code.DISK


async def test_members_see_why_they_wait(world: World) -> None:
    world.evolink.refuses_links = during(world, 300, GONE)
    generation = (await world.ask(world.start())).generation
    await world.until(lambda: len(world.evolink.downloads) == 4)
    row = await world.row(generation.id)
    assert row.park is not None
    assert row.park.reason is ParkReason.RESULT
    await world.until_over()
    assert (await world.row(generation.id)).park is None


async def test_the_same_bytes_broken_over_some_time_are_broken_for_good(world: World) -> None:
    world.evolink.content = world.media.unplayable = b"what no player plays"
    row = await ended(world)
    assert row.failure is not None
    assert row.failure.code is Code.RESULT_BROKEN
    assert BROKEN_SECONDS <= world.clock.seconds - MADE <= BROKEN_SECONDS + 600


async def test_bytes_that_differ_each_time_prove_nothing(world: World) -> None:
    def another(_: str) -> None:
        # Cut in another place each time, until an hour has passed.
        number = len(world.evolink.downloads)
        broken = world.clock.seconds < MADE + HOUR
        world.evolink.content = world.media.unplayable = b"cut" * number
        if not broken:
            world.evolink.content = VIDEO

    world.evolink.refuses_links = another
    row = await ended(world)
    assert row.state is State.DELIVERED
    assert world.clock.seconds >= MADE + HOUR


async def test_a_cover_picture_first_is_skipped(world: World) -> None:
    world.evolink.outcomes.append(done(FIRST, SECOND))
    world.evolink.refuses_links = {FIRST: PAGE}.get
    row = await ended(world)
    assert row.state is State.DELIVERED
    assert len(world.evolink.downloads) == 2
    # What is shown as the full file is the link that was the video.
    assert row.result is not None
    assert row.result.urls == (SECOND, FIRST)


async def test_what_is_too_large_ends_at_once_unless_another_link_will_do(world: World) -> None:
    world.evolink.outcomes.append(done(FIRST, SECOND))
    world.evolink.refuses_links = {FIRST: LARGE}.get
    assert (await ended(world)).state is State.DELIVERED
    world.evolink.refuses_links = lambda _: LARGE
    row = await ended(world)
    assert row.failure is not None
    assert row.failure.code is Code.RESULT_TOO_LARGE


async def test_a_provider_that_is_wrong_about_the_expiry_is_not_believed(world: World) -> None:
    """Such as one that is eight hours behind, or tells a new day each time it is asked."""
    world.policy = Policy(limits=NOBODY, fetch_deadline=1800)
    world.evolink.keeps = -8 * HOUR
    world.evolink.refuses_links = during(world, 900, GONE)
    assert (await ended(world)).state is State.DELIVERED


async def test_after_the_expiry_it_is_tried_once_all_the_same(world: World) -> None:
    worker = world.start()
    world.evolink.refuses_links = lambda _: GONE
    generation = (await world.ask(worker)).generation
    await world.until_state(generation.id, State.READY)
    await world.kill(worker)
    world.clock.seconds += 10 * HOUR
    world.evolink.refuses_links = lambda _: None
    world.start()
    await world.until_over()
    assert await world.state(generation.id) is State.DELIVERED


@pytest.mark.parametrize("times", [1, EMPTY_TIMES - 1])
async def test_done_before_its_link_is_there_is_asked_about_again(world: World, times: int) -> None:
    world.evolink.empty_reports = times
    row = await ended(world)
    assert row.state is State.DELIVERED
    assert world.evolink.posts == 1


async def test_done_and_never_a_link_is_no_video(world: World) -> None:
    world.evolink.outcomes.append(done())
    row = await ended(world)
    assert row.failure is not None
    assert row.failure.code is Code.NO_VIDEO
    assert 120 <= world.clock.seconds - MADE <= 600
