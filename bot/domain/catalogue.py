"""What the models of each provider can do and cost.

The entries are data (``bot/providers/catalog.toml`` and the operator's overrides). How a request is
fitted to one of them is in ``fitting``.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NewType

from bot.domain.request import VideoRequest

ModelName = NewType("ModelName", str)
"""Our name for a model family, the same for every provider: ``omni-flash``, ``omni-flash-1.1``."""

ProviderName = NewType("ProviderName", str)

AUTO = "auto"
_RATIO_SIGN = re.compile(r"(?<=\d)[x×/∶](?=\d)")


class Mode(StrEnum):
    """The way a model is used. A provider may have a separate model id for each mode."""

    TEXT = "text"
    IMAGE = "image"
    REFERENCE = "reference"
    EDIT = "edit"
    EXTEND = "extend"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One mode of one model at one provider.

    Durations are in seconds; ``max_duration`` is 0 if the mode has no duration parameter.
    ``aspect_ratios`` and ``resolutions`` are empty if there is no such parameter; the first entry
    of each is the default. ``micro_usd_per_second`` maps a resolution to a price; ``""`` is the
    entry for modes without a resolution parameter. ``max_source_seconds`` limits the length of the
    input video. ``spoken_duration`` is true if the range of durations applies but a duration can
    only be requested in the prompt.
    """

    provider: ProviderName
    model: ModelName
    mode: Mode
    model_id: str
    min_duration: int = 0
    max_duration: int = 0
    default_duration: int = 0
    auto_duration: bool = False
    spoken_duration: bool = False
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    min_images: int = 0
    max_images: int = 0
    last_frame: bool = False
    max_source_seconds: int = 0
    prompt_required: bool = True
    max_prompt: int = 4000
    estimated_seconds: int = 60
    micro_usd_per_second: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """An option that could not be met as requested, with the value that is used in its place.

    ``applied`` is None if the model decides. ``spoken`` is true if the prompt asks for ``applied``,
    so that the model may deviate from it.
    """

    option: str
    requested: str
    applied: str | None
    spoken: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A request fitted to an offer: exactly what will be submitted, and its price.

    ``duration`` is in seconds, None if the model decides; if the mode has no such parameter, the
    prompt asks for it. ``seconds`` is the length that is held in the ledger, ``micro_usd`` the
    estimated price.
    """

    provider: ProviderName
    model: ModelName
    mode: Mode
    model_id: str
    duration: int | None
    auto_duration: bool = False
    aspect_ratio: str | None
    resolution: str | None
    seconds: int
    micro_usd: int
    estimated_seconds: int
    adjustments: tuple[Adjustment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every offer, the display titles of the families, and the family used when none is named."""

    offers: tuple[Offer, ...]
    titles: Mapping[ModelName, str]
    default_model: ModelName

    def models(self) -> tuple[ModelName, ...]:
        """Return the families that have at least one offer, in the order of the catalogue."""
        offered = {offer.model for offer in self.offers}
        return tuple(name for name in self.titles if name in offered)

    def for_provider(self, provider: ProviderName, model: ModelName) -> tuple[Offer, ...]:
        """Return the offers of one family at one provider."""
        return tuple(o for o in self.offers if o.provider == provider and o.model == model)

    def understood(self, request: VideoRequest) -> VideoRequest:
        """Return the request with its options spelled as the offers spell them.

        Users type a label, capitals or spaces, or leave out a suffix ("720" for "720p"). An option
        that matches nothing stays as typed, so that the refusal can quote it.
        """
        ratios = dict.fromkeys(ratio for offer in self.offers for ratio in offer.aspect_ratios)
        sizes = dict.fromkeys(size for offer in self.offers for size in offer.resolutions)
        names = {
            _spelling(title): str(name) for name, title in reversed(tuple(self.titles.items()))
        }
        return replace(
            request,
            model=_spelled(request.model, names | {_spelling(n): n for n in self.titles}),
            aspect_ratio=_spelled(
                request.aspect_ratio, {_spelling(ratio): ratio for ratio in (*ratios, AUTO)}
            ),
            resolution=_spelled(
                request.resolution,
                {_spelling(size).removesuffix("p"): size for size in sizes}
                | {_spelling(size): size for size in (*sizes, AUTO)},
            ),
        )


def _spelling(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    return _RATIO_SIGN.sub(":", "".join(plain.split()).casefold())


def _spelled(typed: str | None, known: Mapping[str, str]) -> str | None:
    if typed is None or not typed.strip():
        return None
    return known.get(_spelling(typed), typed.strip())
