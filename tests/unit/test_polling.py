"""The poll plan: its bounds, its reaction to progress and 429, and the figures it must reach."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.polling import (
    BEHIND_CALLBACKS,
    LONGEST_GAP_S,
    REQUEST_COST,
    SHORTEST_GAP_S,
    Density,
    RequestCost,
    completion_density,
    next_poll,
)

MEDIAN_S = 60.0
SIGMA = 0.3
TASKS = 300

Bar = Callable[[float, float, random.Random], float]
"""What a provider shows as progress: (elapsed, real duration, chance) to a fraction."""


def log_normal(chance: random.Random, median_s: float = MEDIAN_S) -> float:
    return math.exp(chance.gauss(math.log(median_s), SIGMA))


def steps_of(percent: int) -> Bar:
    steps = 100 // percent
    return lambda elapsed, duration, _: math.floor(steps * elapsed / duration) / steps


def noisy(elapsed: float, duration: float, chance: random.Random) -> float:
    shown = elapsed / duration + chance.gauss(0, 0.03)
    return min(0.99, max(0.0, math.floor(100 * shown) / 100))


def stuck_at_99(elapsed: float, duration: float, _: random.Random) -> float:
    return min(0.99, math.floor(100 * elapsed / duration / 0.6) / 100)


def always_half(_elapsed: float, _duration: float, _: random.Random) -> float:
    return 0.5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    polls: float
    p50: float
    p95: float
    worst_polls: int


def simulate(
    *,
    history: int = 200,
    bar: Bar | None = None,
    lam: float = REQUEST_COST,
    seed: int = 7,
) -> Outcome:
    chance = random.Random(seed)
    density = completion_density(MEDIAN_S, [log_normal(chance) for _ in range(history)])
    polls: list[int] = []
    lags: list[float] = []
    for _ in range(TASKS):
        duration = log_normal(chance)
        elapsed, count = 0.0, 0
        seen: tuple[float, float] | None = None
        while elapsed < duration:
            elapsed += next_poll(density, elapsed_s=elapsed, last_progress=seen, lam=lam)
            count += 1
            assert count < 400, "a task must not be polled for ever"
            if bar is not None and elapsed < duration:
                shown = bar(elapsed, duration, chance)
                if seen is None or seen[1] != shown:
                    seen = (elapsed, shown)
        polls.append(count)
        lags.append(elapsed - duration)
    lags.sort()
    return Outcome(
        polls=sum(polls) / TASKS,
        p50=lags[TASKS // 2],
        p95=lags[int(TASKS * 0.95)],
        worst_polls=max(polls),
    )


def test_history_and_fine_progress_reach_the_promised_figures() -> None:
    reached = simulate(bar=steps_of(1))
    assert reached.polls <= 6.5
    assert reached.p50 <= 0.8
    assert reached.p95 <= 2.0


def test_coarse_progress_costs_a_little_more() -> None:
    reached = simulate(bar=steps_of(10))
    assert reached.polls <= 7.7
    assert reached.p50 <= 1.15
    assert reached.p95 <= 2.4


def test_noisy_progress_still_helps() -> None:
    reached = simulate(bar=noisy)
    assert reached.polls <= 7.7
    assert reached.p95 <= 3.9


@pytest.mark.parametrize("history", [0, 200])
def test_without_progress_the_estimate_and_history_carry(history: int) -> None:
    reached = simulate(history=history)
    assert reached.polls <= 11
    assert reached.p50 <= 2.3
    assert reached.p95 <= 4.3


def test_history_beats_a_wrong_estimate() -> None:
    """An estimate three times too long: what was learned must take over."""
    chance = random.Random(11)
    past = [log_normal(chance, 20.0) for _ in range(100)]
    learned, guessed = completion_density(60, past), completion_density(60)
    peak = max(learned.times, key=learned.at)
    assert 14 < peak < 24
    assert learned.at(20) > 5 * guessed.at(20)


def test_a_bar_stuck_at_99_does_not_cause_a_storm() -> None:
    reached = simulate(bar=stuck_at_99)
    assert reached.polls <= 13
    assert reached.p95 <= 4.5


def test_a_bar_that_never_moves_is_found_out() -> None:
    reached = simulate(bar=always_half)
    assert reached.polls <= 12
    assert reached.p95 <= 20


def test_a_dearer_request_is_asked_less_often() -> None:
    usual, dear = simulate(), simulate(lam=BEHIND_CALLBACKS)
    assert dear.polls < usual.polls / 2
    assert dear.p50 > usual.p50


def test_the_hazard_rule_on_a_flat_density() -> None:
    """Uniform over 0..100 s: rate sqrt(h / 2 lambda) with h = 1 / (100 - t) has a closed form."""
    flat = Density(times=tuple(float(t) for t in range(101)), values=(0.01,) * 100 + (0.0,))
    # From t: 2 (sqrt(100 - t) - sqrt(100 - t')) / sqrt(2 lambda) = 1
    expected = 100 - (10 - math.sqrt(2 * 0.2) / 2) ** 2
    assert next_poll(flat, elapsed_s=0.0, lam=0.2) == pytest.approx(expected, rel=0.05)


def test_progress_moves_the_poll_to_where_the_task_will_end() -> None:
    density = completion_density(MEDIAN_S)
    blind = next_poll(density, elapsed_s=37)
    # 37 % after 37 seconds: done at about 99, so there is time.
    assert next_poll(density, elapsed_s=37, last_progress=(37, 0.37)) > 1.8 * blind
    # 93 % after 37 seconds: done at about 40, so be there.
    assert 1.0 < next_poll(density, elapsed_s=37, last_progress=(37, 0.93)) < 3.5 < blind


def test_a_lying_bar_cannot_outweigh_durations() -> None:
    """1 % after 40 seconds promises an hour; the floor keeps asking well before."""
    density = completion_density(MEDIAN_S, [MEDIAN_S] * 50)
    assert next_poll(density, elapsed_s=58, last_progress=(40, 0.01)) < 20


@pytest.mark.parametrize("elapsed", [600.0, 3_600.0, 86_400.0, 1e7])
def test_far_past_the_estimate_it_goes_on_calmly(elapsed: float) -> None:
    gap = next_poll(completion_density(MEDIAN_S), elapsed_s=elapsed)
    assert 3.0 <= gap <= LONGEST_GAP_S


def test_what_should_long_be_over_is_still_asked_about() -> None:
    over = Density(times=(1.0, 2.0, 3.0), values=(1.0, 0.5, 0.0))
    assert next_poll(over, elapsed_s=50) == LONGEST_GAP_S


def test_the_gap_grows_with_the_time_a_task_is_late() -> None:
    density = completion_density(MEDIAN_S, [MEDIAN_S] * 30)
    gaps = [next_poll(density, elapsed_s=elapsed) for elapsed in (2_000, 4_000, 8_000, 20_000)]
    assert all(earlier <= later for earlier, later in pairwise(gaps))
    assert gaps[0] < gaps[-1] == LONGEST_GAP_S


@given(
    estimate=st.floats(0, 1e5),
    past=st.lists(st.floats(0, 1e5), max_size=30),
    elapsed=st.floats(-5, 1e6),
    reading=st.none() | st.tuples(st.floats(-1, 1e6), st.floats(-1, 2)),
    lam=st.floats(0.01, 100),
)
def test_every_gap_is_within_the_bounds(
    estimate: float,
    past: list[float],
    elapsed: float,
    reading: tuple[float, float] | None,
    lam: float,
) -> None:
    density = completion_density(estimate, past)
    gap = next_poll(density, elapsed_s=elapsed, last_progress=reading, lam=lam)
    assert 0.5 == SHORTEST_GAP_S <= gap <= LONGEST_GAP_S == 45


@given(estimate=st.floats(1, 1_000), past=st.lists(st.floats(1, 2_000), max_size=60))
def test_a_density_holds_one_task(estimate: float, past: list[float]) -> None:
    density = completion_density(estimate, past)
    pairs = list(pairwise(zip(density.times, density.values, strict=True)))
    mass = sum(0.5 * (a + b) * (t2 - t1) for (t1, a), (t2, b) in pairs)
    assert all(t1 < t2 for (t1, _), (t2, _) in pairs)
    assert mass == pytest.approx(1.0, abs=0.15)


def test_only_the_newest_durations_count() -> None:
    assert completion_density(60, [5.0] * 500 + [80.0] * 200) == completion_density(
        60, [80.0] * 200
    )


def test_429_doubles_the_cost_and_time_halves_it() -> None:
    calm = RequestCost()
    assert calm.at(1_000) == REQUEST_COST
    once = calm.throttled(1_000)
    assert once.at(1_000) == pytest.approx(0.4)
    assert once.throttled(1_000).at(1_000) == pytest.approx(0.8)
    assert once.at(1_060) == pytest.approx(0.3)
    assert once.at(10_000) == pytest.approx(REQUEST_COST, rel=1e-3)


def test_a_storm_of_429_stays_below_the_ceiling() -> None:
    cost = RequestCost(base=1.0, ceiling=16.0)
    for _ in range(40):
        cost = cost.throttled(5.0)
    assert cost.at(5.0) == 16.0
