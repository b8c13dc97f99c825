"""What the services tell the operator's instruments. Nothing here can fail or wait."""

from typing import Protocol

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code
from bot.domain.generation import State


class Telemetry(Protocol):
    """Counters and timings, named by what happened."""

    def moved(self, before: State | None, after: State) -> None:
        """A generation changed its state (None: it was just asked for)."""
        ...

    def polled(self, provider: ProviderName, tasks: int) -> None:
        """One query went out, about so many tasks."""
        ...

    def delivered(self, lag_seconds: float) -> None:
        """A video was posted, so long after we learned that it was done."""
        ...

    def step_failed(self, state: State) -> None:
        """A step failed for reasons of our own."""
        ...

    def refused(self, code: Code) -> None:
        """A person was refused; nothing was held."""
        ...

    def called(self, provider: ProviderName, call: str, outcome: str, seconds: float) -> None:
        """A provider was called: ``submit``, ``query``, …; ``outcome`` is ``ok`` or a code."""
        ...

    def spent(self, provider: ProviderName, micro_usd: int) -> None:
        """A provider reported what a task cost."""
        ...

    def callback_received(self, provider: ProviderName) -> None:
        """A provider called back about one of our generations."""
        ...


class NoTelemetry:
    """Instruments nobody reads."""

    def moved(self, before: State | None, after: State) -> None:
        """Ignore it."""

    def polled(self, provider: ProviderName, tasks: int) -> None:
        """Ignore it."""

    def delivered(self, lag_seconds: float) -> None:
        """Ignore it."""

    def step_failed(self, state: State) -> None:
        """Ignore it."""

    def refused(self, code: Code) -> None:
        """Ignore it."""

    def called(self, provider: ProviderName, call: str, outcome: str, seconds: float) -> None:
        """Ignore it."""

    def spent(self, provider: ProviderName, micro_usd: int) -> None:
        """Ignore it."""

    def callback_received(self, provider: ProviderName) -> None:
        """Ignore it."""
