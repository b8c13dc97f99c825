"""What the services report to metrics. None of these methods can fail or wait."""

from typing import Protocol

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code
from bot.domain.generation import State


class Telemetry(Protocol):
    """Counters and timings, each named after the event."""

    def moved(self, before: State | None, after: State) -> None:
        """Count a change of a generation's state (None: it was just requested)."""
        ...

    def polled(self, provider: ProviderName, tasks: int) -> None:
        """Count one query about this many tasks."""
        ...

    def delivered(self, lag_seconds: float) -> None:
        """Record a posted video and the seconds since it was known to be done."""
        ...

    def step_failed(self, state: State) -> None:
        """Count a step that failed because of an internal error."""
        ...

    def refused(self, code: Code) -> None:
        """Count a refused request."""
        ...

    def called(self, provider: ProviderName, call: str, outcome: str, seconds: float) -> None:
        """Record a provider call (``submit``, ``query``, …); ``outcome`` is ``ok`` or a code."""
        ...

    def spent(self, provider: ProviderName, micro_usd: int) -> None:
        """Record the cost that a provider reported for a task."""
        ...

    def callback_received(self, provider: ProviderName) -> None:
        """Count a provider's callback about one of our generations."""
        ...
