"""When to ask a provider again, and when a video is expected: the poll rule, fed with what we know.

Owns the densities (one per kind of task, learned from past durations) and each provider's price of
a request. The rule itself is ``bot.domain.polling``.
"""

import statistics
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
from bot.domain.ports.storage import Transaction
from bot.services.board import Live
from bot.services.outside import Outside

ENOUGH_PAST = 5
"""From so many past durations on, their median beats the provider's estimate for the ETA."""


@dataclass(kw_only=True)
class _Kind:
    past: list[float]
    densities: dict[int, Density] = field(default_factory=dict[int, Density])


@dataclass(kw_only=True)
class Timing:
    """Learned durations and the next time to ask."""

    outside: Outside
    _kinds: dict[str, _Kind] = field(default_factory=dict[str, _Kind])
    _costs: dict[ProviderName, RequestCost] = field(default_factory=dict[ProviderName, RequestCost])

    async def start(self, live: Live) -> float:
        """Seconds until the first poll of a task; loads what is known about its kind."""
        key = kind_of(live.generation)
        if key not in self._kinds:
            past = await self.outside.storage.read(lambda tx: tx.durations.recent(key))
            self._kinds.setdefault(key, _Kind(past=list(past)))
        self._expect(live)
        return self.delay(live)

    def delay(self, live: Live) -> float:
        """Seconds until the next poll of a running task."""
        generation = live.generation
        provider = generation.plan.provider
        cost = self._cost(provider)
        lam = cost.at(self.outside.clock.monotonic())
        return next_poll(
            self._density(generation),
            elapsed_s=self._elapsed(live),
            last_progress=live.reading,
            lam=lam,
        )

    def read_progress(self, live: Live, percent: int | None) -> bool:
        """Take a progress reading; whether it is news."""
        if percent is None:
            return False
        fraction = min(max(percent, 0), 100) / 100
        if live.reading is not None and live.reading[1] == fraction:
            return False
        live.reading = (self._elapsed(live), fraction)
        self._expect(live)
        return True

    def throttled(self, provider: ProviderName) -> None:
        """The provider said that we ask too often."""
        self._costs[provider] = self._cost(provider).throttled(self.outside.clock.monotonic())

    async def learned(self, tx: Transaction, generation: Generation, seconds: float) -> None:
        """Remember how long a task took, in the transaction that records its end."""
        key = kind_of(generation)
        await tx.durations.add(key, seconds, at=self.outside.clock.now())
        kind = self._kinds.setdefault(key, _Kind(past=[]))
        kind.past.append(seconds)
        kind.densities.clear()

    def _expect(self, live: Live) -> None:
        generation = live.generation
        elapsed = self._elapsed(live)
        total = float(self._estimate(generation))
        kind = self._kinds.get(kind_of(generation))
        if kind is not None and len(kind.past) >= ENOUGH_PAST:
            total = statistics.median(kind.past)
        if live.reading is not None and live.reading[1] >= 0.1:
            total = live.reading[0] / live.reading[1]
        left = max(total - elapsed, 1.0)
        live.eta_at = self.outside.clock.now() + timedelta(seconds=left)

    def _density(self, generation: Generation) -> Density:
        kind = self._kinds.setdefault(kind_of(generation), _Kind(past=[]))
        estimate = self._estimate(generation)
        density = kind.densities.get(estimate)
        if density is None:
            density = completion_density(estimate, kind.past)
            kind.densities[estimate] = density
        return density

    def _cost(self, provider: ProviderName) -> RequestCost:
        policy = self.outside.policy
        calls_back = policy.callback_url and self.outside.providers.get(provider).calls_back
        base = policy.poll_lambda
        if calls_back:
            base = max(base, BEHIND_CALLBACKS)
        return self._costs.setdefault(provider, RequestCost(base=base))

    def _elapsed(self, live: Live) -> float:
        task = live.generation.task
        if task is None or task.submitted_at is None:
            return 0.0
        return live.seconds_since(task.submitted_at, self.outside.clock)

    @staticmethod
    def _estimate(generation: Generation) -> int:
        task = generation.task
        told = None if task is None else task.estimated_seconds
        return told or generation.plan.estimated_seconds


def kind_of(generation: Generation) -> str:
    """The kind of a task for learning: provider, model id, duration and resolution."""
    plan = generation.plan
    return f"{plan.provider}/{plan.model_id}/{plan.duration or 'auto'}/{plan.resolution or '-'}"
