"""Which providers answer batch queries, as far as known.

This module remembers batch queries that failed while single ones worked. It knows no tasks.
"""

from dataclasses import dataclass, field

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError

SINGLE_SECONDS = 600.0
"""How long a provider gets single queries before batches are tried again, in seconds."""

THROTTLED_TIMES = 3
"""A 429 to a batch means a pause; after this many, batches themselves may be the reason."""


@dataclass(kw_only=True)
class Batches:
    """The providers whose batches fail. Times are monotonic seconds."""

    _single_until: dict[ProviderName, float] = field(default_factory=dict[ProviderName, float])
    _throttled: dict[ProviderName, int] = field(default_factory=dict[ProviderName, int])

    def work(self, provider: ProviderName, now: float) -> bool:
        """Return True unless a batch query failed recently while single ones worked."""
        return now >= self._single_until.get(provider, now)

    def answered(self, provider: ProviderName) -> None:
        """Record a batch query that was answered."""
        self._throttled.pop(provider, None)

    def may_be_broken(self, provider: ProviderName, error: ProviderError) -> bool:
        """Return True if single queries should be tried after a failed batch query."""
        if error.code is not Code.PROVIDER_RATE_LIMITED:
            return True
        self._throttled[provider] = self._throttled.get(provider, 0) + 1
        return self._throttled[provider] >= THROTTLED_TIMES

    def avoid(self, provider: ProviderName, now: float) -> None:
        """Use single queries for this provider for a while."""
        self._single_until[provider] = now + SINGLE_SECONDS
        self._throttled.pop(provider, None)
