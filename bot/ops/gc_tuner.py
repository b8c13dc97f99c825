"""Keeps the garbage collector's pauses short, however much is in memory.

A full collection visits every live object and blocks the event loop: with twenty thousand videos in
progress, for a quarter of a second every few seconds. If a collection takes too long, the objects
that survived it are therefore frozen (``gc.freeze``). They are still freed when nothing refers to
them; only cycles among them stay, until ``unfreeze``.
"""

import gc
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bot.domain.ports.clock import Clock

OLDEST_GENERATION = 2


@dataclass(kw_only=True)
class GcTuner:
    """Watches full collections inside its context. ``longest_pause`` is in seconds."""

    clock: Clock
    longest_pause: float = 0.03
    _began: float = 0.0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._watch)
        self.unfreeze()

    def unfreeze(self) -> None:
        """Let the next full collection visit all objects again."""
        gc.unfreeze()

    def _watch(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != OLDEST_GENERATION:
            return
        if phase == "start":
            self._began = self.clock.monotonic()
        elif self.clock.monotonic() - self._began > self.longest_pause:
            gc.freeze()
