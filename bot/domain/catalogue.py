"""What the models of each provider can do and cost, and how a request is fitted to one of them.

This module owns the rules of fitting: what is refused, what is adjusted, and what it will cost. The
entries are data (``bot/providers/catalog.toml`` and the operator's overrides); each adapter writes
the request the way its provider expects it.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NewType

from bot.domain.errors import Code, Refused
from bot.domain.request import Operation, VideoRequest

ModelName = NewType("ModelName", str)
"""Our name for a model family, the same for every provider: ``omni-flash``, ``omni-flash-1.1``."""

ProviderName = NewType("ProviderName", str)

AUTO = "auto"
_RATIO_SIGN = re.compile(r"(?<=\d)[x×/∶](?=\d)")

AUTO_SECONDS = 10
"""The estimate for a video of unknown length, in seconds: the longest that these models make."""


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
    """Return a form that is equal for two spellings of the same option."""
    plain = unicodedata.normalize("NFKC", text)
    return _RATIO_SIGN.sub(":", "".join(plain.split()).casefold())


def _spelled(typed: str | None, known: Mapping[str, str]) -> str | None:
    if typed is None or not typed.strip():
        return None
    return known.get(_spelling(typed), typed.strip())


def modes_for(request: VideoRequest) -> tuple[Mode, ...]:
    """Return the modes that could serve a request, the best match first."""
    if request.operation is Operation.EXTEND:
        return (Mode.EXTEND,)
    if request.operation is Operation.EDIT or request.video is not None:
        return (Mode.EDIT,)
    if not request.images:
        return (Mode.TEXT,)
    if len(request.images) == 1 or request.last_frame is not None:
        return (Mode.IMAGE, Mode.REFERENCE)
    return (Mode.REFERENCE, Mode.IMAGE)


def fit(request: VideoRequest, offer: Offer) -> Plan:
    """Fit a request to an offer.

    Raises:
        Refused: PROMPT_MISSING, INSTRUCTION_MISSING, PROMPT_TOO_LONG, TOO_MANY_IMAGES,
            LAST_FRAME_UNSUPPORTED, MEDIA_DURATION, DURATION_UNSUPPORTED,
            ASPECT_RATIO_UNSUPPORTED or RESOLUTION_UNSUPPORTED, with facts that say what this model
            can do.
    """
    _check_inputs(request, offer)
    adjustments: list[Adjustment] = []
    duration, auto = _fit_duration(request, offer, adjustments)
    aspect_ratio = _fit_choice(
        "aspect_ratio",
        request.aspect_ratio,
        offer.aspect_ratios,
        Code.ASPECT_RATIO_UNSUPPORTED,
        offer,
        adjustments,
    )
    resolution = _fit_choice(
        "resolution",
        request.resolution,
        offer.resolutions,
        Code.RESOLUTION_UNSUPPORTED,
        offer,
        adjustments,
    )
    seconds = duration or AUTO_SECONDS
    if offer.mode is Mode.EDIT and request.source_ms:
        seconds = min(math.ceil(request.source_ms / 1000), AUTO_SECONDS)
    return Plan(
        provider=offer.provider,
        model=offer.model,
        mode=offer.mode,
        model_id=offer.model_id,
        duration=duration,
        auto_duration=auto,
        aspect_ratio=aspect_ratio,
        resolution=resolution,
        seconds=seconds,
        micro_usd=seconds * price(offer, resolution),
        estimated_seconds=offer.estimated_seconds,
        adjustments=tuple(adjustments),
    )


def price(offer: Offer, resolution: str | None) -> int:
    """Return micro-USD per second of video; the highest known if the resolution has no entry."""
    prices = offer.micro_usd_per_second
    if not prices:
        return 0
    return prices.get(resolution or "", max(prices.values()))


def _check_inputs(request: VideoRequest, offer: Offer) -> None:
    facts = {"model": offer.model, "mode": offer.mode.value}
    # Images alone can describe a video; a video to edit without an instruction cannot.
    if not request.prompt and (offer.prompt_required or not request.images):
        editing = offer.mode is Mode.EDIT
        raise Refused(Code.INSTRUCTION_MISSING if editing else Code.PROMPT_MISSING, **facts)
    if len(request.prompt) > offer.max_prompt:
        raise Refused(
            Code.PROMPT_TOO_LONG, length=len(request.prompt), limit=offer.max_prompt, **facts
        )
    if len(request.images) > offer.max_images:
        raise Refused(
            Code.TOO_MANY_IMAGES, given=len(request.images), limit=offer.max_images, **facts
        )
    if request.last_frame is not None and not offer.last_frame:
        raise Refused(Code.LAST_FRAME_UNSUPPORTED, **facts)
    longest = offer.max_source_seconds * 1000
    if longest and request.source_ms > longest + 500:
        raise Refused(
            Code.MEDIA_DURATION,
            seconds=math.ceil(request.source_ms / 1000),
            limit=offer.max_source_seconds,
            **facts,
        )


def _fit_duration(
    request: VideoRequest, offer: Offer, adjustments: list[Adjustment]
) -> tuple[int | None, bool]:
    """Return the duration to submit, and whether to submit the word "auto" instead."""
    requested = request.duration
    if not offer.max_duration:
        if requested is not None:
            adjustments.append(
                Adjustment(option="duration", requested=str(requested), applied=None)
            )
        return None, False
    if requested is None:
        return (None if offer.spoken_duration else offer.default_duration), False
    if requested == "auto":
        if offer.auto_duration:
            return None, True
        if offer.spoken_duration:
            return None, False
        applied = offer.default_duration
        adjustments.append(Adjustment(option="duration", requested="auto", applied=str(applied)))
        return applied, False
    if not offer.min_duration <= requested <= offer.max_duration:
        raise Refused(
            Code.DURATION_UNSUPPORTED,
            requested=requested,
            minimum=offer.min_duration,
            maximum=offer.max_duration,
            model=offer.model,
            mode=offer.mode.value,
        )
    if offer.spoken_duration:
        seconds = str(requested)
        adjustments.append(
            Adjustment(option="duration", requested=seconds, applied=seconds, spoken=True)
        )
    return requested, False


def _fit_choice(
    option: str,
    requested: str | None,
    allowed: Sequence[str],
    code: Code,
    offer: Offer,
    adjustments: list[Adjustment],
) -> str | None:
    if not allowed:
        if requested is not None and requested != "auto":
            adjustments.append(Adjustment(option=option, requested=requested, applied=None))
        return None
    if requested is None:
        return allowed[0]
    if requested in allowed:
        return requested
    if requested == "auto":
        adjustments.append(Adjustment(option=option, requested=requested, applied=allowed[0]))
        return allowed[0]
    raise Refused(
        code, requested=requested, allowed=list(allowed), model=offer.model, mode=offer.mode.value
    )
