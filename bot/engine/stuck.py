"""Where what is under way does not get on: files that cannot be uploaded, results not fetched.

Owns the judgement that a provider has so much trouble that nothing new should be paid for there.
It heals by itself: one success, or the end of those that are stuck. Knows nothing of the causes.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId

STUCK_AFTER = 3
"""This many generations that do not get on at the same provider are no accident."""


class Stage(StrEnum):
    """What a generation does not get past."""

    UPLOAD = "upload"
    FETCH = "fetch"


@dataclass
class Stuck:
    """The generations whose last try failed, by provider and stage."""

    _those: dict[tuple[ProviderName, Stage], set[GenerationId]] = field(
        default_factory=dict[tuple[ProviderName, Stage], set[GenerationId]]
    )

    def failed(self, provider: ProviderName, stage: Stage, generation_id: GenerationId) -> None:
        """A try failed for a reason outside."""
        self._those.setdefault((provider, stage), set()).add(generation_id)

    def succeeded(self, provider: ProviderName, stage: Stage) -> None:
        """A try succeeded: it works again."""
        self._those.pop((provider, stage), None)

    def forget(self, generation_id: GenerationId) -> None:
        """A generation has ended, or is somebody else's."""
        for stuck in self._those.values():
            stuck.discard(generation_id)

    def blocks(self, provider: ProviderName, *, with_media: bool) -> bool:
        """Whether nothing new should be begun there; uploads count only for requests with media."""
        stages = [Stage.FETCH, Stage.UPLOAD] if with_media else [Stage.FETCH]
        return any(len(self._those.get((provider, stage), ())) >= STUCK_AFTER for stage in stages)
