"""When to poll a provider again: the hazard rule.

Owns the arithmetic that turns an estimate, past durations and the last progress reading into the
number of seconds until the next poll. It knows nothing of clocks, providers, tasks or the database;
its caller keeps the densities, the readings and the due times.

Lag costs one unit a second and a request costs lambda. With the hazard h(t) of completion (density
over survival) the best rate of polls is sqrt(h / 2 lambda), so the next poll falls where the
integral of that rate from now on reaches 1.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt

REQUEST_COST = 0.2
"""The cost of one request, in seconds of lag. It is the only parameter to tune."""

BEHIND_CALLBACKS = 3.0
"""The same for providers that send callbacks, where polls only replace lost ones."""

SHORTEST_GAP_S = 0.5
LONGEST_GAP_S = 45.0

_PRIOR_WEIGHT = 15.0
_NEWEST = 200
_GRID = (12, 40, 12)
_EARLIEST_S = 0.25
_FAST_FAILURE_S = 4.0
_FLOOR = 0.02
# How far a correct progress bar may deviate from a straight line, as a fraction of the whole.
_PROGRESS_NOISE = 0.015
_PROGRESS_POINTS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Density:
    """When tasks of one kind complete: seconds since submission, and the density there.

    Valid from the first grid point to the last; behind the last the tail is taken as a power law
    (waiting long means to go on waiting long), so that nothing is ever certain to be over.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, time_s: float) -> float:
        """Density at a time, linear between grid points, a power law behind the last."""
        times, values = self.times, self.values
        if time_s >= times[-1]:
            return values[-1] * (times[-1] / time_s) ** 2
        if time_s <= times[0]:
            return values[0]
        right = bisect_right(times, time_s)
        left_s, left = times[right - 1], values[right - 1]
        return left + (values[right] - left) * (time_s - left_s) / (times[right] - left_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestCost:
    """Lambda for one provider: it doubles with every 429 and falls back to its base by halves.

    Times are seconds of any monotonic clock of the caller.
    """

    base: float = REQUEST_COST
    half_life_s: float = 60.0
    ceiling: float = 64.0
    raised: float = 1.0
    raised_at_s: float = 0.0

    def at(self, now_s: float) -> float:
        """Lambda now."""
        return self.base * self._factor(now_s)

    def throttled(self, now_s: float) -> "RequestCost":
        """The cost after one more 429."""
        return RequestCost(
            base=self.base,
            half_life_s=self.half_life_s,
            ceiling=self.ceiling,
            raised=min(self.ceiling, 2 * self._factor(now_s)),
            raised_at_s=now_s,
        )

    def _factor(self, now_s: float) -> float:
        halvings = max(0.0, now_s - self.raised_at_s) / self.half_life_s
        return 1.0 + (self.raised - 1.0) * 0.5**halvings


def completion_density(estimate_s: float, past_s: Sequence[float] = ()) -> Density:
    """Blend past durations (oldest first) with what the estimate alone would make us expect.

    The prior counts as 15 observations: 4 % fast failures, 84 % about the estimate, 12 % stragglers
    about 2.2 times as long. Costs a millisecond or two: keep the result per (provider, model,
    duration, resolution) and compute it again when a duration was learned.
    """
    estimate_s = max(1.0, estimate_s)
    past = [log(max(_EARLIEST_S, seconds)) for seconds in past_s[-_NEWEST:]]
    prior = (
        (_PRIOR_WEIGHT * 0.04, log(_FAST_FAILURE_S), 0.8),
        (_PRIOR_WEIGHT * 0.84, log(estimate_s), 0.40),
        (_PRIOR_WEIGHT * 0.12, log(2.2 * estimate_s), 0.6),
    )
    width = _bandwidth(past)
    kernels = [*prior, *((1.0, centre, width) for centre in past)]
    total = _PRIOR_WEIGHT + len(past)

    low = min(log(estimate_s) - 1.2, *(centre - 3 * width for centre in past), 99.0)
    high = max(log(estimate_s) + 1.2, *(centre + 3 * width for centre in past), 0.0)
    end = max(high, log(2.2 * estimate_s) + 2.4) + 0.1
    grid = list(_spread(min(log(_EARLIEST_S), low - 0.1), low, high, end))
    values = []
    for point in grid:
        density = sum(
            weight / spread * exp(-0.5 * ((point - centre) / spread) ** 2)
            for weight, centre, spread in kernels
            if abs(point - centre) < 6 * spread
        )
        # A density over the logarithm becomes one over seconds when divided by them.
        values.append(density / (total * sqrt(2 * pi) * exp(point)))
    return Density(times=tuple(map(exp, grid)), values=tuple(values))


def next_poll(
    density: Density,
    *,
    elapsed_s: float,
    last_progress: tuple[float, float] | None = None,
    lam: float = REQUEST_COST,
) -> float:
    """Seconds from now until the next poll, between 0.5 and 45.

    ``elapsed_s`` counts from submission. ``last_progress`` is the last reading as (elapsed seconds,
    fraction 0 to 1), at the time when that fraction was *first* seen: a bar stuck at 99 % then
    loses its influence instead of announcing the end with every poll. It multiplies the density
    once, with a floor, so that a wrong bar cannot outweigh the past durations.
    """
    # Nothing ends before the first grid point, and a duration of zero has no progress.
    elapsed_s = max(_EARLIEST_S, elapsed_s)
    believed = _Progress.read(last_progress)
    points = _points(density, elapsed_s, believed)
    weights = [
        density.at(point) * (believed.likelihood(point) if believed else 1.0) for point in points
    ]

    # Survival from the right; behind the last point the power law holds as much as its rectangle.
    tail = weights[-1] * points[-1]
    masses = [
        0.5 * (weights[i] + weights[i + 1]) * (points[i + 1] - points[i])
        for i in range(len(points) - 1)
    ]
    alive = sum(masses) + tail
    if alive <= 0.0:
        return LONGEST_GAP_S
    reached = 0.0
    for i, mass in enumerate(masses):
        step = points[i + 1] - points[i]
        left = max(alive - mass, 1e-12 * alive)
        # The mean hazard of the step is log(alive / left) / step.
        area = sqrt(log(alive / left) * step / (2.0 * lam))
        if reached + area >= 1.0:
            gap = points[i] + step * (1.0 - reached) / area - elapsed_s
            return min(LONGEST_GAP_S, max(SHORTEST_GAP_S, gap))
        reached += area
        alive = left
    return LONGEST_GAP_S


@dataclass(frozen=True, kw_only=True, slots=True)
class _Progress:
    """One reading as evidence about the whole duration, progress taken as roughly linear."""

    at_s: float
    fraction: float
    step: float

    @classmethod
    def read(cls, reading: tuple[float, float] | None) -> "_Progress | None":
        if reading is None or reading[0] <= 0.0 or not 0.0 < reading[1] <= 1.0:
            return None
        at_s, fraction = reading
        # Bars are rounded down to whole steps. The reading shows which steps this provider uses:
        # a round number may be a coarse step, 37 % cannot.
        percent = round(fraction * 100)
        step = 0.1 if percent % 10 == 0 else 0.05 if percent % 5 == 0 else 0.01
        return cls(at_s=at_s, fraction=fraction, step=step)

    def likelihood(self, duration_s: float) -> float:
        """From the floor up to 1: how well a task of that duration fits the reading."""
        done = self.at_s / duration_s
        if done < self.fraction:
            off = self.fraction - done
        elif done > self.fraction + self.step:
            off = done - self.fraction - self.step
        else:
            return 1.0
        return _FLOOR + (1.0 - _FLOOR) * exp(-0.5 * (off / _PROGRESS_NOISE) ** 2)

    def span(self) -> tuple[float, float]:
        """Return the range of durations for which the likelihood is above its floor."""
        edge = 3.5 * _PROGRESS_NOISE
        longest = self.at_s / max(self.fraction - edge, 0.01)
        return self.at_s / (self.fraction + self.step + edge), longest


def _points(density: Density, elapsed_s: float, believed: _Progress | None) -> list[float]:
    """Return the grid from now on, finer where the progress reading changes the likelihood."""
    # After the grid, only the longest gap matters.
    points = {elapsed_s, elapsed_s + LONGEST_GAP_S}
    points.update(point for point in density.times if point > elapsed_s)
    if believed is not None:
        start, stop = believed.span()
        start = max(start, elapsed_s)
        if stop > start:
            width = (stop - start) / _PROGRESS_POINTS
            points.update(start + width * k for k in range(_PROGRESS_POINTS + 1))
    return sorted(points)


def _bandwidth(logs: Sequence[float]) -> float:
    """Return the bandwidth by Silverman's rule for log durations, clamped to 5 … 40 %."""
    if len(logs) < 2:
        return 0.4
    mean = sum(logs) / len(logs)
    deviation = sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1))
    return min(0.4, max(0.05, 1.06 * deviation * len(logs) ** -0.2))


def _spread(first: float, low: float, high: float, end: float) -> Iterator[float]:
    """Yield grid points over the logarithm, most of them in the middle."""
    before, within, behind = _GRID
    for k in range(before):
        yield first + (low - first) * k / before
    for k in range(within):
        yield low + (high - low) * k / within
    for k in range(behind):
        yield high + (end - high) * k / (behind - 1)
