"""What the services tell the operator's instruments. Nothing here can fail or wait."""

from typing import Protocol

from bot.domain.catalogue import ProviderName
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
