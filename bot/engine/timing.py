"""When to poll a provider again, and when a video is expected: the poll rule with learned data.

This module owns the densities (one per kind of task, learned from past durations) and each
provider's cost of a request. The rule itself is ``bot.domain.polling``.
"""

import statistics
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.catalogue import ProviderName
from bot.domain.generation import Generation
from bot.domain.polling import (
    BEHIND_CALLBACKS,
    Density,
    RequestCost,
    completion_density,
    next_poll,
)
from bot.engine.context import Ports
from bot.engine.in_flight import InFlight

ENOUGH_PAST = 5
"""With this many past durations, their median replaces the provider's estimate in the ETA."""


KEPT = 200
"""How many of the latest durations of one kind are kept."""

MOST_KINDS = 200
"""How many kinds are kept in memory, those used last."""

MOST_ESTIMATES = 16
"""How many estimates of one kind have their densities kept."""

WATCHED_SECONDS = 90.0
"""A duration counts if the task was seen running at most this long before it was done."""

MOST_TIMES = 20
"""A provider's estimate of more than this many times ours is not believed."""


@dataclass(kw_only=True)
class _Kind:
    past: deque[float]
    densities: dict[int, Density] = field(default_factory=dict[int, Density])


@dataclass(kw_only=True)
class Timing:
    """Learned durations, and the next time to poll."""

    ports: Ports
    _kinds: OrderedDict[str, _Kind] = field(default_factory=OrderedDict[str, _Kind])
    _costs: dict[ProviderName, RequestCost] = field(default_factory=dict[ProviderName, RequestCost])

    async def start(self, live: InFlight) -> float:
        """Return the seconds until the first poll of a task; load what is known of its kind."""
        key = kind_of(live.generation)
        if key not in self._kinds:
            past = await self.ports.storage.read(lambda tx: tx.durations.recent(key))
            self._kind(key, past)
        if not live.claimed:
            self.seen_running(live)
        self._expect(live)
        return self.delay(live)

    def delay(self, live: InFlight) -> float:
        """Return the seconds until the next poll of a running task."""
        generation = live.generation
        provider = generation.plan.provider
        cost = self._cost(provider)
        lam = cost.at(self.ports.clock.monotonic())
        return next_poll(
            self._density(generation),
            elapsed_s=self._elapsed(live),
            last_progress=live.reading,
            lam=lam,
        )

    def read_progress(self, live: InFlight, percent: int | None) -> bool:
        """Record a progress reading; return True if it is new."""
        if percent is None:
            return False
        fraction = min(max(percent, 0), 100) / 100
        if live.reading is not None and live.reading[1] == fraction:
            return False
        live.reading = (self._elapsed(live), fraction)
        self._expect(live)
        return True

    def throttled(self, provider: ProviderName) -> None:
        """Record a 429: the provider wants fewer requests."""
        self._costs[provider] = self._cost(provider).throttled(self.ports.clock.monotonic())

    def seen_running(self, live: InFlight) -> None:
        """Record that the task is running right now."""
        live.running_at = self.ports.clock.monotonic()

    def duration(self, live: InFlight) -> float | None:
        """Return how long a task took that is seen to be done now, in seconds.

        None if its end was not observed: it may have been done for long, while this process was
        down or the provider did not answer. The end of a late result is not observed either.
        """
        seen, now = live.running_at, self.ports.clock.monotonic()
        if live.generation.late or seen is None or now - seen > WATCHED_SECONDS:
            return None
        return self._elapsed(live)

    def learn(self, generation: Generation, seconds: float) -> None:
        """Use a recorded duration in the estimates for its kind."""
        kind = self._kind(kind_of(generation))
        kind.past.append(seconds)
        kind.densities.clear()

    def _expect(self, live: InFlight) -> None:
        generation = live.generation
        elapsed = self._elapsed(live)
        total = float(self._estimate(generation))
        kind = self._kinds.get(kind_of(generation))
        if kind is not None and len(kind.past) >= ENOUGH_PAST:
            total = statistics.median(kind.past)
        if live.reading is not None and live.reading[1] >= 0.1:
            total = live.reading[0] / live.reading[1]
        left = total - elapsed
        # It takes longer than expected, so no time is shown.
        live.eta_at = self.ports.clock.now() + timedelta(seconds=left) if left > 0 else None

    def _density(self, generation: Generation) -> Density:
        kind = self._kind(kind_of(generation))
        estimate = self._estimate(generation)
        density = kind.densities.get(estimate)
        if density is None:
            if len(kind.densities) >= MOST_ESTIMATES:
                kind.densities.clear()
            density = completion_density(estimate, tuple(kind.past))
            kind.densities[estimate] = density
        return density

    def _kind(self, key: str, past: Sequence[float] = ()) -> _Kind:
        """Return what is known of a kind; the least recently used one is evicted."""
        kind = self._kinds.setdefault(key, _Kind(past=deque(past, maxlen=KEPT)))
        self._kinds.move_to_end(key)
        while len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)
        return kind

    def _cost(self, provider: ProviderName) -> RequestCost:
        policy = self.ports.policy
        supports_callbacks = (
            policy.callback_url and self.ports.providers.get(provider).supports_callbacks
        )
        base = policy.poll_lambda
        if supports_callbacks:
            base = max(base, BEHIND_CALLBACKS)
        return self._costs.setdefault(provider, RequestCost(base=base))

    def _elapsed(self, live: InFlight) -> float:
        task = live.generation.task
        if task is None or task.submitted_at is None:
            return 0.0
        return live.seconds_since(task.submitted_at, self.ports.clock)

    @staticmethod
    def _estimate(generation: Generation) -> int:
        task = generation.task
        reported = None if task is None else task.estimated_seconds
        planned = generation.plan.estimated_seconds
        if reported is None or not 0 < reported <= MOST_TIMES * max(planned, 1):
            return planned
        return reported


def kind_of(generation: Generation) -> str:
    """Return the kind of a task for learning: provider, model id, duration and resolution."""
    plan = generation.plan
    return f"{plan.provider}/{plan.model_id}/{plan.duration or 'auto'}/{plan.resolution or '-'}"
