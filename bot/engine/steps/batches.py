"""Which providers answer questions about many tasks at once, as far as known.

Owns the memory of batch queries that failed while single ones worked. Knows nothing of tasks.
"""

from dataclasses import dataclass, field

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code, ProviderError

SINGLE_SECONDS = 600.0
"""For this long a provider is asked about one task at a time before batches are tried again."""

THROTTLED_TIMES = 3
"""A provider that answers 429 to batches wants a pause; after this many it may be the batches."""


@dataclass(kw_only=True)
class Batches:
    """Times are seconds of the monotonic clock."""

    _single_until: dict[ProviderName, float] = field(default_factory=dict[ProviderName, float])
    _throttled: dict[ProviderName, int] = field(default_factory=dict[ProviderName, int])

    def work(self, provider: ProviderName, now: float) -> bool:
        """Return True unless a batch query failed lately where single ones worked."""
        return now >= self._single_until.get(provider, now)

    def answered(self, provider: ProviderName) -> None:
        """A batch query was answered."""
        self._throttled.pop(provider, None)

    def may_be_broken(self, provider: ProviderName, error: ProviderError) -> bool:
        """Return True if a failed batch query is a reason to see whether single ones work."""
        if error.code is not Code.PROVIDER_RATE_LIMITED:
            return True
        self._throttled[provider] = self._throttled.get(provider, 0) + 1
        return self._throttled[provider] >= THROTTLED_TIMES

    def avoid(self, provider: ProviderName, now: float) -> None:
        """Ask this provider about one task at a time for a while."""
        self._single_until[provider] = now + SINGLE_SECONDS
        self._throttled.pop(provider, None)
