"""Generations that are stuck at a provider: failing uploads, results that cannot be fetched.

This module decides that a provider has too much trouble to pay for new tasks there. One success, or
the end of the stuck generations, lifts that. It knows nothing of the causes.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId

STUCK_AFTER = 3
"""This many stuck generations at one provider block it."""


class Stage(StrEnum):
    """The stage at which a generation is stuck."""

    UPLOAD = "upload"
    FETCH = "fetch"


@dataclass
class Stuck:
    """The generations whose last attempt failed, by provider and stage."""

    _those: dict[tuple[ProviderName, Stage], set[GenerationId]] = field(
        default_factory=dict[tuple[ProviderName, Stage], set[GenerationId]]
    )

    def failed(self, provider: ProviderName, stage: Stage, generation_id: GenerationId) -> None:
        """Record an attempt that failed for an outside reason."""
        self._those.setdefault((provider, stage), set()).add(generation_id)

    def succeeded(self, provider: ProviderName, stage: Stage) -> None:
        """Record a success: the stage works again."""
        self._those.pop((provider, stage), None)

    def forget(self, generation_id: GenerationId) -> None:
        """Forget a generation that has ended or has another owner."""
        for stuck in self._those.values():
            stuck.discard(generation_id)

    def blocks(self, provider: ProviderName, *, with_media: bool) -> bool:
        """Return True if nothing new should be sent there; uploads count only with media."""
        stages = [Stage.FETCH, Stage.UPLOAD] if with_media else [Stage.FETCH]
        return any(len(self._those.get((provider, stage), ())) >= STUCK_AFTER for stage in stages)
