"""The choice of a provider and model for a request.

Owns the order of the candidates, and which refusal is shown if there are none. The domain fits a
request to an offer; the engine knows how busy a provider is and whether it works.
"""

from collections.abc import Iterable, Sequence

from bot.domain.catalogue import Catalogue, ModelName, Offer, Plan, ProviderName
from bot.domain.errors import Code, Refused
from bot.domain.fitting import fit, modes_for
from bot.domain.generation import Generation
from bot.domain.ports.provider import Candidate, Provider
from bot.domain.request import VideoRequest

# In the order in which they are checked: the later the refusal, the closer the offer.
_NEARNESS = (
    Code.MODE_UNSUPPORTED,
    Code.PROMPT_MISSING,
    Code.INSTRUCTION_MISSING,
    Code.PROMPT_TOO_LONG,
    Code.TOO_MANY_IMAGES,
    Code.LAST_FRAME_UNSUPPORTED,
    Code.MEDIA_DURATION,
    Code.DURATION_UNSUPPORTED,
    Code.ASPECT_RATIO_UNSUPPORTED,
    Code.RESOLUTION_UNSUPPORTED,
)


class Router:
    """The enabled providers, in the configured order, and the catalogue of their offers."""

    def __init__(self, *, catalogue: Catalogue, providers: Sequence[Provider]) -> None:
        self._catalogue = catalogue
        self._providers = {provider.name: provider for provider in providers}

    def names(self) -> Sequence[ProviderName]:
        return tuple(self._providers)

    def get(self, name: ProviderName) -> Provider:
        return self._providers[name]

    def candidates(
        self,
        request: VideoRequest,
        *,
        parent: Generation | None = None,
        without: Sequence[ProviderName] = (),
    ) -> Sequence[Candidate]:
        """Return the providers that can serve a request, the best first, never empty.

        If the request names no model, the first model that can serve it is used: the parent's, the
        default, then the others in the catalogue's order.
        """
        open_names = [name for name in self._providers if name not in without]
        if not open_names:
            raise Refused(Code.NO_PROVIDER)
        refusals: list[Refused] = []
        for model in self._models(request, parent, open_names):
            found = self._serving(request, model, parent, open_names, refusals)
            if found:
                return found
        raise _nearest(refusals)

    def _models(
        self, request: VideoRequest, parent: Generation | None, names: Iterable[ProviderName]
    ) -> list[ModelName]:
        """Return the model families to try, each offered at one of ``names``; never empty."""
        offered = {offer.model for offer in self._catalogue.offers if offer.provider in names}
        if request.model is not None:
            if request.model in offered:
                return [ModelName(request.model)]
            if request.model in self._catalogue.models() and self._is_offered(request.model):
                # The model exists, but its providers refused.
                raise Refused(Code.NO_PROVIDER, model=request.model)
            allowed = [name for name in self._catalogue.models() if self._is_offered(name)]
            raise Refused(Code.MODEL_UNKNOWN, requested=request.model, allowed=allowed)
        if not offered:
            raise Refused(Code.NO_PROVIDER)
        first = [parent.plan.model] if parent is not None else []
        preferred = [*first, self._catalogue.default_model, *self._catalogue.models()]
        return [model for model in dict.fromkeys(preferred) if model in offered]

    def _is_offered(self, model: str) -> bool:
        return any(
            offer.model == model and offer.provider in self._providers
            for offer in self._catalogue.offers
        )

    def _serving(
        self,
        request: VideoRequest,
        model: ModelName,
        parent: Generation | None,
        names: Sequence[ProviderName],
        refusals: list[Refused],
    ) -> list[Candidate]:
        found: list[Candidate] = []
        for name in names:
            plan = _first_fit(request, self._catalogue.for_provider(name, model), model, refusals)
            if plan is not None:
                found.append(Candidate(provider=name, plan=plan))
        home = parent.task.provider if parent is not None and parent.task is not None else None
        found.sort(
            key=lambda one: (
                one.provider != home,
                len(one.plan.adjustments),
                names.index(one.provider),
            )
        )
        return found


def _first_fit(
    request: VideoRequest,
    offers: Sequence[Offer],
    model: ModelName,
    refusals: list[Refused],
) -> Plan | None:
    """Return the plan of the first mode that fits, and collect the refusals of the others."""
    by_mode = {offer.mode: offer for offer in offers}
    modes = modes_for(request)
    for mode in modes:
        if mode not in by_mode:
            continue
        try:
            return fit(request, by_mode[mode])
        except Refused as refusal:
            refusals.append(refusal)
    if offers and not any(mode in by_mode for mode in modes):
        refusals.append(
            Refused(
                Code.MODE_UNSUPPORTED,
                model=model,
                mode=modes[0].value,
                allowed=[mode.value for mode in by_mode],
            )
        )
    return None


def _nearest(refusals: Sequence[Refused]) -> Refused:
    """Return the refusal of the latest check, and of these the one that allows the most."""

    def rank(refusal: Refused) -> tuple[int, float]:
        known = refusal.code in _NEARNESS
        nearness = _NEARNESS.index(refusal.code) if known else len(_NEARNESS)
        limit = refusal.facts.get("limit", refusal.facts.get("maximum", 0))
        return nearness, limit if isinstance(limit, int | float) else 0

    # max returns the first of equals: the default model at the preferred provider.
    return max(refusals, key=rank)
